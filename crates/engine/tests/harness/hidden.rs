//! Rows that are lost where no migration says so.

use stopover_engine::Postflight;

use crate::stage::Stage;

/// A table that no migration names, a function that empties it, and what may run it.
const HIDDEN: &str = "CREATE TABLE audit (id int); INSERT INTO audit VALUES (1), (2); \
    INSERT INTO orders VALUES (1, 1); \
    CREATE FUNCTION oops() RETURNS int LANGUAGE plpgsql AS 'BEGIN DELETE FROM audit; RETURN 0; END'; \
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
        "CREATE FUNCTION mine() RETURNS int LANGUAGE plpgsql \
           AS 'BEGIN DELETE FROM audit; RETURN 0; END'; UPDATE orders SET id = mine();",
    ] {
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
