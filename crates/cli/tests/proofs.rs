//! Proofs on a copy that were once given though something was lost: each test is named after its
//! bug.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Stdio};

use stopover_testkit::{BARE, TestDatabase};

/// How a run ended, and all that it said, on one line.
fn apply(folder: &Path, url: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stopover"));
    command.env_clear().envs(BARE).current_dir(folder).stdin(Stdio::null());
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    let said = command.args(["apply", "--database-url", url]).output().unwrap();
    let text = [said.stdout, said.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    let words = text.iter().flat_map(|it| it.split_whitespace()).collect::<Vec<_>>();
    (said.status.code(), words.join(" "))
}

/// Applies `first`, lets others work with `meanwhile`, and has `then` run again in its place.
async fn rerun(
    database: &TestDatabase,
    url: &str,
    first: &str,
    meanwhile: &str,
    then: &str,
) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("migrations/1_one.up.sql");
    std::fs::create_dir(folder.path().join("migrations")).unwrap();
    std::fs::write(folder.path().join("stopover.toml"), "[heal]\nidempotent = [1]\n").unwrap();
    std::fs::write(&file, first).unwrap();
    let (code, said) = apply(folder.path(), url);
    assert_eq!(code, Some(0), "{said}");
    database.client().await.batch_execute(meanwhile).await.unwrap();
    std::fs::write(&file, then).unwrap();
    apply(folder.path(), url)
}

/// A refusal that says why.
async fn refused(first: &str, meanwhile: &str, then: &str, why: &str) {
    let database = TestDatabase::create().await;
    let (code, said) = rerun(&database, &database.url(), first, meanwhile, then).await;
    assert_eq!(code, Some(8), "{said}");
    assert!(said.contains(why), "{said}");
}

#[tokio::test]
async fn a_sequence_began_anew_and_nobody_saw_it() {
    refused(
        "CREATE TABLE t (id serial);",
        "SELECT setval('t_id_seq', 700)",
        "DROP TABLE t; CREATE TABLE t (id serial);",
        "re-running 1 would set sequence public.t_id_seq back from 701 to 1",
    )
    .await;
}

#[tokio::test]
async fn a_sequence_that_only_goes_on_is_no_loss() {
    let database = TestDatabase::create().await;
    let first = "CREATE TABLE IF NOT EXISTS t (id serial, a text UNIQUE);\n\
                 INSERT INTO t (a) VALUES ('x') ON CONFLICT DO NOTHING;";
    let then = format!("{first}\nSELECT 1;");
    let (code, said) = rerun(&database, &database.url(), first, "SELECT 1", &then).await;
    assert_eq!(code, Some(0), "{said}");
}

/// A dump has no settings of databases and roles: the copy looked for the table elsewhere, found
/// none, and dropped nothing.
#[tokio::test]
async fn a_copy_without_the_databases_search_path_kept_the_table_that_the_target_lost() {
    refused(
        "CREATE SCHEMA app; CREATE TABLE app.cache (v text);",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = \"$user\", \"app\", \
         public', current_database()); END $$",
        "DROP TABLE IF EXISTS cache;",
        "re-running 1 would drop table app.cache",
    )
    .await;
}

#[tokio::test]
async fn a_materialized_view_was_left_empty_and_nobody_saw_it() {
    refused(
        "CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;",
        "SELECT 1",
        "DROP MATERIALIZED VIEW m; CREATE MATERIALIZED VIEW m AS SELECT 1 AS a WITH NO DATA;",
        "materialized view public.m: filled before, not filled then",
    )
    .await;
}

#[tokio::test]
async fn large_objects_were_removed_and_nobody_saw_it() {
    refused(
        "SELECT lo_from_bytea(4711, 'abc');",
        "SELECT 1",
        "SELECT lo_unlink(oid) FROM pg_largeobject_metadata;",
        "re-running 1 would change the large objects: 1 of them",
    )
    .await;
}

#[tokio::test]
async fn rows_of_another_services_ledger_were_removed_and_nobody_saw_it() {
    refused(
        "CREATE SCHEMA other; CREATE TABLE other.flyway_schema_history (version text);\n\
         CREATE TABLE other.schema_migrations (version bigint, dirty boolean);",
        "INSERT INTO other.flyway_schema_history VALUES ('1');\
         INSERT INTO other.schema_migrations VALUES (7, false)",
        "DELETE FROM other.flyway_schema_history; DELETE FROM other.schema_migrations;",
        "re-running 1 would remove 1 of 1 rows of other.flyway_schema_history",
    )
    .await;
}

/// On the copy its owner makes it again; on the target it would be whoever deploys.
#[tokio::test]
async fn a_table_that_was_made_again_had_another_owner_than_on_the_copy() {
    let database = TestDatabase::create().await;
    let owner = format!("{}_owner", database.database());
    let meanwhile = format!(
        "CREATE ROLE {owner}; ALTER TABLE t OWNER TO {owner}; \
         ALTER SCHEMA stopover OWNER TO {owner}; \
         ALTER TABLE stopover.applied_migrations OWNER TO {owner}; \
         ALTER TABLE stopover.migration_journal OWNER TO {owner};"
    );
    let then = "DROP TABLE t; CREATE TABLE t (a int);";
    let first = "CREATE TABLE t (a int);";
    let (code, said) = rerun(&database, &database.url(), first, &meanwhile, then).await;
    database
        .client()
        .await
        .batch_execute(&format!("REASSIGN OWNED BY {owner} TO CURRENT_USER; DROP ROLE {owner}"))
        .await
        .unwrap();
    assert_eq!(code, Some(8), "{said}");
    assert!(said.contains("re-running 1 would drop and make again table public.t"), "{said}");
}

/// The same on a file, where a later migration did what happened meanwhile.
fn refused_on_a_file(first: &str, later: &str, then: &str, why: &str) {
    let folder = tempfile::tempdir().unwrap();
    let migrations = folder.path().join("migrations");
    std::fs::create_dir(&migrations).unwrap();
    std::fs::write(folder.path().join("stopover.toml"), "[heal]\nidempotent = [1]\n").unwrap();
    std::fs::write(migrations.join("1_one.up.sql"), first).unwrap();
    std::fs::write(migrations.join("2_two.up.sql"), later).unwrap();
    let (code, said) = apply(folder.path(), "sqlite:t.db");
    assert_eq!(code, Some(0), "{said}");
    std::fs::write(migrations.join("1_one.up.sql"), then).unwrap();
    let (code, said) = apply(folder.path(), "sqlite:t.db");
    assert_eq!(code, Some(8), "{said}");
    assert!(said.contains(why), "{said}");
}

#[test]
fn numbers_of_autoincrement_began_anew_and_nobody_saw_it() {
    refused_on_a_file(
        "CREATE TABLE t (id integer PRIMARY KEY AUTOINCREMENT);",
        "INSERT INTO t DEFAULT VALUES; INSERT INTO t DEFAULT VALUES; DELETE FROM t;",
        "DROP TABLE t; CREATE TABLE t (id integer PRIMARY KEY AUTOINCREMENT);",
        "re-running 1 would set the numbers of t back from 2 to 0",
    );
}

#[test]
fn a_programs_own_counter_was_set_back_and_nobody_saw_it() {
    refused_on_a_file(
        "CREATE TABLE IF NOT EXISTS t (id integer);",
        "PRAGMA user_version = 12;",
        "CREATE TABLE IF NOT EXISTS t (id integer); PRAGMA user_version = 9;",
        "re-running 1 would change PRAGMA user_version: 12 before, 9 then",
    );
}
