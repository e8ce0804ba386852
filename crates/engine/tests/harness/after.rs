//! Postflight: what is planted is found.

use stopover_engine::{ExpectedSchema, Postflight};
use stopover_model::report::CheckOutcome;
use stopover_model::{Severity, TransactionMark, Version};

use crate::stage::{NOTE, Stage, only, outcome, urgent};

#[tokio::test]
async fn a_database_as_the_source_has_it_is_green() {
    let stage = Stage::new().await.with(2, NOTE);
    stage.apply().await;
    stage.psql(
        "CREATE VIEW totals AS SELECT count(*) FROM orders; \
         CREATE MATERIALIZED VIEW kept AS SELECT 1 AS one; \
         CREATE FUNCTION good() RETURNS int LANGUAGE sql AS 'SELECT count(*)::int FROM orders'; \
         CREATE FUNCTION also() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'; \
         CREATE FUNCTION atomic() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END; \
         CREATE SCHEMA s; CREATE TABLE s.own (id int); \
         CREATE FUNCTION s.near() RETURNS int LANGUAGE sql SET search_path = s \
           AS 'SELECT id FROM own'",
    );
    let report = stage.postflight().await;
    assert!(report.validation_passed, "{:#?}", report.findings);
    assert_eq!(urgent(&report.findings), []);
    assert_eq!((report.migrations_applied, report.dirty_migrations), (Some(2), Some(0)));
    assert!(report.schema_checksum.is_some_and(|it| it.len() == 64));
    for code in ["ledger", "dirty", "fk-orphans", "broken-view", "invalid-constraint"] {
        assert_eq!(outcome(&report.checks, code), CheckOutcome::Clean, "{code}");
    }
    assert_eq!(outcome(&report.checks, "census"), CheckOutcome::NotApplicable);
}

#[tokio::test]
async fn what_is_not_applied_is_an_error_unless_it_was_left_on_purpose() {
    let stage = Stage::new().await.with(2, NOTE);
    let report = stage.postflight().await;
    assert_eq!(urgent(&report.findings), [("ledger", Severity::Error)]);
    let left = [Version::Integer(2)].into();
    let asked = Postflight { limits: stage.limits.clone(), left, ..Postflight::default() };
    let report = stage.postflight_as(&stage.database, &asked).await;
    assert!(report.validation_passed, "{:#?}", report.findings);
}

#[tokio::test]
async fn what_is_applied_and_not_in_the_source_is_an_error() {
    let mut stage = Stage::new().await.with(2, NOTE);
    stage.apply().await;
    stage.source.migrations.pop();
    let report = stage.postflight().await;
    assert_eq!(urgent(&report.findings), [("ledger", Severity::Error)]);
}

#[tokio::test]
async fn a_dirty_migration_never_passes() {
    let mut stage = Stage::new().await.with(2, "CREATE TABLE half (id int); SELECT 1/0;");
    let mark = TransactionMark::NoTransaction("-- stopover: no-transaction".to_owned());
    stage.source.migrations[1].directives.transaction = mark;
    stage.apply().await;
    let report = stage.postflight().await;
    assert!(!report.validation_passed);
    assert_eq!(report.dirty_migrations, Some(1));
    assert!(only(&report.findings, "dirty").is_error());
}

#[tokio::test]
async fn a_foreign_key_that_nobody_validated_is_a_warning_and_orphans_are_an_error() {
    let stage = Stage::new().await;
    stage.psql(
        "INSERT INTO customers VALUES (1); \
         INSERT INTO orders SELECT i, CASE WHEN i > 3 THEN i END FROM generate_series(1, 10) i; \
         ALTER TABLE orders ADD CONSTRAINT \"Owner\" FOREIGN KEY (customer_id) \
           REFERENCES customers NOT VALID",
    );
    let report = stage.postflight().await;
    assert_eq!(
        urgent(&report.findings),
        [("fk-not-validated", Severity::Warning), ("fk-orphans", Severity::Error)]
    );
    let found = only(&report.findings, "fk-orphans");
    assert!(found.message.starts_with("7 rows have no parent in public.customers"), "{found:?}");
    let [orphans] = &report.orphans[..] else { panic!("{:?}", report.orphans) };
    assert_eq!((orphans.count, orphans.samples.len()), (7, 5));
    assert!(orphans.samples.iter().all(|it| it.contains("id = ")), "{orphans:?}");
    assert_eq!(stage.psql(&orphans.list).lines().count(), 7);
    stage.psql(&orphans.delete);
    let report = stage.postflight().await;
    assert_eq!(urgent(&report.findings), [("fk-not-validated", Severity::Warning)]);
    stage.psql("ALTER TABLE orders VALIDATE CONSTRAINT \"Owner\"");
    assert_eq!(urgent(&stage.postflight().await.findings), []);
}

#[tokio::test]
async fn a_key_of_two_columns_that_must_match_in_full_is_judged_as_the_server_does() {
    let stage = Stage::new().await;
    stage.psql(
        "CREATE TABLE p (a int, b int, UNIQUE (a, b)); \
         CREATE TABLE c (\"A\" int, b int); INSERT INTO p VALUES (1, 1); \
         INSERT INTO c VALUES (1, 1), (NULL, NULL), (1, NULL), (2, 2); \
         ALTER TABLE c ADD CONSTRAINT k FOREIGN KEY (\"A\", b) REFERENCES p (a, b) MATCH FULL \
           NOT VALID",
    );
    let report = stage.postflight().await;
    let [orphans] = &report.orphans[..] else { panic!("{:?}", report.orphans) };
    assert_eq!(orphans.samples, ["\"A\" = 1, b = NULL", "\"A\" = 2, b = 2"]);
}

#[tokio::test]
async fn a_foreign_key_whose_triggers_are_disabled_is_not_enforced() {
    let stage = Stage::new().await;
    stage.psql(
        "ALTER TABLE orders ADD CONSTRAINT owner FOREIGN KEY (customer_id) REFERENCES customers; \
         ALTER TABLE orders DISABLE TRIGGER ALL; INSERT INTO orders VALUES (1, 5)",
    );
    let report = stage.postflight().await;
    assert_eq!(
        urgent(&report.findings),
        [("fk-not-validated", Severity::Warning), ("fk-orphans", Severity::Error)]
    );
    assert!(only(&report.findings, "fk-not-validated").message.contains("not enforced"));
}

#[tokio::test]
async fn an_index_and_a_constraint_that_are_not_valid_are_found() {
    let stage = Stage::new().await;
    stage.psql(
        "INSERT INTO apart VALUES (1), (1); \
         ALTER TABLE apart ADD CONSTRAINT small CHECK (id < 1) NOT VALID",
    );
    let client = stage.database.client().await;
    let made = client.batch_execute("CREATE UNIQUE INDEX CONCURRENTLY once ON apart (id)").await;
    assert!(made.is_err());
    let before = stage.before().await;
    let report = stage.postflight().await;
    assert_eq!(
        urgent(&report.findings),
        [("invalid-index", Severity::Error), ("invalid-constraint", Severity::Warning)]
    );
    let asked =
        Postflight { limits: stage.limits.clone(), before: Some(&before), ..Postflight::default() };
    let report = stage.postflight_as(&stage.database, &asked).await;
    assert_eq!(only(&report.findings, "invalid-index").severity, Severity::Warning);
}

#[tokio::test]
async fn functions_that_do_not_bind_and_views_that_call_them_are_broken() {
    let stage = Stage::new().await;
    stage.psql(
        "CREATE TABLE old (id int); \
         CREATE FUNCTION lost() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM old'; \
         CREATE VIEW broken AS SELECT lost() AS n; CREATE VIEW fine AS SELECT 1 AS n; \
         CREATE FUNCTION fine() RETURNS int LANGUAGE sql AS 'SELECT 1'; DROP TABLE old; \
         SET check_function_bodies = off; \
         CREATE FUNCTION typo() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETRUN 1; END'",
    );
    let report = stage.postflight().await;
    let broken: Vec<&str> = report
        .findings
        .iter()
        .filter(|it| it.code == "broken-view" && it.is_error())
        .map(|it| it.subject.as_str())
        .collect();
    assert_eq!(broken, ["function public.lost()", "function public.typo()", "view public.broken"]);
    let before = stage.before().await;
    let asked =
        Postflight { limits: stage.limits.clone(), before: Some(&before), ..Postflight::default() };
    let report = stage.postflight_as(&stage.database, &asked).await;
    assert!(report.validation_passed, "it was so before: {:#?}", report.findings);
}

#[tokio::test]
async fn looking_at_functions_and_views_runs_none_of_them() {
    let stage = Stage::new().await;
    stage.psql(
        "CREATE SEQUENCE ran; \
         CREATE FUNCTION volatile_one() RETURNS bigint LANGUAGE sql AS 'SELECT nextval(''ran'')'; \
         CREATE FUNCTION immutable_one() RETURNS bigint LANGUAGE plpgsql IMMUTABLE \
           AS 'BEGIN RETURN nextval(''ran''); END'; \
         CREATE VIEW v AS SELECT volatile_one() AS a, immutable_one() AS b; \
         CREATE MATERIALIZED VIEW m AS SELECT volatile_one() AS a WITH NO DATA",
    );
    assert_eq!(urgent(&stage.postflight().await.findings), []);
    assert_eq!(stage.psql("SELECT is_called FROM ran"), "f");
}

#[tokio::test]
async fn a_schema_that_is_not_the_expected_one_is_told_object_by_object() {
    let stage = Stage::new().await;
    let backend = stage.backend(&stage.database);
    let facts = stage.request().facts;
    let privileges = stopover_backend::Privileges::LeftOut;
    let stop = stopover_backend::Stop::never();
    let schema = stopover_engine::schema(&backend, &facts, privileges, &stop).await.unwrap();
    let expected = ExpectedSchema {
        told_by: "the rehearsal".to_owned(),
        checksum: schema.checksum.clone(),
        schema: Some(schema),
    };
    let asked = Postflight {
        limits: stage.limits.clone(),
        expected: vec![expected],
        ..Postflight::default()
    };
    assert_eq!(urgent(&stage.postflight_as(&stage.database, &asked).await.findings), []);
    stage.psql("CREATE INDEX by_hand ON orders (customer_id)");
    let report = stage.postflight_as(&stage.database, &asked).await;
    let found = only(&report.findings, "schema-checksum");
    assert!(found.is_error() && found.message.contains("index public.by_hand (new)"), "{found:?}");
    assert_eq!(report.schema_changes.len(), 1);
}

#[tokio::test]
async fn rows_that_are_gone_are_an_error_unless_the_migration_allows_it() {
    let mut stage =
        Stage::new().await.with(2, "DELETE FROM orders WHERE id > 3; DROP TABLE apart;");
    stage.psql("INSERT INTO orders SELECT i, i FROM generate_series(1, 10) i");
    stage.psql("INSERT INTO apart VALUES (1)");
    let before = stage.before().await;
    stage.source.migrations[1].directives.allow_data_loss =
        vec!["orders".to_owned(), "public.apart".to_owned()];
    let allowed = stage.before().await;
    stage.apply().await;
    let asked =
        Postflight { limits: stage.limits.clone(), before: Some(&before), ..Postflight::default() };
    let report = stage.postflight_as(&stage.database, &asked).await;
    let told: Vec<(&str, Severity)> = report
        .findings
        .iter()
        .filter(|it| it.code == "census")
        .map(|it| (it.message.as_str(), it.severity))
        .collect();
    assert_eq!(
        told,
        [
            ("public.apart had 1 rows before the apply, and is gone", Severity::Error),
            ("public.orders had 10 rows before the apply, and has 3", Severity::Error)
        ]
    );
    let asked = Postflight { before: Some(&allowed), ..asked };
    let report = stage.postflight_as(&stage.database, &asked).await;
    assert!(report.findings.iter().all(|it| it.code != "census" || !it.is_error()));
}

#[tokio::test]
async fn only_tables_that_the_plan_writes_to_are_counted_with_those_that_lose_rows_by_it() {
    let stage = Stage::new().await.with(2, "DELETE FROM customers WHERE id = 1;");
    stage.psql(
        "ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers ON DELETE CASCADE; \
         CREATE TABLE lines (order_id int REFERENCES orders ON DELETE CASCADE); \
         INSERT INTO customers VALUES (1); INSERT INTO orders VALUES (1, 1); \
         INSERT INTO lines VALUES (1), (1); INSERT INTO apart VALUES (1), (2)",
    );
    let before = stage.before().await;
    stage.apply().await;
    // The business goes on.
    stage.psql("DELETE FROM apart");
    let asked =
        Postflight { limits: stage.limits.clone(), before: Some(&before), ..Postflight::default() };
    let report = stage.postflight_as(&stage.database, &asked).await;
    let lost: Vec<&str> = report
        .findings
        .iter()
        .filter(|it| it.code == "census" && it.is_error())
        .map(|it| it.subject.as_str())
        .collect();
    assert_eq!(lost, ["public.customers", "public.lines", "public.orders"]);
}

#[tokio::test]
async fn a_grant_that_a_rebuilt_table_has_lost_is_an_error() {
    let rebuild = "CREATE TABLE new (id int PRIMARY KEY, customer_id int); \
                   INSERT INTO new SELECT * FROM orders; DROP TABLE orders; \
                   ALTER TABLE new RENAME TO orders;";
    let stage = Stage::new().await.with(2, rebuild);
    let reader = stage.role("GRANT SELECT ON orders, customers TO $role");
    let before = stage.before().await;
    stage.apply().await;
    stage.psql(&format!(
        "REVOKE SELECT ON customers FROM {}",
        reader.config().get_user().expect("a role")
    ));
    let asked =
        Postflight { limits: stage.limits.clone(), before: Some(&before), ..Postflight::default() };
    let report = stage.postflight_as(&stage.database, &asked).await;
    stage.forget(&reader);
    let found = only(&report.findings, "privileges");
    assert!(found.is_error() && found.subject == "table public.orders", "{found:?}");
    assert!(found.message.contains(": SELECT"), "{found:?}");
}
