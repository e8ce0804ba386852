//! The search itself: what it sees, what it leaves, and when it tells nothing.

use stopover_backend::Diagnose;

use crate::trial::{ORDERS, Trial, planned};

#[tokio::test]
async fn the_rows_are_as_the_statements_before_left_them() {
    let mut trial = Trial::with(ORDERS).await;
    let before = [
        "SET LOCAL search_path = pg_catalog",
        "ALTER TABLE public.orders ADD COLUMN state text",
        "UPDATE public.orders SET state = 'new' WHERE id > 2",
        "SET statement_timeout = 0",
    ];
    let told = trial.after(&before, "ALTER TABLE public.orders ALTER state SET NOT NULL").await;
    let expected = "2 rows of public.orders where state is null, e.g. id = 1, id = 2";
    assert_eq!(told.as_deref(), Some(expected));
    assert_eq!(trial.database.psql("SHOW statement_timeout"), "0");
    let columns = "SELECT count(*) FROM pg_attribute WHERE attrelid = 'orders'::regclass \
                   AND attname = 'state'";
    assert_eq!(trial.database.psql(columns), "0", "the search was undone");
}

#[tokio::test]
async fn inline_data_before_is_part_of_the_rows() {
    let mut trial = Trial::with("CREATE TABLE orders (id int PRIMARY KEY, note text)").await;
    let mut copy = planned("COPY orders FROM stdin");
    copy.copy_data = Some("1\tone\n2\t\\N\n".to_owned());
    let failing = planned("ALTER TABLE orders ALTER note SET NOT NULL");
    let error = trial.fails(std::slice::from_ref(&copy), &failing).await;
    let told = trial.told(&[copy], &failing, &error).await;
    assert_eq!(told.as_deref(), Some("1 row of orders where note is null, e.g. id = 2"));
}

#[tokio::test]
async fn a_statement_before_that_fails_tells_nothing_and_leaves_nothing() {
    let mut trial = Trial::with(ORDERS).await;
    let failing = planned("ALTER TABLE orders ALTER note SET NOT NULL");
    let error = trial.fails(&[], &failing).await;
    let before = [planned("CREATE TABLE half_done (id int)"), planned("SELECT 1 / 0")];
    assert_eq!(trial.told(&before, &failing, &error).await, None);
    let left = "SELECT pg_catalog.to_regclass('half_done') IS NULL";
    assert_eq!(trial.database.psql(left), "t");
}

#[tokio::test]
async fn statements_that_would_commit_are_not_run_again() {
    let mut trial = Trial::with(ORDERS).await;
    let failing = planned("ALTER TABLE orders ALTER note SET NOT NULL");
    let error = trial.fails(&[], &failing).await;
    for end in ["COMMIT", "END", "/* so */ commit and chain", "ROLLBACK", "PREPARE TRANSACTION 'x'"]
    {
        let before = [planned("DELETE FROM orders"), planned(end)];
        assert_eq!(trial.told(&before, &failing, &error).await, None, "{end}");
        assert_eq!(trial.database.psql("SELECT count(*) FROM orders"), "30", "{end}");
    }
    let before = [planned("SAVEPOINT a"), planned("DELETE FROM orders"), planned("ROLLBACK TO a")];
    let told = trial.told(&before, &failing, &error).await.unwrap_or_default();
    assert!(told.starts_with("6 rows of orders"), "{told}");
}

#[tokio::test]
async fn a_role_that_may_not_read_the_table_tells_nothing() {
    let mut trial = Trial::with(ORDERS).await;
    let failing = planned("ALTER TABLE orders ALTER note SET NOT NULL");
    let error = trial.fails(&[], &failing).await;
    // Roles belong to the server that the tests share.
    let role = format!("blind_{}", trial.database.database());
    trial.run(&format!("CREATE ROLE {role}")).await;
    let before = [planned(&format!("SET LOCAL ROLE {role}"))];
    assert_eq!(trial.told(&before, &failing, &error).await, None);
    trial.run(&format!("DROP ROLE {role}")).await;
}

#[tokio::test]
async fn a_policy_that_hides_rows_is_not_taken_for_the_truth() {
    let mut trial = Trial::with(ORDERS).await;
    let role = format!("owner_{}", trial.database.database());
    trial
        .run(&format!(
            "CREATE ROLE {role}; ALTER TABLE orders OWNER TO {role}; \
             ALTER TABLE orders ENABLE ROW LEVEL SECURITY; \
             ALTER TABLE orders FORCE ROW LEVEL SECURITY; \
             CREATE POLICY few ON orders USING (id < 6)"
        ))
        .await;
    let become_owner = format!("SET LOCAL ROLE {role}");
    let statement = "ALTER TABLE orders ALTER note SET NOT NULL";
    assert_eq!(trial.after(&[&become_owner], statement).await, None);
    trial.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[tokio::test]
async fn a_session_that_is_lost_tells_nothing() {
    let mut trial = Trial::with(ORDERS).await;
    let failing = planned("ALTER TABLE orders ALTER note SET NOT NULL");
    let error = trial.fails(&[], &failing).await;
    let before = [planned("SELECT pg_terminate_backend(pg_backend_pid())")];
    assert_eq!(trial.session.offending(&before, &failing, &error).await, None);
}

#[tokio::test]
async fn names_from_the_catalog_are_quoted() {
    let mut trial = Trial::with(
        r#"CREATE SCHEMA "it's"; CREATE TABLE "it's"."a ""b"" \c"
           ("k'e""y\" int PRIMARY KEY, "select" int, CONSTRAINT "no'n""e\" CHECK (true));
           INSERT INTO "it's"."a ""b"" \c" VALUES (1, 1), (2, 2);
           ALTER TABLE "it's"."a ""b"" \c" DROP CONSTRAINT "no'n""e\";
           ALTER TABLE "it's"."a ""b"" \c" ADD CONSTRAINT "no'n""e\"
           CHECK ("select" > 1 AND "k'e""y\" > 0) NOT VALID"#,
    )
    .await;
    trial
        .tells(
            r#"ALTER TABLE "it's"."a ""b"" \c" VALIDATE CONSTRAINT "no'n""e\""#,
            r#"1 row of "it's"."a ""b"" \c" in violation of CHECK (("select" > 1) AND ("k'e""y\" > 0)), e.g. "k'e""y\" = 1"#,
        )
        .await;
}
