//! dbmate's `schema_migrations`.

use super::{after, applied, drift, pending, rows, stage};
use stopover_model::{Layout, LedgerKind};

/// As dbmate 2.36 makes it, and what it writes for these files.
const MADE: &str = "CREATE TABLE public.schema_migrations (version varchar PRIMARY KEY); \
     CREATE TABLE a (); INSERT INTO public.schema_migrations VALUES ('007'), ('20260101000000');";

fn file(table: &str) -> String {
    format!(
        "-- migrate:up\nCREATE TABLE {table} (id int);\n\n-- migrate:down\nDROP TABLE {table};\n"
    )
}

#[tokio::test]
async fn versions_are_written_as_the_files_write_them() {
    let stage = stage(Layout::Dbmate, LedgerKind::Dbmate).await;
    stage.write("007_seven.sql", &file("seven"));
    stage.write("20260101000000_a.sql", &file("a"));
    stage
        .write("20260102000000.sql", "-- migrate:up transaction:false\nVACUUM;\n-- migrate:down\n");
    stage.apply().await;
    let all = "SELECT version FROM schema_migrations ORDER BY version";
    assert_eq!(rows(&stage, all).await, "(007) (20260101000000) (20260102000000)");
    let status = stage.status().await;
    assert_eq!((pending(&status).len(), drift(&status)), (0, vec![]));
}

#[tokio::test]
async fn it_is_found_by_its_form_and_gone_on_with() {
    let stage = after(Layout::Dbmate, MADE).await;
    stage.write("007_seven.sql", &file("seven"));
    stage.write("20260101000000_a.sql", &file("a"));
    stage.write("20260102000000_b.sql", &file("b"));
    let status = stage.status().await;
    assert_eq!(status.ledger.kind, LedgerKind::Dbmate);
    assert_eq!(applied(&status), ["7", "20260101000000"]);
    assert_eq!(pending(&status), ["20260102000000"]);
    stage.apply().await;
    assert_eq!(stage.applied().await.len(), 3);
}

#[tokio::test]
async fn tables_of_the_same_name_that_are_not_dbmates_are_not_taken_for_its() {
    for other in [
        // golang-migrate (`database/postgres/postgres.go`)
        "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)",
        // Ecto (`lib/ecto/migration/schema_migration.ex`)
        "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
        // Rails (`active_record/schema_migration.rb`): the same column, and another table beside
        "CREATE TABLE schema_migrations (version varchar PRIMARY KEY); \
         CREATE TABLE ar_internal_metadata (key varchar PRIMARY KEY)",
        // dbmate's own, where the role does not see it
        "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.schema_migrations (version varchar PRIMARY KEY)",
    ] {
        let stage = after(Layout::Pairs, other).await;
        stage.makes_tables(&["1_users"]);
        let status = stage.status().await;
        assert_eq!(status.ledger.kind, LedgerKind::Stopover, "{other}");
        assert_eq!(status.drift.len(), 1, "it is a history of somebody's: {other}");
    }
}
