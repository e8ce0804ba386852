//! goose's `goose_db_version`.

use super::{after, applied, drift, pending, rows, stage};
use stopover_contract::Fixture;
use stopover_model::{Layout, LedgerKind};

/// As goose before 3.17 made it, with what going down and up again left then
/// (`internal/dialects/postgres.go` of goose 3.16; `Down` added a row).
const OLD: &str = "CREATE TABLE goose_db_version (id serial NOT NULL, version_id bigint NOT NULL, \
     is_applied boolean NOT NULL, tstamp timestamp NULL DEFAULT now(), PRIMARY KEY (id)); \
     INSERT INTO goose_db_version (version_id, is_applied) VALUES \
     (0, true), (1, true), (2, true), (3, true), (3, false), (2, false), (2, true);";

fn files(stage: &super::Postgres, numbers: &[i64]) {
    for number in numbers {
        let text = format!(
            "-- +goose Up\nCREATE TABLE t{number} ();\n-- +goose Down\nDROP TABLE t{number};\n"
        );
        stage.write(&format!("{number:05}_t{number}.sql"), &text);
    }
}

#[tokio::test]
async fn it_is_made_with_the_row_of_the_empty_database() {
    let stage = stage(Layout::Goose, LedgerKind::Goose).await;
    files(&stage, &[1, 2]);
    stage.write("20260730120000_alone.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nVACUUM;\n");
    stage.apply().await;
    let all = "SELECT id, version_id, is_applied FROM goose_db_version ORDER BY id";
    assert_eq!(rows(&stage, all).await, "(1,0,t) (2,1,t) (3,2,t) (4,20260730120000,t)");
    let status = stage.status().await;
    assert_eq!((applied(&status).len(), pending(&status).len(), drift(&status)), (3, 0, vec![]));
    assert!(status.applied.iter().all(|it| it.applied_at.is_some()));
}

#[tokio::test]
async fn the_last_row_of_a_version_holds() {
    let stage = after(Layout::Goose, OLD).await;
    files(&stage, &[1, 2, 3]);
    let status = stage.status().await;
    assert_eq!(status.ledger.kind, LedgerKind::Goose);
    assert_eq!(
        (applied(&status), pending(&status)),
        (vec!["1".into(), "2".into()], vec!["3".into()])
    );
    stage.apply().await;
    assert_eq!(stage.applied().await, [1, 2, 3]);
    let last = "SELECT version_id, is_applied FROM goose_db_version ORDER BY id DESC LIMIT 1";
    assert_eq!(rows(&stage, last).await, "(3,t)");
}

#[tokio::test]
async fn a_block_between_marks_is_one_statement_and_fails_as_one() {
    let stage = stage(Layout::Goose, LedgerKind::Goose).await;
    stage.write(
        "1_a.sql",
        "-- +goose NO TRANSACTION\n-- +goose Up\n-- +goose StatementBegin\n\
         CREATE TABLE kept ();\nSELECT 1/0;\n-- +goose StatementEnd\n",
    );
    let ended = stage.try_apply().await.0.unwrap().ending;
    let stopover_engine::Ending::Failed { failed, .. } = ended else { panic!("{ended:?}") };
    assert_eq!((failed.error.line, failed.statement), (4, Some(1)));
    assert!(!stage.has("kept").await, "the server takes it as one, and so rolls it back");
    assert_eq!(stage.database.value("SELECT count(*) FROM goose_db_version").await, "1");
}
