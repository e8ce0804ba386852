//! refinery's `refinery_schema_history`.

use super::{after, applied, drift, pending, rows, stage};
use stopover_contract::Fixture;
use stopover_model::report::DriftKind;
use stopover_model::{Layout, LedgerKind};

const ONE: &str =
    "CREATE TABLE persons (\n    id int,\n    name varchar(255),\n    city varchar(255)\n);\n";
const TWO: &str = "CREATE TABLE cars (\n    id int,\n    name varchar(255)\n);\n";

/// As refinery makes it (`refinery_core/src/traits/mod.rs`), and what its own tests expect of
/// `migrations_broken` (`refinery/tests/postgres.rs`), by the type of the version.
fn made(integer: &str, checksums: [&str; 2]) -> String {
    let [one, two] = checksums;
    format!(
        "CREATE TABLE IF NOT EXISTS refinery_schema_history(version {integer} PRIMARY KEY, \
         name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255)); \
         INSERT INTO refinery_schema_history (version, name, applied_on, checksum) VALUES \
         (1, 'initial', '2026-11-20T11:54:57.476642831Z', '{one}'), \
         (2, 'add_cars_table', '2026-11-20T11:54:57Z', '{two}');"
    )
}

const NARROW: [&str; 2] = ["2959965718684201605", "8238603820526370208"];
const WIDE: [&str; 2] = ["13938959368620441626", "5394706226941044339"];

#[tokio::test]
async fn it_is_written_as_refinery_writes_it() {
    let stage = stage(Layout::Refinery, LedgerKind::Refinery).await;
    stage.write("V1__initial.sql", ONE);
    stage.write("cars/V2__add_cars_table.sql", TWO);
    stage.apply().await;
    let all = "SELECT version, name, checksum FROM refinery_schema_history ORDER BY version";
    let [one, two] = NARROW;
    assert_eq!(rows(&stage, all).await, format!("(1,initial,{one}) (2,add_cars_table,{two})"));
    let form = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}Z$";
    let times = format!("SELECT count(*) FROM refinery_schema_history WHERE applied_on ~ '{form}'");
    assert_eq!(stage.database.value(&times).await, "2");
    let types = "SELECT string_agg(format_type(atttypid, atttypmod), ',' ORDER BY attnum) \
                 FROM pg_attribute WHERE attrelid = 'refinery_schema_history'::regclass AND attnum > 0";
    let expected = "integer,character varying(255),character varying(255),character varying(255)";
    assert_eq!(stage.database.value(types).await, expected);
}

#[tokio::test]
async fn checksums_are_those_of_the_columns_width() {
    for (integer, own, other) in [("int4", NARROW, WIDE), ("int8", WIDE, NARROW)] {
        let stage = after(Layout::Refinery, &made(integer, own)).await;
        stage.write("V1__initial.sql", ONE);
        stage.write("V2__add_cars_table.sql", TWO);
        stage.write("V3__more.sql", "CREATE TABLE more ();");
        let status = stage.status().await;
        assert_eq!(status.ledger.kind, LedgerKind::Refinery);
        assert_eq!((applied(&status).len(), drift(&status)), (2, vec![]), "{integer}");
        assert!(status.applied.iter().all(|it| it.applied_at.is_some()));
        stage.apply().await;
        assert_eq!(drift(&stage.status().await), [], "{integer}");

        let wrong = after(Layout::Refinery, &made(integer, other)).await;
        wrong.write("V1__initial.sql", ONE);
        wrong.write("V2__add_cars_table.sql", TWO);
        let modified = ["1", "2"].map(|it| (DriftKind::Modified, it.to_owned()));
        assert_eq!(drift(&wrong.status().await), modified, "{integer}");
    }
}

#[tokio::test]
async fn a_u_file_may_come_after_higher_versions() {
    let stage = after(Layout::Refinery, &made("int4", NARROW)).await;
    stage.write("V1__initial.sql", ONE);
    stage.write("V2__add_cars_table.sql", TWO);
    stage.write("U0__merged_late.sql", "CREATE TABLE late ();");
    let status = stage.status().await;
    assert_eq!(pending(&status), ["0"]);
    assert!(!status.pending[0].out_of_order);
    let done = stage.apply().await;
    assert_eq!(done.findings, []);
}
