//! What is told of tables without reading them is what reading them tells.

use stopover_backend::Imprint;
use stopover_testkit::needs;

use super::*;

/// Why an older server does not do: rows are counted there.
const EXACT: &str = "its counts of rows are exact";

/// Two large tables, small ones, and what has columns and parts of every sort.
const TABLES: &str = "
    CREATE TABLE big (id bigint PRIMARY KEY, pad text);
    INSERT INTO big SELECT i, repeat('x', 50) FROM generate_series(1, 40000) i;
    CREATE TABLE worn (id bigint, pad text);
    INSERT INTO worn SELECT i, repeat('x', 50) FROM generate_series(1, 40000) i;
    DELETE FROM worn WHERE id > 39000;
    CREATE TABLE small (id int, twice int GENERATED ALWAYS AS (id * 2) STORED);
    INSERT INTO small VALUES (1), (2);
    CREATE SCHEMA shop;
    CREATE TABLE shop.events (id int, at date) PARTITION BY RANGE (at);
    CREATE TABLE shop.\"Year\" PARTITION OF shop.events
        FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY RANGE (at);
    CREATE TABLE shop.june PARTITION OF shop.\"Year\"
        FOR VALUES FROM ('2026-06-01') TO ('2026-07-01');
    INSERT INTO shop.events VALUES (1, '2026-06-02');
    ANALYZE";

async fn imprints(access: &Access) -> Vec<Imprint> {
    session(access).await.imprints(&CensusScope::default()).await.expect("imprints")
}

fn of<'a>(imprints: &'a [Imprint], relation: &str) -> &'a Imprint {
    imprints.iter().find(|it| it.relation == relation).expect("an imprint")
}

#[tokio::test]
async fn rows_that_are_told_without_counting_are_those_that_are_there() {
    if !needs(15, EXACT) {
        return;
    }
    let database = database(TABLES).await;
    let told = imprints(&database).await;
    let scope = CensusScope::default();
    let counted = session(&database).await.tables(&scope, CensusDepth::Rows).await.unwrap();
    assert_eq!(
        told.iter().map(|it| &it.relation).collect::<Vec<_>>(),
        counted.iter().map(|it| &it.relation).collect::<Vec<_>>()
    );
    for (told, counted) in told.iter().zip(&counted) {
        assert!(told.rows.is_none_or(|it| it == counted.rows), "{told:?} {counted:?}");
    }
    assert_eq!(of(&told, "public.big").rows, Some(40_000), "nothing had to be read");
    assert_eq!(of(&told, "public.small").rows, Some(2), "nor there");
    assert_eq!(of(&told, "public.worn").rows, None, "rows were deleted");
    run(&database, "INSERT INTO small SELECT 3").await;
    assert_eq!(of(&imprints(&database).await, "public.small").rows, None, "not analysed since");
    run(&database, "TRUNCATE small").await;
    assert_eq!(of(&imprints(&database).await, "public.small").rows, Some(0));
}

#[tokio::test]
async fn statistics_that_were_reset_or_count_undone_rows_are_not_believed() {
    let database = database(TABLES).await;
    run(&database, "SELECT pg_stat_reset_single_table_counters('big'::regclass)").await;
    assert_eq!(of(&imprints(&database).await, "public.big").rows, None);

    let undone = TestDatabase::create().await;
    run(&undone, "CREATE TABLE big (id bigint, pad text)").await;
    let fill = "INSERT INTO big SELECT i, repeat('x', 50) FROM generate_series(1, 40000) i";
    run(&undone, &format!("BEGIN; {fill}; ROLLBACK")).await;
    run(&undone, fill).await;
    run(&undone, "ANALYZE").await;
    assert_eq!(of(&imprints(&undone).await, "public.big").rows, None);
}

#[tokio::test]
async fn whatever_writes_to_a_table_leaves_its_mark() {
    if !needs(15, EXACT) {
        return;
    }
    for change in [
        "INSERT INTO big VALUES (0, '')",
        "UPDATE big SET pad = '' WHERE id = 1",
        "DELETE FROM big WHERE id = 1",
        "TRUNCATE big",
        "DO $$ BEGIN DELETE FROM public.big WHERE id = 1; END $$",
        "ALTER TABLE big ALTER COLUMN id TYPE numeric",
        "BEGIN; TRUNCATE big; INSERT INTO big VALUES (1, 'x'); COMMIT",
        "DROP TABLE big; CREATE TABLE big (id bigint PRIMARY KEY, pad text)",
        "COPY big (id) FROM PROGRAM 'echo 0'",
    ] {
        let database = database(TABLES).await;
        let before = imprints(&database).await;
        run(&database, change).await;
        let after = imprints(&database).await;
        let untouched = |name: &str| of(&after, name).is_untouched_since(of(&before, name));
        assert!(!untouched("public.big"), "{change}");
        assert!(untouched("public.worn") && untouched("shop.june"), "{change}");
    }
}

#[tokio::test]
async fn a_table_and_its_columns_are_the_same_under_other_names() {
    if !needs(15, EXACT) {
        return;
    }
    let database = database(TABLES).await;
    let before = imprints(&database).await;
    run(
        &database,
        "ALTER TABLE small RENAME COLUMN id TO number; ALTER TABLE small SET SCHEMA shop;
         ALTER TABLE shop.small RENAME TO tiny",
    )
    .await;
    let after = imprints(&database).await;
    let (before, after) = (of(&before, "public.small"), of(&after, "shop.tiny"));
    assert!(after.is_untouched_since(before));
    let columns = |it: &Imprint| -> Vec<(String, String)> {
        it.columns.iter().map(|it| (it.key.clone(), it.name.clone())).collect()
    };
    assert_eq!(columns(before), [("1".to_owned(), "id".to_owned())], "none that is computed");
    assert_eq!(columns(after), [("1".to_owned(), "number".to_owned())]);
}

#[tokio::test]
async fn a_partition_knows_what_it_is_a_part_of() {
    let database = database(TABLES).await;
    let imprints = imprints(&database).await;
    assert_eq!(of(&imprints, "shop.june").within, ["shop.\"Year\"", "shop.events"]);
    assert!(of(&imprints, "public.big").within.is_empty());
}

#[tokio::test]
async fn values_are_counted_column_by_column() {
    let database = database(
        "CREATE TABLE t (a int, \"B b\" text, c point);
         INSERT INTO t VALUES (1, NULL, '(1,2)'), (NULL, NULL, NULL), (2, '', NULL)",
    )
    .await;
    let mut session = session(&database).await;
    let columns = ["a", "B b", "c"].map(str::to_owned);
    let found = session.values(&CensusScope::default(), "public.t", &columns).await.unwrap();
    assert_eq!(found, Some(vec![2, 1, 1]));
}

#[tokio::test]
async fn while_somebody_else_is_connected_nothing_is_told_without_reading() {
    let database = database(TABLES).await;
    let other = database.client().await;
    let told = imprints(&database).await;
    assert!(told.iter().all(|it| it.rows.is_none() && it.mark.is_none()), "{told:?}");
    drop(other);
}
