//! Each rule that the data can break.

use stopover_backend::Execute;

use crate::trial::{ORDERS, Trial, planned};

#[tokio::test]
async fn nulls_are_counted_and_their_rows_named_by_the_key() {
    let mut trial = Trial::with(ORDERS).await;
    trial
        .tells(
            "ALTER TABLE orders ALTER COLUMN note SET NOT NULL",
            "6 rows of orders where note is null, e.g. id = 5, id = 10, id = 15",
        )
        .await;
    trial.run("UPDATE orders SET note = '' WHERE id > 5").await;
    trial
        .tells(
            "ALTER TABLE IF EXISTS ONLY public.orders ALTER note SET NOT NULL -- at last",
            "1 row of public.orders where note is null, e.g. id = 5",
        )
        .await;
}

#[tokio::test]
async fn a_new_column_without_a_default_fails_on_all_rows() {
    let mut trial = Trial::with(ORDERS).await;
    trial
        .tells(
            "ALTER TABLE orders ADD COLUMN state text NOT NULL",
            "30 rows of orders, e.g. id = 1, id = 2, id = 3",
        )
        .await;
    trial
        .tells(
            "ALTER TABLE orders ADD COLUMN half int GENERATED ALWAYS AS (nullif(total, 20)) STORED \
             NOT NULL",
            "1 row of orders where half is null, e.g. id = 2",
        )
        .await;
}

#[tokio::test]
async fn a_primary_key_fails_on_nulls_and_on_duplicates() {
    let mut trial = Trial::with(
        "CREATE TABLE codes (code int, part text); INSERT INTO codes VALUES \
         (1, 'a'), (1, 'a'), (1, 'b'), (2, 'a'), (2, 'a'), (2, 'a'), (3, NULL), (4, NULL)",
    )
    .await;
    let key = "ALTER TABLE codes ADD PRIMARY KEY (code, part)";
    trial
        .tells(
            key,
            "5 rows of codes in duplicate groups of (code, part), \
             e.g. (code, part) = (1, 'a') (2 times), (code, part) = (2, 'a') (3 times)",
        )
        .await;
    trial.run("DELETE FROM codes WHERE part = 'a'").await;
    trial.tells(key, "2 rows of codes where part is null").await;
}

#[tokio::test]
async fn duplicates_are_counted_by_the_index_that_they_break() {
    let mut trial = Trial::with(
        "CREATE TABLE \"Customers\" (id int PRIMARY KEY, \"E-mail\" text, gone bool); \
         INSERT INTO \"Customers\" VALUES (1, 'a@x', false), (2, 'A@x', false), (3, 'a@x', true), \
         (4, 'b@x', false), (5, 'b@x', false), (6, NULL, false), (7, NULL, false), (8, 'c@x', false)",
    )
    .await;
    trial
        .tells(
            "ALTER TABLE \"Customers\" ADD CONSTRAINT one UNIQUE (\"E-mail\")",
            "4 rows of \"Customers\" in duplicate groups of (\"E-mail\"), \
             e.g. \"E-mail\" = 'a@x' (2 times), \"E-mail\" = 'b@x' (2 times)",
        )
        .await;
    trial
        .tells(
            "ALTER TABLE \"Customers\" ADD UNIQUE NULLS NOT DISTINCT (\"E-mail\")",
            "6 rows of \"Customers\" in duplicate groups of (\"E-mail\"), \
             e.g. \"E-mail\" = 'a@x' (2 times), \"E-mail\" = 'b@x' (2 times), \
             \"E-mail\" = NULL (2 times)",
        )
        .await;
    trial
        .tells(
            "CREATE UNIQUE INDEX one ON \"Customers\" USING btree \
             (lower(\"E-mail\") text_pattern_ops DESC) INCLUDE (id) WHERE NOT gone -- the living",
            "4 rows of \"Customers\" in duplicate groups of (lower(\"E-mail\")), \
             e.g. lower(\"E-mail\") = 'a@x' (2 times), lower(\"E-mail\") = 'b@x' (2 times)",
        )
        .await;
    trial
        .tells(
            "CREATE UNIQUE INDEX ON \"Customers\" ((1)) WHERE gone IS FALSE",
            "7 rows of \"Customers\" in duplicate groups of (1), e.g. 1 = 1 (7 times)",
        )
        .await;
}

#[tokio::test]
async fn duplicates_of_an_index_built_concurrently_are_counted() {
    let mut trial = Trial::with(ORDERS).await;
    trial.run("UPDATE orders SET total = 7 WHERE id IN (3, 9)").await;
    let statement = planned("CREATE UNIQUE INDEX CONCURRENTLY one ON orders (total)");
    let error =
        trial.session.execute(&statement, &mut drop).await.unwrap_err().into_database_error();
    let told = trial.told(&[], &statement, &error).await;
    let expected = "2 rows of orders in duplicate groups of (total), e.g. total = 7 (2 times)";
    assert_eq!(told.as_deref(), Some(expected));
}

#[tokio::test]
async fn a_default_that_must_be_unique_fails_on_all_rows() {
    let mut trial = Trial::with(ORDERS).await;
    trial
        .tells(
            "ALTER TABLE orders ADD COLUMN IF NOT EXISTS place int DEFAULT 4 UNIQUE",
            "30 rows of orders in duplicate groups of (place), e.g. place = 4 (30 times)",
        )
        .await;
}

const CUSTOMERS: &str = "CREATE SCHEMA crm; CREATE TABLE crm.customers \
     (number int, region text, UNIQUE (number, region), id int PRIMARY KEY); \
     INSERT INTO crm.customers SELECT n, 'eu', n FROM generate_series(1, 26) AS n;";

#[tokio::test]
async fn rows_without_a_parent_are_counted_and_nulls_need_none() {
    let mut trial = Trial::with(&format!(
        "{ORDERS}{CUSTOMERS} UPDATE orders SET customer = NULL WHERE id = 30"
    ))
    .await;
    let expected =
        "3 rows of orders without a parent in crm.customers, e.g. id = 27, id = 28, id = 29";
    let key = "ADD CONSTRAINT fk FOREIGN KEY (customer) REFERENCES crm.customers";
    trial.tells(&format!("ALTER TABLE orders {key}"), expected).await;
    trial.run(&format!("ALTER TABLE orders {key} NOT VALID")).await;
    trial.tells("ALTER TABLE orders VALIDATE CONSTRAINT fk", expected).await;
    trial
        .tells(
            "ALTER TABLE orders ADD buyer int DEFAULT 99 REFERENCES crm.customers (id)",
            "30 rows of orders without a parent in crm.customers, e.g. id = 1, id = 2, id = 3",
        )
        .await;
}

#[tokio::test]
async fn a_full_match_needs_a_parent_for_rows_with_some_nulls() {
    let mut trial = Trial::with(&format!(
        "{CUSTOMERS} CREATE TABLE orders (id int, number int, region text); \
         INSERT INTO orders VALUES (1, 1, 'eu'), (2, 1, NULL), (3, NULL, NULL), (4, 1, 'us')"
    ))
    .await;
    let key = "ALTER TABLE orders ADD FOREIGN KEY (number, region) \
               REFERENCES crm.customers (number, region)";
    trial
        .tells(
            key,
            "1 row of orders without a parent in crm.customers, e.g. (number, region) = (1, 'us')",
        )
        .await;
    trial
        .tells(
            &format!("{key} MATCH FULL"),
            "2 rows of orders without a parent in crm.customers, \
             e.g. (number, region) = (1, 'us'), (number, region) = (1, NULL)",
        )
        .await;
}

#[tokio::test]
async fn rows_that_fail_a_check_are_counted_and_nulls_pass() {
    let mut trial = Trial::with(ORDERS).await;
    trial.run("UPDATE orders SET total = NULL WHERE id = 1").await;
    let expected = "4 rows of orders in violation of CHECK (total < 270 -- sic\n)"
        .replace(" -- sic\n", "")
        + ", e.g. id = 27, id = 28, id = 29";
    trial.tells("ALTER TABLE orders ADD CHECK (total < 270 -- sic\n)", &expected).await;
    trial.run("ALTER TABLE orders ADD CONSTRAINT \"Small\" CHECK (total < 270) NOT VALID").await;
    trial.tells("ALTER TABLE orders VALIDATE CONSTRAINT \"Small\"", &expected).await;
}

#[tokio::test]
async fn without_a_key_the_columns_that_the_check_names_are_shown() {
    let mut trial = Trial::with(
        "CREATE TABLE readings (sensor text, value int, raw json); INSERT INTO readings VALUES \
         ('it''s', -2, '{}'), ('b', -10, '{}'), ('b', -10, '{}'), ('c', 1, '{}')",
    )
    .await;
    trial
        .tells(
            "ALTER TABLE readings ADD CONSTRAINT positive CHECK (value > 0 OR sensor = 'value')",
            "3 rows of readings in violation of CHECK (value > 0 OR sensor = 'value'), \
             e.g. (value, sensor) = (-10, 'b'), (value, sensor) = (-2, 'it''s')",
        )
        .await;
    // JSON has no order: there is a count and no sample.
    trial
        .tells(
            "ALTER TABLE readings ADD CHECK (raw::text <> '{}')",
            "4 rows of readings in violation of CHECK (raw::text <> '{}')",
        )
        .await;
    trial.run("ALTER TABLE readings ADD place int GENERATED ALWAYS AS IDENTITY UNIQUE").await;
    trial
        .tells(
            "ALTER TABLE readings ADD CHECK (raw::text <> '{}')",
            "4 rows of readings in violation of CHECK (raw::text <> '{}'), \
             e.g. place = 1, place = 2, place = 3",
        )
        .await;
}

#[tokio::test]
async fn values_that_do_not_fit_are_counted_without_trailing_blanks() {
    let mut trial = Trial::with(ORDERS).await;
    trial.run("UPDATE orders SET note = 'note      ' WHERE id = 1").await;
    trial
        .tells(
            "ALTER TABLE orders ALTER COLUMN note SET DATA TYPE character varying(6)",
            "16 rows of orders where note is longer than 6 characters, \
             e.g. id = 11, id = 12, id = 13",
        )
        .await;
}

#[tokio::test]
async fn long_values_are_cut_and_stay_on_their_line() {
    let mut trial = Trial::with(
        "CREATE TABLE notes (note text); \
         INSERT INTO notes SELECT E'a\\n' || repeat('é', 70) FROM generate_series(1, 2)",
    )
    .await;
    let expected = format!(
        "2 rows of notes in duplicate groups of (note), e.g. note = 'a\\n{}…' (2 times)",
        "é".repeat(58)
    );
    trial.tells("ALTER TABLE notes ADD UNIQUE (note)", &expected).await;
}

#[tokio::test]
async fn of_several_parts_the_one_that_failed_is_told_after_the_others() {
    let mut trial = Trial::with(ORDERS).await;
    trial
        .tells(
            "ALTER TABLE orders ADD COLUMN half int, ALTER total TYPE bigint USING total / 10, \
             ADD CONSTRAINT a CHECK (id > 0), ADD CONSTRAINT b CHECK (total < 29), \
             ADD UNIQUE (note)",
            "2 rows of orders in violation of CHECK (total < 29), e.g. id = 29, id = 30",
        )
        .await;
    trial
        .tells(
            "ALTER TABLE orders ADD COLUMN half int, ADD CHECK (total > 0), ALTER half SET NOT NULL",
            "30 rows of orders where half is null, e.g. id = 1, id = 2, id = 3",
        )
        .await;
}

#[tokio::test]
async fn tables_that_inherit_are_counted_where_the_statement_reaches_them() {
    let mut trial = Trial::with(
        "CREATE TABLE events (id int, note text); CREATE TABLE old_events () INHERITS (events); \
         INSERT INTO events VALUES (1, 'a'), (1, 'a'); INSERT INTO old_events VALUES (1, NULL)",
    )
    .await;
    trial
        .tells(
            "ALTER TABLE events ADD UNIQUE (id)",
            "2 rows of events in duplicate groups of (id), e.g. id = 1 (2 times)",
        )
        .await;
    trial
        .tells("ALTER TABLE events ALTER note SET NOT NULL", "1 row of events where note is null")
        .await;
}

#[tokio::test]
async fn partitions_are_counted_together() {
    let mut trial = Trial::with(
        "CREATE TABLE events (id int, region text) PARTITION BY LIST (region); \
         CREATE TABLE eu PARTITION OF events FOR VALUES IN ('eu'); \
         CREATE TABLE us PARTITION OF events FOR VALUES IN ('us'); \
         CREATE TABLE regions (region text PRIMARY KEY); \
         INSERT INTO events VALUES (1, 'eu'), (1, 'eu'), (1, 'us'), (2, 'us'), (2, 'us')",
    )
    .await;
    trial
        .tells(
            "ALTER TABLE events ADD UNIQUE (id, region)",
            "4 rows of events in duplicate groups of (id, region), \
             e.g. (id, region) = (1, 'eu') (2 times), (id, region) = (2, 'us') (2 times)",
        )
        .await;
    trial
        .tells(
            "ALTER TABLE events ADD FOREIGN KEY (region) REFERENCES regions",
            "5 rows of events without a parent in regions, e.g. region = 'eu', region = 'us'",
        )
        .await;
}

#[tokio::test]
async fn what_cannot_be_told_is_not_told() {
    let mut trial = Trial::with(ORDERS).await;
    trial.run("CREATE DOMAIN small AS int CHECK (VALUE < 100)").await;
    for statement in [
        "INSERT INTO orders VALUES (1)",
        "UPDATE orders SET id = NULL",
        "ALTER TABLE orders ALTER total TYPE small",
        "ALTER TABLE orders ALTER total TYPE numeric(2, 0)",
        "ALTER TABLE orders ALTER note TYPE int USING note::int",
        "ALTER TABLE orders ALTER missing SET NOT NULL",
        "DO $$ BEGIN ALTER TABLE orders ALTER note SET NOT NULL; END $$",
    ] {
        assert_eq!(trial.after(&[], statement).await, None, "{statement}");
    }
}
