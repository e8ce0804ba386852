//! Flyway's `flyway_schema_history`.

use super::{after, applied, drift, pending, rows, stage};
use stopover_model::report::DriftKind;
use stopover_model::{Layout, LedgerKind};

/// As Flyway 11 makes it (`PostgreSQLDatabase.getRawCreateScript`).
const TABLE: &str = "CREATE TABLE \"public\".\"flyway_schema_history\" (\n\
     \"installed_rank\" INT NOT NULL,\n\"version\" VARCHAR(50),\n\
     \"description\" VARCHAR(200) NOT NULL,\n\"type\" VARCHAR(20) NOT NULL,\n\
     \"script\" VARCHAR(1000) NOT NULL,\n\"checksum\" INTEGER,\n\
     \"installed_by\" VARCHAR(100) NOT NULL,\n\
     \"installed_on\" TIMESTAMP NOT NULL DEFAULT now(),\n\"execution_time\" INTEGER NOT NULL,\n\
     \"success\" BOOLEAN NOT NULL\n);\n\
     ALTER TABLE \"public\".\"flyway_schema_history\" ADD CONSTRAINT \"flyway_schema_history_pk\" \
     PRIMARY KEY (\"installed_rank\");\n\
     CREATE INDEX \"flyway_schema_history_s_idx\" ON \"public\".\"flyway_schema_history\" (\"success\");";

/// The table with rows of `(rank, version, description, type, checksum, success)`.
fn made(rows: &str) -> String {
    format!(
        "{TABLE} INSERT INTO flyway_schema_history (installed_rank, version, description, type, \
         script, checksum, installed_by, execution_time, success) \
         SELECT r.rank, r.version, r.description, r.type, 'x.sql', r.checksum, 'app', 1, r.success \
         FROM (VALUES {rows}) r (rank, version, description, type, checksum, success);"
    )
}

/// What Flyway computes, by Java's `CRC32` over the lines that `BufferedReader` gives
/// (`ChecksumCalculator.java`).
const PERSON: (&str, i64) = (
    "create table PERSON (\n    ID int not null,\n    NAME varchar(100) not null\n);\n",
    1_715_188_512,
);
const LINES: (&str, i64) = ("\u{feff}SELECT 'größe';\r\nSELECT 2;\rSELECT 3", -1_480_939_487);

#[tokio::test]
async fn it_is_written_as_flyway_writes_it() {
    let stage = stage(Layout::Flyway, LedgerKind::Flyway).await;
    stage.write("V1__Create_person_table.sql", PERSON.0);
    stage.write("sub/V1_2__lines.sql", LINES.0);
    stage.write("V02__alone.sql", "VACUUM;");
    stage.write("R__my_views.sql", "CREATE OR REPLACE VIEW v AS SELECT 1 AS a;");
    stage.apply().await;
    let all = "SELECT installed_rank, version, description, type, script, checksum, success \
               FROM flyway_schema_history WHERE installed_by = current_user \
               AND execution_time >= 0 AND installed_on IS NOT NULL ORDER BY installed_rank";
    let written = rows(&stage, all).await;
    for row in [
        format!("(1,1,\"Create person table\",SQL,V1__Create_person_table.sql,{},t)", PERSON.1),
        format!("(2,1.2,lines,SQL,sub/V1_2__lines.sql,{},t)", LINES.1),
        "(3,02,alone,SQL,V02__alone.sql,".to_owned(),
        "(4,,\"my views\",SQL,R__my_views.sql,".to_owned(),
    ] {
        assert!(written.contains(&row), "{row} in {written}");
    }
    let status = stage.status().await;
    assert_eq!(applied(&status), ["1", "1.2", "02", "R__my_views"]);
    assert_eq!((pending(&status).len(), drift(&status)), (0, vec![]));

    // A repeatable migration that has changed runs again, and has another row.
    stage.write("R__my_views.sql", "CREATE OR REPLACE VIEW v AS SELECT 1 AS a, 2 AS b;");
    assert_eq!(pending(&stage.status().await), ["R__my_views"]);
    stage.apply().await;
    assert_eq!(pending(&stage.status().await), Vec::<String>::new());
    let again =
        "SELECT installed_rank, description FROM flyway_schema_history WHERE version IS NULL";
    assert_eq!(rows(&stage, again).await, "(4,\"my views\") (5,\"my views\")");
}

#[tokio::test]
async fn the_table_is_the_one_that_flyway_makes() {
    const LOOK: &str = "SELECT pg_get_constraintdef(c.oid), c.conname, \
        (SELECT string_agg(indexdef, ';' ORDER BY indexname) FROM pg_indexes \
         WHERE tablename = 'flyway_schema_history') AS indexes, \
        (SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull, \
         ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.conrelid AND attnum > 0) AS columns \
        FROM pg_constraint c WHERE c.conrelid = 'flyway_schema_history'::regclass AND c.contype = 'p'";
    let flyways = after(Layout::Flyway, TABLE).await;
    let ours = stage(Layout::Flyway, LedgerKind::Flyway).await;
    ours.write("V1__a.sql", "SELECT 1;");
    ours.apply().await;
    assert_eq!(rows(&ours, LOOK).await, rows(&flyways, LOOK).await);
}

#[tokio::test]
async fn a_versions_state_follows_from_all_of_its_rows() {
    let stage = after(
        Layout::Flyway,
        &made(
            "(0, NULL, '<< Flyway Schema Creation >>', 'SCHEMA', NULL::int, true), \
             (1, '1', '<< Flyway Baseline >>', 'BASELINE', NULL, true), \
             (2, '2.0', 'two', 'SQL', NULL, true), (3, '3', 'three', 'SQL', NULL, true), \
             (4, NULL, 'views', 'SQL', 5, true), (5, '3', 'three', 'UNDO_SQL', NULL, true), \
             (6, '4', 'gone', 'SQL', NULL, true), (7, '4', 'gone', 'DELETE', NULL, true), \
             (8, NULL, 'views', 'SQL', 6, true), (9, '5', 'failed', 'SQL', NULL, false)",
        ),
    )
    .await;
    for name in ["V1__one", "V2__two", "V3__three", "V5__failed", "R__new"] {
        stage.write(&format!("{name}.sql"), "SELECT 1;");
    }
    let status = stage.status().await;
    assert_eq!(status.ledger.kind, LedgerKind::Flyway);
    assert_eq!(applied(&status), ["1", "2.0", "R__views"]);
    assert_eq!(pending(&status), ["3", "R__new"], "4 is gone, and nobody misses it");
    let told = [(DriftKind::Dirty, "5".to_owned()), (DriftKind::Orphan, "R__views".to_owned())];
    let mut found = drift(&status);
    found.sort_by(|a, b| a.1.cmp(&b.1));
    assert_eq!(found, told);
}

#[tokio::test]
async fn an_edit_and_a_new_description_are_drift() {
    let stage = after(
        Layout::Flyway,
        &made(&format!(
            "(1, '1', 'Create person table', 'SQL', {}, true), (2, '1.2', 'old name', 'SQL', {}, true)",
            PERSON.1, LINES.1
        )),
    )
    .await;
    stage.write("V1__Create_person_table.sql", PERSON.0);
    stage.write("V1_2__lines.sql", LINES.0);
    assert_eq!(drift(&stage.status().await), [(DriftKind::Renamed, "1.2".to_owned())]);
    stage.write("V1__Create_person_table.sql", "SELECT 1;");
    let found = drift(&stage.status().await);
    assert!(found.contains(&(DriftKind::Modified, "1".to_owned())), "{found:?}");
}

#[tokio::test]
async fn a_migration_that_failed_outside_of_a_transaction_stops_flyway_too() {
    let stage = stage(Layout::Flyway, LedgerKind::Flyway).await;
    stage.write("V1_0__a.sql", "CREATE TABLE a ();\nSELECT 1/0;");
    stage.write("V1_0__a.sql.conf", "executeInTransaction=false");
    let ended = stage.try_apply().await.0.unwrap().ending;
    assert!(matches!(ended, stopover_engine::Ending::Failed { .. }), "{ended:?}");
    let all = "SELECT version, success FROM flyway_schema_history ORDER BY installed_rank";
    assert_eq!(rows(&stage, all).await, "(1.0,f)");
    // It goes on where it stopped, and its row is one of success then.
    stage.write("V1_0__a.sql", "CREATE TABLE a ();\nSELECT 1;");
    stage.apply().await;
    assert_eq!(rows(&stage, all).await, "(1.0,t)");
    assert_eq!(drift(&stage.status().await), []);
}
