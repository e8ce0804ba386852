//! The test kit's own story: a database of one's own, and nothing left of it.

use stopover_testkit::{TestDatabase, TestServer, shared};

#[tokio::test]
async fn each_database_is_fresh_and_ones_own() {
    let (one, other) = (TestDatabase::create().await, TestDatabase::create().await);
    one.client().await.batch_execute("CREATE TABLE t AS SELECT 7 AS x").await.unwrap();
    assert_eq!(one.psql("SELECT x FROM t"), "7");
    assert_eq!(other.psql("SELECT count(*) FROM pg_class WHERE relname = 't'"), "0");
    assert!(one.pg_dump(&["--schema-only"]).contains("CREATE TABLE public.t"));
}

#[tokio::test]
async fn a_copy_has_what_its_template_had() {
    let template = TestDatabase::create().await;
    template.psql("CREATE TABLE t AS SELECT 7 AS x");
    let copy = TestDatabase::create_from(&template).await;
    assert_eq!(copy.psql("SELECT x FROM t"), "7");
}

#[tokio::test]
async fn a_database_is_gone_with_its_value_even_while_somebody_is_connected() {
    let database = TestDatabase::create().await;
    let name = database.database().to_owned();
    let client = database.client().await;
    drop(database);
    let left = shared().psql(&format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'"));
    assert_eq!(left, "0");
    assert!(client.simple_query("SELECT 1").await.is_err());
}

#[tokio::test]
async fn the_url_works_for_psql_and_for_the_driver() {
    let database = TestDatabase::create().await;
    let config: tokio_postgres::Config = database.url().parse().unwrap();
    assert_eq!(&config, database.config());
    let mut psql = database.command(stopover_scratch::binaries::Program::Psql);
    for name in ["PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE"] {
        psql.env_remove(name);
    }
    let output = psql.args(["-XAtc", "SELECT current_database()"]).arg(database.url()).output();
    let said = String::from_utf8(output.unwrap().stdout).unwrap();
    assert_eq!(said.trim(), database.database());
}

#[tokio::test]
async fn a_server_of_ones_own_can_be_killed() {
    let server = TestServer::start().await;
    let database = TestDatabase::create_on(&server).await;
    let client = database.client().await;
    server.kill();
    while client.simple_query("SELECT 1").await.is_ok() {}
    assert_eq!(shared().psql("SELECT 1"), "1", "the shared server lives on");
    drop(database);
    let folder = server.server().folder().to_owned();
    server.stop().await;
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_killed_server_comes_up_again_with_what_was_committed() {
    let mut server = TestServer::start().await;
    let database = TestDatabase::create_on(&server).await;
    database.psql("CREATE TABLE t (x int)");
    // Tests' servers do not wait for the disk when they commit.
    database.psql("CHECKPOINT");
    for _ in 0..3 {
        server.kill();
        server.restart().await;
        assert_eq!(database.psql("SELECT count(*) FROM t"), "0");
    }
    server.restart().await;
    assert_eq!(database.psql("SELECT count(*) FROM t"), "0", "also when it was still running");
}
