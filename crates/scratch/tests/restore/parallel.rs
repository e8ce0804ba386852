//! Several sessions at once: as fast as that is, as exact as one.

use stopover_scratch::restore::RestoreError;

use stopover_testkit::TestDatabase;

use crate::fixture::{Scratch, dump_of, restored};

/// How large the largest row is, in megabytes; `STOPOVER_TEST_ROW_MB` makes it longer.
fn row_megabytes() -> usize {
    std::env::var("STOPOVER_TEST_ROW_MB").ok().and_then(|it| it.parse().ok()).unwrap_or(20)
}

/// A table whose rows have a number and some text.
fn table(name: &str, rows: u32) -> String {
    let data: String =
        (1..=rows).map(|n| format!("{n}\t{:x}\n", n.wrapping_mul(0x9e37_79b9))).collect();
    format!(
        "CREATE TABLE public.{name} (id integer, code text);\n\
         COPY public.{name} (id, code) FROM stdin;\n{data}\\.\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tables_rows_are_visible_to_all_from_the_start() {
    let scratch = Scratch::new().await;
    scratch.restore_text(&dump_of(&table("orders", 100_000))).await.unwrap();
    // Pages without a row do not count: since 16 the server may leave some at the end of a load.
    let frozen = scratch.access.psql(
        "SELECT relallvisible = (SELECT count(DISTINCT (ctid::text::point)[0]) FROM orders),
             relpages > 100 FROM pg_class WHERE oid = 'public.orders'::regclass",
    );
    assert_eq!(frozen, "t|t");
}

/// A dump of a table that takes seconds to load and does not fit into the memory that data may wait
/// in.
fn slow_and_large(rows: u32) -> String {
    let text = "0123456789".repeat(10_000);
    let data: String = (1..=rows).map(|n| format!("{n}\t{n}{text}\n")).collect();
    format!(
        "CREATE TABLE public.slow (id integer, text text,\n\
             CHECK (pg_catalog.pg_sleep(0.005) IS NOT NULL));\n\
         COPY public.slow (id, text) FROM stdin;\n{data}\\.\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_table_is_loaded_by_several_sessions() {
    let mut scratch = Scratch::new().await;
    (scratch.target.sessions, scratch.target.spool) = (Some(4), None);
    let restored = scratch.restore_text(&dump_of(&slow_and_large(900))).await.unwrap();
    assert_eq!(restored.rows, 900);
    let loaded = scratch.access.psql(
        "SELECT count(*), sum(id), count(DISTINCT xmin::text) > 2,
             bool_and(text = id || repeat('0123456789', 10000)) FROM slow",
    );
    assert_eq!(loaded, "900|405450|t|t");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_row_of_a_table_that_several_sessions_load_is_told_by_its_line() {
    let mut scratch = Scratch::new().await;
    (scratch.target.sessions, scratch.target.spool) = (Some(4), None);
    let body = slow_and_large(900).replacen("\n870\t", "\nmany\t", 1);
    let error = scratch.restore_text(&dump_of(&body)).await.unwrap_err();
    let RestoreError::Sql { error: server, .. } = &error else { panic!("{error}") };
    assert!(server.context.as_deref().unwrap().contains("line 870,"), "{:?}", server.context);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_table_whose_data_can_wait_in_a_file_is_loaded_whole() {
    let mut scratch = Scratch::new().await;
    scratch.target.sessions = Some(2);
    // While the first is being loaded, all of the second is read; at the end one session is free,
    // but less is waiting by then than is worth another one.
    let tables = [
        slow_and_large(300),
        table("small", 1_000),
        slow_and_large(700).replace("public.slow", "public.large"),
    ];
    // As pg_dump has it: all tables, then all data.
    let parts = tables.iter().map(|it| it.split_at(it.find("COPY").unwrap()));
    let (made, filled): (Vec<&str>, Vec<&str>) = parts.unzip();
    let body = made.concat() + &filled.concat();
    scratch.restore_text(&dump_of(&body)).await.unwrap();
    let loaded = scratch.access.psql(
        "SELECT (SELECT concat(count(*), ' ', sum(id), ' ', count(DISTINCT xmin::text)) FROM slow),
             (SELECT concat(count(*), ' ', sum(id), ' ',
                  bool_and(text = id || repeat('0123456789', 10000))) FROM large)",
    );
    assert_eq!(loaded, "300 45150 1|700 245350 t");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_larger_than_any_block_is_not_torn() {
    let scratch = Scratch::new().await;
    let bytes = row_megabytes() << 20;
    let large = "0123456789abcdef".repeat(bytes / 16);
    let body = format!(
        "CREATE TABLE public.t (id integer, text text);\nCOPY public.t (id, text) FROM stdin;\n\
         1\tbefore\n2\t{large}\n3\tbetween\n4\t{large}\n5\tbehind\n\\.\n"
    );
    let restored = scratch.restore_text(&dump_of(&body)).await.unwrap();
    assert_eq!(restored.rows, 5);
    let lengths =
        scratch.access.psql("SELECT string_agg(length(text)::text, ' ' ORDER BY id) FROM t");
    assert_eq!(lengths, format!("6 {bytes} 7 {bytes} 6"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_row_is_told_by_its_line_in_the_tables_data() {
    let body = table("orders", 100_000).replacen("\n90000\t", "\nmany\t", 1);
    let error = restored(&dump_of(&body)).await.unwrap_err();
    let RestoreError::Sql { error: server, line, .. } = &error else { panic!("{error}") };
    assert!(server.context.as_deref().unwrap().contains("line 90000,"), "{:?}", server.context);
    assert_eq!(*line, 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_errors_the_first_in_the_dump_is_told() {
    let bad = |name: &str| table(name, 200_000).replacen("\n199999\t", "\nmany\t", 1);
    let small = table("small", 10).replacen("\n5\t", "\nfive\t", 1);
    let body = format!("{}{small}{}", bad("one"), table("rest", 200_000));
    let error = restored(&dump_of(&body)).await.unwrap_err();
    let RestoreError::Sql { statement, .. } = &error else { panic!("{error}") };
    assert!(statement.contains("public.one"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_and_keys_of_many_tables_do_not_get_in_each_others_way() {
    let scratch = Scratch::new().await;
    let mut body = table("hub", 5_000);
    body.push_str("ALTER TABLE ONLY public.hub ADD CONSTRAINT hub_pkey PRIMARY KEY (id);\n");
    for n in 0..20 {
        body.push_str(&table(&format!("t{n}"), 5_000));
    }
    for n in 0..20 {
        body.push_str(&format!(
            "ALTER TABLE ONLY public.t{n} ADD CONSTRAINT t{n}_pkey PRIMARY KEY (id);\n\
             CREATE INDEX t{n}_code ON public.t{n} USING btree (code);\n\
             COMMENT ON INDEX public.t{n}_code IS 'index {n}';\n"
        ));
    }
    for n in 0..20 {
        body.push_str(&format!(
            "ALTER TABLE ONLY public.t{n} ADD CONSTRAINT hub FOREIGN KEY (id) REFERENCES public.hub(id);\n"
        ));
    }
    scratch.restore_text(&dump_of(&body)).await.unwrap();
    let made = scratch.access.psql(
        "SELECT count(*) FILTER (WHERE contype = 'p' AND convalidated),
             count(*) FILTER (WHERE contype = 'f' AND convalidated),
             (SELECT count(*) FROM pg_index WHERE indisvalid AND indrelid >= 16384
                 AND indrelid::regclass::text !~ 'pg_toast'),
             (SELECT count(*) FROM pg_description WHERE description LIKE 'index %'
                 AND classoid = 'pg_class'::regclass)
         FROM pg_constraint WHERE conrelid <> 0 AND connamespace = 'public'::regnamespace",
    );
    assert_eq!(made, "21|20|41|20");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_built_is_an_error_of_its_own_statement() {
    let body = format!(
        "{}{}ALTER TABLE ONLY public.a ADD CONSTRAINT a_pkey PRIMARY KEY (id);\n\
         ALTER TABLE ONLY public.b ADD CONSTRAINT b_pkey PRIMARY KEY (id);\n\
         CREATE INDEX a_code ON public.a USING btree (code);\n",
        table("a", 1_000),
        table("b", 1_000).replacen("\n7\t", "\n6\t", 1)
    );
    let error = restored(&dump_of(&body)).await.unwrap_err();
    let RestoreError::Sql { statement, error: server, .. } = &error else { panic!("{error}") };
    assert!(statement.contains("b_pkey"), "{error}");
    assert_eq!(server.sqlstate.as_deref(), Some("23505"));
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_leaves_something_in_its_session_is_followed_by_one_session() {
    let scratch = Scratch::new().await;
    let body = format!(
        "SET my.word = 'set';\n{}\
         DO $$ BEGIN PERFORM pg_catalog.set_config('search_path', 'public', false); END $$;\n\
         COPY t (id, code) FROM stdin;\n0\tmore\n\\.\n\
         CREATE TABLE word AS SELECT pg_catalog.current_setting('my.word') AS word;\n",
        table("t", 10)
    );
    scratch.restore_text(&dump_of(&body)).await.unwrap();
    assert_eq!(scratch.access.psql("SELECT count(*), (SELECT word FROM word) FROM t"), "11|set");
}

/// Forty tables in two levels of partitions, each with a key that another table refers to. By their
/// names, pg_dump attaches the last index of the lower level right before the last of the upper one.
const NESTED: &str = "DO $$ BEGIN FOR t IN 1..40 LOOP EXECUTE format('
    CREATE TABLE public.t%1$s (id integer PRIMARY KEY) PARTITION BY RANGE (id);
    CREATE TABLE public.t%1$s_a PARTITION OF public.t%1$s
        FOR VALUES FROM (1) TO (3) PARTITION BY LIST (id);
    CREATE TABLE public.t%1$s_a_b PARTITION OF public.t%1$s_a FOR VALUES IN (1);
    CREATE TABLE public.t%1$s_a_z PARTITION OF public.t%1$s_a FOR VALUES IN (2);
    CREATE TABLE public.t%1$s_z PARTITION OF public.t%1$s DEFAULT;
    CREATE TABLE public.of_t%1$s (id integer REFERENCES public.t%1$s)', t);
END LOOP; END $$";

/// Of two indexes that were attached at once in one family, neither saw the other: the one above
/// stayed invalid, and a foreign key to it failed.
#[tokio::test(flavor = "multi_thread")]
async fn indexes_attached_at_once_left_the_one_above_invalid() {
    let database = TestDatabase::create().await;
    database.psql(NESTED);
    let dump = database.pg_dump(&["--no-owner"]);
    let mut scratch = Scratch::new().await;
    scratch.target.sessions = Some(8);
    scratch.restore_text(dump.as_bytes()).await.unwrap();
    let invalid = "SELECT count(*), count(*) FILTER (WHERE NOT indisvalid) FROM pg_index
        WHERE indrelid::regclass::text ~ '^t'";
    assert_eq!(scratch.access.psql(invalid), "200|0");
}
