//! Rows that are lost where no migration says so.

use std::time::Duration;

use stopover_backend::{Stop, StopSignal};
use stopover_engine::{Ending, EngineError, Postflight, Request, Safeguards, apply_safely};
use stopover_model::Silent;
use stopover_model::report::{Override, Safeguard};

use crate::stage::{NOTE, Stage, only};

/// A table that no migration names, a function that empties it, and what may run it. It names the
/// table's schema: since PostgreSQL 17 a materialized view is filled with `search_path` at
/// `pg_catalog`, and a function that does not would fail, not delete.
const HIDDEN: &str = "CREATE TABLE audit (id int); INSERT INTO audit VALUES (1), (2); \
    INSERT INTO orders VALUES (1, 1); \
    CREATE FUNCTION oops() RETURNS int LANGUAGE plpgsql \
      AS 'BEGIN DELETE FROM public.audit; RETURN 0; END'; \
    CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql \
      AS 'BEGIN DELETE FROM audit; RETURN NULL; END'; \
    CREATE FUNCTION guard() RETURNS event_trigger LANGUAGE plpgsql \
      AS 'BEGIN DELETE FROM public.audit; END'; \
    CREATE VIEW seen AS SELECT id FROM apart;";

/// What the census says of a migration on top of [`HIDDEN`] and `planted`.
async fn lost_by(planted: &str, migration: &str) -> Vec<String> {
    let stage = Stage::new().await;
    stage.psql(HIDDEN);
    stage.psql(planted);
    let stage = stage.with(2, migration);
    let before = stage.before().await;
    stage.apply().await;
    let asked =
        Postflight { limits: stage.limits.clone(), before: Some(&before), ..Postflight::default() };
    let report = stage.postflight_as(&stage.database, &asked).await;
    let lost = report.findings.into_iter().filter(|it| it.code == "census" && it.is_error());
    lost.map(|it| it.subject).collect()
}

#[tokio::test]
async fn rows_that_a_function_deletes_elsewhere_are_missed_whichever_statement_calls_it() {
    for migration in [
        "ALTER TABLE orders ADD COLUMN q int DEFAULT oops();",
        "UPDATE orders SET id = id + 1000 + oops();",
        "INSERT INTO orders VALUES (5 + public.\"oops\"  -- (\n (), 1);",
        "CREATE TABLE made AS SELECT oops() AS a;",
        "CREATE MATERIALIZED VIEW made AS SELECT oops() AS a;",
        "COPY (SELECT oops()) TO PROGRAM 'cat > /dev/null';",
        "WITH gone AS (DELETE FROM audit RETURNING id) INSERT INTO apart SELECT id FROM gone;",
        "MERGE INTO audit a USING orders o ON true WHEN MATCHED THEN DELETE;",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE plpgsql \
           AS 'BEGIN DELETE FROM audit; RETURN 0; END'; UPDATE orders SET id = mine();",
    ] {
        if migration.starts_with("MERGE") && !stopover_testkit::needs(15, "it knows MERGE") {
            continue;
        }
        assert_eq!(lost_by("", migration).await, ["public.audit"], "{migration}");
    }
}

#[tokio::test]
async fn rows_that_what_hangs_on_a_table_deletes_elsewhere_are_missed() {
    for (planted, migration) in [
        (
            "CREATE TRIGGER t AFTER UPDATE ON orders EXECUTE FUNCTION fire()",
            "UPDATE orders SET id = id;",
        ),
        (
            "ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers \
               ON UPDATE CASCADE NOT VALID; INSERT INTO customers VALUES (1); \
             CREATE TRIGGER t AFTER UPDATE ON orders EXECUTE FUNCTION fire()",
            "UPDATE customers SET id = 2;",
        ),
        (
            "CREATE RULE r AS ON INSERT TO apart DO ALSO DELETE FROM audit",
            "INSERT INTO apart VALUES (1);",
        ),
        ("CREATE OR REPLACE VIEW seen AS SELECT id FROM audit", "DELETE FROM seen;"),
        ("ALTER TABLE apart ADD COLUMN q int DEFAULT oops()", "INSERT INTO apart VALUES (1);"),
        ("CREATE TRIGGER t AFTER TRUNCATE ON apart EXECUTE FUNCTION fire()", "TRUNCATE apart;"),
        (
            "CREATE MATERIALIZED VIEW kept AS SELECT oops() AS a WITH NO DATA",
            "REFRESH MATERIALIZED VIEW kept;",
        ),
        (
            "CREATE FUNCTION purge_nextval(int) RETURNS int LANGUAGE sql AS 'SELECT public.oops()'",
            "SELECT purge_nextval(1);",
        ),
        ("CREATE VIEW calling AS SELECT oops() AS a", "INSERT INTO apart SELECT * FROM calling;"),
        (
            "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION guard()",
            "ALTER TABLE orders ADD COLUMN q int;",
        ),
    ] {
        assert_eq!(lost_by(planted, migration).await, ["public.audit"], "{migration}");
    }
}

#[tokio::test]
async fn code_that_the_plan_does_not_run_keeps_nobody_from_counting_few_tables() {
    let stage = Stage::new().await.with(
        2,
        "ALTER TABLE orders ADD COLUMN note varchar(10) DEFAULT upper('x'); \
         UPDATE orders SET note = lower(note); CREATE INDEX ON customers (abs(id));",
    );
    stage.psql(HIDDEN);
    stage.psql("CREATE TRIGGER t AFTER INSERT ON apart EXECUTE FUNCTION fire()");
    let before = stage.before().await;
    stage.apply().await;
    // The business goes on.
    stage.psql("DELETE FROM audit");
    let asked =
        Postflight { limits: stage.limits.clone(), before: Some(&before), ..Postflight::default() };
    let report = stage.postflight_as(&stage.database, &asked).await;
    assert!(report.validation_passed, "{:#?}", report.findings);
}

/// What the census says, in full.
async fn said_of(migration: &str) -> Vec<String> {
    let stage = Stage::new().await.with(2, migration);
    stage.psql("INSERT INTO apart VALUES (1), (2)");
    let before = stage.before().await;
    stage.apply().await;
    let asked =
        Postflight { limits: stage.limits.clone(), before: Some(&before), ..Postflight::default() };
    let report = stage.postflight_as(&stage.database, &asked).await;
    report.findings.into_iter().filter(|it| it.code == "census").map(|it| it.message).collect()
}

#[tokio::test]
async fn a_table_under_another_name_is_the_same_one() {
    let nothing: [&str; 0] = [];
    assert_eq!(said_of("ALTER TABLE apart RENAME TO \"Beside\";").await, nothing);
    let text = "CREATE SCHEMA s; ALTER TABLE apart SET SCHEMA s;";
    assert_eq!(said_of(text).await, nothing);
    let text = "CREATE TABLE new (id int); INSERT INTO new SELECT id FROM apart; DROP TABLE apart; \
                ALTER TABLE new RENAME TO apart;";
    assert_eq!(said_of(text).await, nothing, "made anew with all its rows");
    assert_eq!(
        said_of("ALTER TABLE apart RENAME TO beside; DELETE FROM beside WHERE id = 1;").await,
        ["public.apart had 2 rows before the apply, and has 1; it is called public.beside now"]
    );
    assert_eq!(
        said_of("ALTER TABLE apart RENAME TO beside; CREATE TABLE apart (id int);").await,
        ["public.apart had 2 rows before the apply; another table has its name now, with 0 rows, \
          and its own rows are in public.beside"]
    );
}

#[tokio::test]
async fn what_cannot_be_counted_before_is_refused_before_the_first_statement() {
    let stage = Stage::new().await.with(2, NOTE);
    let owner = stage.role(
        "ALTER TABLE orders OWNER TO $role; ALTER TABLE orders ENABLE ROW LEVEL SECURITY; \
         ALTER TABLE orders FORCE ROW LEVEL SECURITY; GRANT ALL ON SCHEMA public, stopover TO $role; \
         GRANT ALL ON ALL TABLES IN SCHEMA stopover TO $role",
    );
    let backend = stage.backend(&owner);
    let counting = Safeguards { postflight: Some(stage.limits.clone()), ..Safeguards::default() };
    let refused = apply_safely(&backend, &stage.request(), &counting, &mut Silent).await;
    let Err(EngineError::Refused(findings)) = refused else { panic!("{refused:?}") };
    let found = only(&findings, "census");
    assert!(found.is_error() && found.message.starts_with("could not be counted: "), "{found:?}");
    assert!(found.remedy.contains("--force"), "{found:?}");
    let columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'orders'";
    assert_eq!(stage.psql(columns), "2", "nothing was run");

    let decision = Override {
        safeguard: Safeguard::Preflight,
        by: "ann".to_owned(),
        reason: Some("the table is empty".to_owned()),
    };
    let forced = Safeguards { overrides: vec![decision], ..counting };
    let applied = apply_safely(&backend, &stage.request(), &forced, &mut Silent).await;
    let applied = applied.expect("it begins");
    assert!(matches!(applied.ending, Ending::Complete), "{applied:?}");
    assert_eq!(stage.psql(columns), "3");
    stage.forget(&owner);
}

#[tokio::test]
async fn a_change_by_hand_behind_a_run_that_was_stopped_is_told() {
    let stage = Stage::new().await.with(2, NOTE).with(3, "SELECT pg_sleep(60);");
    let backend = stage.backend(&stage.database);
    let (ask, stop) = Stop::channel();
    let request = Request { stop, ..stage.request() };
    let guards = Safeguards { postflight: Some(stage.limits.clone()), ..Safeguards::default() };
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' \
                  AND query LIKE 'SELECT pg_sleep(60)%' AND datname = current_database()";
    let asking = async {
        while stage.psql(asleep) == "0" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        ask.stop(StopSignal::Terminate);
    };
    let applying = async { apply_safely(&backend, &request, &guards, &mut Silent).await };
    let (applied, ()) = tokio::join!(applying, asking);
    let applied = applied.expect("it begins");
    assert!(matches!(applied.ending, Ending::Stopped(_)), "{applied:?}");
    let report = stage.preflight().await;
    assert!(report.findings.iter().all(|it| it.code != "drift"), "{:#?}", report.findings);
    stage.psql("ALTER TABLE apart ADD COLUMN by_hand int");
    let report = stage.preflight().await;
    let found = only(&report.findings, "drift");
    assert!(found.is_error() && found.message.contains("public.apart.by_hand"), "{found:?}");
}

#[tokio::test]
async fn a_record_that_is_older_than_the_last_migration_is_a_warning_with_its_reason() {
    let stage = Stage::new().await.with(2, NOTE);
    stage.record().await;
    // As a run that was killed: it applies, and records nothing.
    stage.apply().await;
    stage.psql("ALTER TABLE apart ADD COLUMN by_hand int");
    let report = stage.preflight().await;
    let found = only(&report.findings, "drift");
    assert!(!found.is_error() && found.message.contains("interrupted"), "{found:?}");
}
