mod samples;

use super::*;

fn not_null(column: &str) -> Refusal<'_> {
    Refusal { sqlstate: "23502", table: Some("orders"), column: Some(column), constraint: None }
}

fn broken<'a>(sqlstate: &'a str, constraint: &'a str) -> Refusal<'a> {
    Refusal { sqlstate, table: Some("orders"), column: None, constraint: Some(constraint) }
}

const TOO_LONG: Refusal<'static> =
    Refusal { sqlstate: "22001", table: None, column: None, constraint: None };

/// A table with the key `id`, and a parent alike.
fn keyed() -> Catalog {
    let column = |name: &str| (name.to_owned(), name.to_owned());
    Catalog {
        key: vec!["id".to_owned()],
        columns: vec![column("id"), column("total"), column("note")],
        parent_key: vec!["id".to_owned()],
        ..Catalog::default()
    }
}

fn offenders_of(statement: &str, refusal: Refusal<'_>) -> Option<Offenders> {
    cause(statement, &refusal)?.offenders(&keyed())
}

/// What the rows are, and what follows FROM in the query that counts them.
fn told(statement: &str, refusal: Refusal<'_>) -> (String, String) {
    let offenders = offenders_of(statement, refusal)
        .unwrap_or_else(|| panic!("nothing is told of {statement}"));
    let rows = offenders.count_sql.split_once(" FROM ").map(|(_, rows)| rows.to_owned());
    (offenders.what, rows.unwrap_or_default())
}

fn prelude(statement: &str, refusal: Refusal<'_>) -> Option<String> {
    let cause = cause(statement, &refusal).unwrap_or_else(|| panic!("no cause: {statement}"));
    cause.prelude().map(str::to_owned)
}

#[test]
fn nulls_are_looked_for_in_the_table_and_column_as_the_statement_writes_them() {
    let cases = [
        (
            "ALTER TABLE orders ALTER COLUMN note SET NOT NULL",
            "note",
            "rows of orders where note is null",
            "orders WHERE note IS NOT DISTINCT FROM NULL",
        ),
        (
            "alter table if exists only Shop.Orders alter NOTE set not null;",
            "note",
            "rows of Shop.Orders where NOTE is null",
            "ONLY Shop.Orders WHERE NOTE IS NOT DISTINCT FROM NULL",
        ),
        (
            "ALTER /* big */ TABLE \"Odd shop\" . -- there\n \"Or\"\"ders\" * \
             ALTER \"No;te\" SET NOT /* ! */ NULL -- end",
            "No;te",
            "rows of \"Odd shop\".\"Or\"\"ders\" where \"No;te\" is null",
            "\"Odd shop\".\"Or\"\"ders\" WHERE \"No;te\" IS NOT DISTINCT FROM NULL",
        ),
        (
            "ALTER TABLE ONLY (orders) ADD CONSTRAINT there NOT NULL note",
            "note",
            "rows of orders where note is null",
            "ONLY orders WHERE note IS NOT DISTINCT FROM NULL",
        ),
        (
            "ALTER TABLE orders ADD PRIMARY KEY (id, note)",
            "note",
            "rows of orders where note is null",
            "orders WHERE note IS NOT DISTINCT FROM NULL",
        ),
    ];
    for (statement, column, what, rows) in cases {
        let expected = (what.to_owned(), rows.to_owned());
        assert_eq!(told(statement, not_null(column)), expected, "{statement}");
        assert_eq!(prelude(statement, not_null(column)), None, "{statement}");
    }
}

#[test]
fn a_new_column_without_a_default_has_no_value_in_any_row() {
    for statement in [
        "ALTER TABLE orders ADD COLUMN state text NOT NULL",
        "ALTER TABLE orders ADD state varchar(10) COLLATE \"C\" DEFAULT NULL NOT NULL",
        "ALTER TABLE orders ADD COLUMN IF NOT EXISTS state text CONSTRAINT there NOT NULL CHECK (true)",
        "ALTER TABLE orders ADD COLUMN state text NOT NULL PRIMARY KEY",
        "ALTER TABLE orders ADD COLUMN a int NOT NULL, ADD COLUMN state text NOT NULL",
    ] {
        let expected = ("rows of orders".to_owned(), "orders WHERE true".to_owned());
        assert_eq!(told(statement, not_null("state")), expected, "{statement}");
        assert_eq!(prelude(statement, not_null("state")), None, "{statement}");
    }
}

#[test]
fn the_same_statements_changes_of_columns_run_first_and_its_constraints_do_not() {
    let cases = [
        (
            "ALTER TABLE orders ADD COLUMN state text, ALTER state SET NOT NULL, ADD CHECK (id > 0)",
            not_null("state"),
            "ALTER TABLE orders ADD COLUMN state text",
        ),
        (
            "ALTER TABLE IF EXISTS ONLY orders -- here\n ALTER id TYPE bigint USING id * 2, \
             DROP CONSTRAINT old, DROP note, ADD CONSTRAINT small CHECK (id < 10)",
            broken("23514", "small"),
            "ALTER TABLE IF EXISTS ONLY orders ALTER id TYPE bigint USING id * 2, DROP note",
        ),
        (
            "ALTER TABLE orders ADD COLUMN half numeric(10, 2) GENERATED ALWAYS AS (total / 2) \
             STORED CONSTRAINT n NOT NULL",
            not_null("half"),
            "ALTER TABLE orders ADD COLUMN half numeric(10, 2) GENERATED ALWAYS AS (total / 2) STORED",
        ),
        (
            "ALTER TABLE orders ADD COLUMN IF NOT EXISTS \"check\" int[] NOT NULL \
             DEFAULT '{1}' CONSTRAINT one UNIQUE NULLS NOT DISTINCT",
            broken("23505", "one"),
            "ALTER TABLE orders ADD COLUMN IF NOT EXISTS \"check\" int[] DEFAULT '{1}'",
        ),
        (
            "ALTER TABLE orders ADD customer int DEFAULT 1 REFERENCES customers \
             ON DELETE SET NULL NOT DEFERRABLE",
            broken("23503", "orders_customer_fkey"),
            "ALTER TABLE orders ADD COLUMN customer int DEFAULT 1",
        ),
    ];
    for (statement, refusal, expected) in cases {
        assert_eq!(prelude(statement, refusal).as_deref(), Some(expected), "{statement}");
    }
}

#[test]
fn duplicates_are_grouped_by_what_the_index_compares() {
    let cases = [
        (
            "ALTER TABLE orders ADD CONSTRAINT one UNIQUE (note, \"Total\") INCLUDE (id)",
            "rows of orders in duplicate groups of (note, \"Total\")",
            "(SELECT (note) AS k1, (\"Total\") AS k2 FROM ONLY orders) AS keyed \
             WHERE k1 IS DISTINCT FROM NULL AND k2 IS DISTINCT FROM NULL",
        ),
        (
            "ALTER TABLE orders ADD CONSTRAINT one UNIQUE NULLS NOT DISTINCT (note)",
            "rows of orders in duplicate groups of (note)",
            "(SELECT (note) AS k1 FROM ONLY orders) AS keyed",
        ),
        (
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS one ON ONLY shop.orders USING btree \
             (lower( /* any case */ note) text_pattern_ops DESC, (total % 10) NULLS FIRST, \
             name COLLATE \"C\") INCLUDE (id) WITH (fillfactor = 70) TABLESPACE fast \
             WHERE note <> '' -- all\n;",
            "rows of shop.orders in duplicate groups of \
             (lower( note), total % 10, (name) COLLATE \"C\")",
            "(SELECT (lower( /* any case */ note)) AS k1, (total % 10) AS k2, \
             ((name) COLLATE \"C\") AS k3 FROM ONLY shop.orders WHERE (note <> '')) AS keyed \
             WHERE k1 IS DISTINCT FROM NULL AND k2 IS DISTINCT FROM NULL \
             AND k3 IS DISTINCT FROM NULL",
        ),
        (
            "CREATE UNIQUE INDEX ON orders (note) NULLS NOT DISTINCT",
            "rows of orders in duplicate groups of (note)",
            "(SELECT (note) AS k1 FROM ONLY orders) AS keyed",
        ),
    ];
    for (statement, what, groups) in cases {
        let told = offenders_of(statement, broken("23505", "one"));
        let offenders = told.unwrap_or_else(|| panic!("nothing is told of {statement}"));
        assert_eq!(offenders.what, what, "{statement}");
        let names: Vec<_> =
            (1..=groups.matches(" AS k").count() - 1).map(|place| format!("k{place}")).collect();
        let names = names.join(", ");
        let expected = format!(
            "SELECT COALESCE(pg_catalog.sum(n), 0) FROM (SELECT {names}, pg_catalog.count(*) AS n \
             FROM {groups} GROUP BY {names} HAVING pg_catalog.count(*) > 1) AS duplicate"
        );
        assert_eq!(offenders.count_sql, expected, "{statement}");
    }
}

#[test]
fn a_row_without_a_parent_has_all_its_columns_but_no_match() {
    let cases = [
        (
            "ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (customer) REFERENCES customers",
            "rows of orders without a parent in customers",
            "ONLY orders AS stopover_row WHERE stopover_row.customer IS DISTINCT FROM NULL AND \
             NOT EXISTS (SELECT FROM ONLY customers AS stopover_parent \
             WHERE stopover_parent.id = stopover_row.customer)",
        ),
        (
            "ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (\"A\", b) \
             REFERENCES shop.customers (x, \"Y\") MATCH FULL ON DELETE CASCADE DEFERRABLE",
            "rows of orders without a parent in shop.customers",
            "ONLY orders AS stopover_row WHERE (stopover_row.\"A\" IS DISTINCT FROM NULL OR \
             stopover_row.b IS DISTINCT FROM NULL) AND \
             NOT EXISTS (SELECT FROM ONLY shop.customers AS stopover_parent \
             WHERE stopover_parent.x = stopover_row.\"A\" AND \
             stopover_parent.\"Y\" = stopover_row.b)",
        ),
    ];
    for (statement, what, rows) in cases {
        let expected = (what.to_owned(), rows.to_owned());
        assert_eq!(told(statement, broken("23503", "fk")), expected, "{statement}");
    }
}

#[test]
fn a_partitioned_tables_rows_are_in_its_partitions() {
    let catalog = Catalog { rows: Rows::Partitions, parent_rows: Rows::Partitions, ..keyed() };
    let statement = "ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES customers";
    let offenders =
        cause(statement, &broken("23503", "fk")).and_then(|cause| cause.offenders(&catalog));
    let sql = offenders.map(|it| it.count_sql).unwrap_or_default();
    assert!(sql.contains("FROM orders AS") && sql.contains("FROM customers AS"), "{sql}");
}

#[test]
fn a_check_is_broken_where_its_expression_is_false() {
    let cases = [
        (
            "ALTER TABLE orders ADD CONSTRAINT positive CHECK (orders.total > 0 -- or so\n )",
            "rows of orders in violation of CHECK (orders.total > 0)",
            "orders WHERE NOT (orders.total > 0)",
        ),
        (
            "ALTER TABLE orders ADD CONSTRAINT positive CHECK ((total > 0\n  OR note IS NULL)) NO INHERIT",
            "rows of orders in violation of CHECK (total > 0 OR note IS NULL)",
            "ONLY orders WHERE NOT (total > 0\n  OR note IS NULL)",
        ),
        (
            "ALTER TABLE orders ADD CHECK (total > 0)",
            "rows of orders in violation of CHECK (total > 0)",
            "orders WHERE NOT (total > 0)",
        ),
    ];
    for (statement, what, rows) in cases {
        let expected = (what.to_owned(), rows.to_owned());
        assert_eq!(told(statement, broken("23514", "positive")), expected, "{statement}");
    }
}

#[test]
fn a_long_expression_is_cut_in_what_is_said_and_whole_in_what_is_run() {
    let long = format!("note <> '{}'", "é".repeat(80));
    let statement = format!("ALTER TABLE orders ADD CHECK ({long})");
    let (what, rows) = told(&statement, broken("23514", "orders_check"));
    let shown = format!("note <> '{}…", "é".repeat(51));
    assert_eq!(what, format!("rows of orders in violation of CHECK ({shown})"));
    assert_eq!(rows, format!("orders WHERE NOT ({long})"));
}

#[test]
fn a_value_is_too_long_by_its_characters_without_trailing_blanks() {
    for (written, limit) in [
        ("varchar(10)", 10),
        ("character varying (10) COLLATE \"C\"", 10),
        ("char varying(10)", 10),
        ("character(3)", 3),
        ("char", 1),
    ] {
        for set in ["", "SET DATA "] {
            let statement = format!("ALTER TABLE orders ALTER note {set}TYPE {written}");
            let what = format!("rows of orders where note is longer than {limit} characters");
            let rows = format!(
                "orders WHERE pg_catalog.char_length(pg_catalog.rtrim(note::pg_catalog.text, ' ')) \
                 > {limit}"
            );
            assert_eq!(told(&statement, TOO_LONG), (what, rows), "{statement}");
            assert_eq!(prelude(&statement, TOO_LONG), None, "{statement}");
        }
    }
}

#[test]
fn of_several_parts_the_one_that_the_error_names_is_taken() {
    let statement = "ALTER TABLE orders ADD CONSTRAINT a CHECK (id > 0), ADD CONSTRAINT b CHECK \
                     (total > 0), ALTER note SET NOT NULL, ALTER total SET NOT NULL, \
                     ADD UNIQUE (note), ADD UNIQUE (total, note), ADD CONSTRAINT u UNIQUE (id)";
    let what = |refusal| offenders_of(statement, refusal).map(|it| it.what);
    let cases = [
        (broken("23514", "b"), Some("rows of orders in violation of CHECK (total > 0)")),
        (not_null("total"), Some("rows of orders where total is null")),
        (
            broken("23505", "orders_total_note_key"),
            Some("rows of orders in duplicate groups of (total, note)"),
        ),
        (broken("23505", "u"), Some("rows of orders in duplicate groups of (id)")),
        // Two are without a name, and the server says a third.
        (broken("23505", "orders_note_key1"), None),
        (broken("23514", "c"), None),
        (not_null("id"), None),
    ];
    for (refusal, expected) in cases {
        assert_eq!(what(refusal).as_deref(), expected, "{refusal:?}");
    }
}

#[test]
fn a_constraint_that_is_there_is_read_from_its_definition() {
    let statement = "ALTER TABLE shop.orders VALIDATE CONSTRAINT \"Fits\"";
    let cases = [
        (
            "23514",
            "CHECK ((total >= (0)::numeric)) NOT VALID",
            Some("rows of shop.orders in violation of CHECK (total >= (0)::numeric)"),
        ),
        (
            "23503",
            "FOREIGN KEY (customer) REFERENCES shop.customers(id) ON DELETE CASCADE NOT VALID",
            Some("rows of shop.orders without a parent in shop.customers"),
        ),
        ("23514", "EXCLUDE USING gist (room WITH =)", None),
    ];
    for (sqlstate, definition, expected) in cases {
        let Some(cause) = cause(statement, &broken(sqlstate, "Fits")) else {
            panic!("no cause: {definition}")
        };
        assert_eq!(cause.existing_constraint(), Some("Fits"));
        assert_eq!(cause.offenders(&keyed()), None, "without its definition");
        let offenders = cause.defined_as(definition).and_then(|it| it.offenders(&keyed()));
        assert_eq!(offenders.map(|it| it.what).as_deref(), expected, "{definition}");
    }
}

#[test]
fn nothing_is_told_where_the_text_does_not_tell() {
    let cases = [
        ("INSERT INTO orders (id) VALUES (1)", not_null("note")),
        ("UPDATE orders SET note = NULL", not_null("note")),
        ("DO $$ BEGIN ALTER TABLE orders ALTER note SET NOT NULL; END $$", not_null("note")),
        ("ALTER DOMAIN positive ADD CHECK (VALUE > 0)", broken("23514", "positive_check")),
        ("ALTER TABLE orders ATTACH PARTITION p FOR VALUES IN (1)", broken("23514", "p")),
        ("ALTER TABLE orders ADD CONSTRAINT c CHECK (id > 0) NOT VALID", broken("23514", "c")),
        (
            "ALTER TABLE orders ADD CONSTRAINT c EXCLUDE USING gist (r WITH &&)",
            broken("23P01", "c"),
        ),
        ("ALTER TABLE orders ADD CONSTRAINT c UNIQUE USING INDEX i", broken("23505", "c")),
        (
            "ALTER TABLE orders ADD CONSTRAINT c UNIQUE (id, during WITHOUT OVERLAPS)",
            broken("23505", "c"),
        ),
        ("ALTER TABLE orders ALTER note TYPE varchar(5) USING left(note, 9)", TOO_LONG),
        ("ALTER TABLE orders ALTER note TYPE varchar(5)[]", TOO_LONG),
        ("ALTER TABLE orders ALTER a TYPE varchar(5), ALTER b TYPE varchar(6)", TOO_LONG),
        ("ALTER TABLE orders ALTER total TYPE numeric(5, 2)", TOO_LONG),
        ("CREATE INDEX one ON orders (note)", broken("23505", "one")),
        ("ALTER TABLE orders ADD CHECK (true); DROP TABLE orders", broken("23514", "c")),
        ("ALTER TABLE orders ADD CHECK (true", broken("23514", "c")),
        ("ALTER TABLE", not_null("note")),
        ("", not_null("note")),
    ];
    for (statement, refusal) in cases {
        assert_eq!(cause(statement, &refusal), None, "{statement}");
    }
}

#[test]
fn a_domains_error_is_not_about_the_table() {
    let refusal = Refusal { table: None, ..broken("23514", "positive_check") };
    assert_eq!(cause("ALTER TABLE orders ADD CHECK (total > 0)", &refusal), None);
}
