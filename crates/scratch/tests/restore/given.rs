//! Scratches on a server that somebody gives: what is ours goes, what is not ours stays.

use stopover_model::Silent;
use stopover_scratch::restore::{
    DatabaseIdentity, GivenError, GivenServer, KnownError, RestoreError, Restored, Sameness,
    mark_scratch,
};
use stopover_testkit::{Access, TestDatabase, shared};

use crate::fixture::{dump_of, piped, shop};

const SHOP: &str = "COMMENT ON EXTENSION plpgsql IS 'PL/pgSQL procedural language';\n\
    CREATE TABLE public.orders (id integer);\n\
    ALTER TABLE public.orders OWNER TO nobody_here;\n\
    COPY public.orders (id) FROM stdin;\n1\n2\n\\.\n\
    GRANT SELECT ON TABLE public.orders TO nobody_there;\n\
    ALTER DEFAULT PRIVILEGES FOR ROLE nobody_here GRANT SELECT ON TABLES TO nobody_there;\n\
    CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION pg_catalog.now();";

/// A login role of its own for a test, with options such as `CREATEDB`.
fn role(options: &str) -> (String, String) {
    let name = format!("given_{:016x}", rand::random::<u64>());
    shared().psql(&format!("CREATE ROLE {name} LOGIN PASSWORD 'secret' {options}"));
    (name, "secret".to_owned())
}

/// A database that an ordinary role owns.
async fn owned() -> (TestDatabase, Access) {
    let database = TestDatabase::create().await;
    let (name, password) = role("");
    database.psql(&format!("ALTER DATABASE {} OWNER TO {name}", database.database()));
    let access = database.as_role(&name, &password);
    (database, access)
}

async fn restored(given: &mut GivenServer, body: &str) -> Result<Restored, GivenError> {
    given.restore(piped(&dump_of(body)), None, &mut Silent).await
}

fn exists(database: &str) -> bool {
    let sql = format!("SELECT count(*) FROM pg_database WHERE datname = '{database}'");
    shared().psql(&sql) == "1"
}

fn count(known: &Restored, kind: KnownError) -> u64 {
    known.known_errors.iter().find(|(it, _)| *it == kind).map_or(0, |(_, count)| *count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_create_databases_gets_a_fresh_one_that_is_dropped_after() {
    let (name, password) = role("CREATEDB");
    let access = shared().to("postgres").as_role(&name, &password);
    let mut given = GivenServer::open(&access.url(), None).await.unwrap();
    let done = restored(&mut given, SHOP).await.unwrap();
    assert_eq!(done.owner, name);
    assert!(done.database.starts_with("stopover_scratch_"));
    assert!(exists(&done.database));
    assert_eq!(shared().to(&done.database).psql("SELECT sum(id) FROM public.orders"), "3");
    // Owner, grant, default privileges; the comment on plpgsql and the event trigger.
    assert_eq!(count(&done, KnownError::AbsentRole), 3);
    assert_eq!(count(&done, KnownError::NeedsSuperuser), 2);
    let config = given.config().unwrap().clone();
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("ALTER TABLE public.orders ADD COLUMN more text").await.unwrap();
    given.discard().await.unwrap();
    assert!(!exists(&done.database));
    given.discard().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superuser_never_executes_the_dump_and_leaves_no_role_behind() {
    let mut given = GivenServer::open(&shared().url(), None).await.unwrap();
    let hostile = "CREATE TABLE public.t (x text);\nCOPY public.t FROM PROGRAM 'id';";
    let error = restored(&mut given, hostile).await.unwrap_err();
    let GivenError::Restore(RestoreError::Sql { error, .. }) = error else { panic!("{error}") };
    assert_eq!(error.sqlstate.as_deref(), Some("42501"));
    let name = given.config().unwrap().get_dbname().unwrap().to_owned();
    let role = given.config().unwrap().get_user().unwrap().to_owned();
    given.discard().await.unwrap();
    assert!(!exists(&name));
    let left = shared().psql(&format!("SELECT count(*) FROM pg_roles WHERE rolname = '{role}'"));
    assert_eq!(left, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_shop_restores_with_a_given_superuser_and_belongs_to_one_role() {
    let mut given = GivenServer::open(&shared().url(), None).await.unwrap();
    let backup = piped(shop().await.plain.as_bytes());
    let done = given.restore(backup, None, &mut Silent).await.unwrap();
    let database = shared().to(&done.database);
    assert_eq!(database.psql("SELECT count(*) FROM app.orders"), "2000");
    // The roles are there, for it is the server that the shop was dumped from: they get nothing.
    let owner = "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'app.orders'::regclass";
    assert_eq!(database.psql(owner), done.owner);
    drop(database);
    given.discard().await.unwrap();
    assert!(!exists(&done.database));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_functions_owner_is_never_the_given_servers_superuser() {
    let mut given = GivenServer::open(&shared().url(), None).await.unwrap();
    let superuser = shared().psql("SELECT current_user");
    let body = format!(
        "CREATE FUNCTION public.f() RETURNS void SECURITY DEFINER LANGUAGE plpgsql AS
             $$ BEGIN COPY (SELECT 1) TO PROGRAM 'true'; END $$;
         ALTER FUNCTION public.f() OWNER TO {superuser};\nSELECT public.f();"
    );
    let error = restored(&mut given, &body).await.unwrap_err();
    let GivenError::Restore(RestoreError::Sql { error, .. }) = error else { panic!("{error}") };
    assert_eq!(error.sqlstate.as_deref(), Some("42501"));
    given.discard().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_marked_is_never_emptied() {
    let (database, access) = owned().await;
    access.psql("CREATE TABLE public.precious AS SELECT 1 AS x");
    let mut given = GivenServer::open(&access.url(), None).await.unwrap();
    let error = restored(&mut given, SHOP).await.unwrap_err();
    assert!(matches!(error, GivenError::NotMarked { .. }), "{error}");
    assert!(error.remedy().contains("stopover scratch mark"));
    given.discard().await.unwrap();
    assert_eq!(database.psql("SELECT x FROM public.precious"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_comment_is_no_mark() {
    let (database, access) = owned().await;
    let name = database.database();
    access.psql(&format!("COMMENT ON DATABASE {name} IS 'not a stopover scratch'"));
    let mut given = GivenServer::open(&access.url(), None).await.unwrap();
    let error = restored(&mut given, SHOP).await.unwrap_err();
    assert!(matches!(error, GivenError::NotMarked { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marked_database_is_emptied_and_filled_again_and_again() {
    let (database, access) = owned().await;
    mark_scratch(&access.url(), None).await.unwrap();
    access.psql(
        "CREATE SCHEMA old; CREATE TABLE old.t (x int); CREATE EXTENSION hstore SCHEMA old;
         CREATE TABLE public.old (x old.hstore); CREATE FUNCTION public.f() RETURNS int
         LANGUAGE sql AS 'SELECT 1'; CREATE PUBLICATION p FOR TABLE old.t;",
    );
    access.psql("SELECT lo_create(77)");
    for _ in 0..2 {
        let mut given = GivenServer::open(&access.url(), None).await.unwrap();
        let done = restored(&mut given, SHOP).await.unwrap();
        assert_eq!(done.database, database.database());
        given.discard().await.unwrap();
    }
    let left = "SELECT string_agg(nspname, ',') FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'
        AND nspname <> 'information_schema'";
    assert_eq!(database.psql(left), "public");
    let relations = "SELECT string_agg(relname, ',') FROM pg_class
        WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(database.psql(relations), "orders");
    assert_eq!(database.psql("SELECT count(*) FROM pg_publication"), "0");
    assert_eq!(database.psql("SELECT count(*) FROM pg_largeobject_metadata"), "0");
    assert_eq!(database.psql("SELECT count(*) FROM pg_extension WHERE extname = 'hstore'"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marked_database_with_something_that_is_not_ours_is_left_as_it_was() {
    let (database, access) = owned().await;
    mark_scratch(&access.url(), None).await.unwrap();
    access.psql("CREATE TABLE public.mine (x int)");
    database.psql("CREATE SCHEMA theirs; CREATE TABLE theirs.t (x int)");
    let mut given = GivenServer::open(&access.url(), None).await.unwrap();
    let error = restored(&mut given, SHOP).await.unwrap_err();
    assert!(matches!(error, GivenError::Refused { .. }), "{error}");
    assert_eq!(database.psql("SELECT count(*) FROM public.mine, theirs.t"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_target_itself_is_never_a_scratch_whatever_its_mark() {
    let (database, access) = owned().await;
    mark_scratch(&access.url(), None).await.unwrap();
    let production = DatabaseIdentity::of(&database.client().await).await.unwrap();
    let mut given = GivenServer::open(&access.url(), Some(production)).await.unwrap();
    let error = restored(&mut given, SHOP).await.unwrap_err();
    assert!(matches!(error, GivenError::IsTarget { .. }), "{error}");
    let error = mark_scratch(&access.url(), Some(production)).await.unwrap_err();
    assert!(matches!(error, GivenError::IsTarget { .. }), "{error}");
    let other = TestDatabase::create().await;
    let other = DatabaseIdentity::of(&other.client().await).await.unwrap();
    assert_eq!(production.sameness(other), Sameness::Different);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_rehearsals_do_not_share_a_marked_database() {
    let (_database, access) = owned().await;
    mark_scratch(&access.url(), None).await.unwrap();
    let mut first = GivenServer::open(&access.url(), None).await.unwrap();
    restored(&mut first, SHOP).await.unwrap();
    let mut second = GivenServer::open(&access.url(), None).await.unwrap();
    let error = restored(&mut second, SHOP).await.unwrap_err();
    assert!(matches!(error, GivenError::InUse { .. }), "{error}");
    first.discard().await.unwrap();
    restored(&mut second, SHOP).await.unwrap();
    second.discard().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_with_rights_on_the_host_is_not_lent_to_a_dump() {
    let (name, password) = role("CREATEDB");
    shared().psql(&format!("GRANT pg_execute_server_program TO {name}"));
    let access = shared().as_role(&name, &password);
    let error = GivenServer::open(&access.url(), None).await.unwrap_err();
    assert!(matches!(error, GivenError::TooPowerful { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_server_a_wrong_password_and_a_bad_url_are_told_apart() {
    let error = GivenServer::open("postgresql://u:secret@127.0.0.1:1/d", None).await.unwrap_err();
    assert!(matches!(error, GivenError::Unreachable { .. }), "{error}");
    assert!(!error.to_string().contains("secret"));
    let wrong = shared().as_role("nobody_of_that_name", "secret");
    let error = GivenServer::open(&wrong.url(), None).await.unwrap_err();
    assert!(matches!(error, GivenError::Unreachable { .. }), "{error}");
    let error = GivenServer::open("mysql://u@h/d", None).await.unwrap_err();
    assert!(matches!(error, GivenError::Url(_)), "{error}");
    let error = GivenServer::open("postgresql://u@h/d?sslmode=require", None).await.unwrap_err();
    assert!(matches!(error, GivenError::Tls { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_dump_leaves_nothing_on_a_given_server_after_discard() {
    let mut given = GivenServer::open(&shared().url(), None).await.unwrap();
    let dump = dump_of(SHOP);
    let cut = piped(&dump[..dump.len() - 60]);
    given.restore(cut, None, &mut Silent).await.unwrap_err();
    let name = given.config().unwrap().get_dbname().unwrap().to_owned();
    given.discard().await.unwrap();
    assert!(!exists(&name));
}

#[test]
fn restores_can_be_driven_from_any_thread() {
    fn sendable<T: Send>(_: impl FnOnce() -> T) {}
    sendable(|| GivenServer::open("", None));
    sendable(|| mark_scratch("", None));
    sendable(|| async {
        let mut given = GivenServer::open("", None).await?;
        given.restore(piped(b""), None, &mut Silent).await?;
        given.discard().await
    });
}
