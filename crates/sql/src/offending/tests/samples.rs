use super::*;

#[test]
fn samples_come_from_the_key_and_else_from_the_columns_that_the_rule_is_about() {
    let rows = |statement, refusal: Refusal<'_>, catalog: &Catalog| {
        let cause = cause(statement, &refusal)?;
        cause.offenders(catalog)?.rows_sql
    };
    let check = "ALTER TABLE orders ADD CHECK (TOTAL > 0 AND total < 10 OR note = 'total')";
    let sql = rows(check, broken("23514", "c"), &keyed());
    assert_eq!(
        sql.as_deref(),
        Some(
            "SELECT pg_catalog.left(k1::pg_catalog.text, 61), \
             pg_catalog.pg_typeof(k1)::pg_catalog.text FROM (SELECT (id) AS k1 FROM orders WHERE \
             NOT (TOTAL > 0 AND total < 10 OR note = 'total')) AS offending ORDER BY k1 LIMIT 3"
        )
    );
    let keyless = Catalog { key: Vec::new(), ..keyed() };
    let sql = rows(check, broken("23514", "c"), &keyless).unwrap_or_default();
    assert!(sql.contains("(SELECT DISTINCT (total) AS k1, (note) AS k2 FROM orders"), "{sql}");
    let nulls = "ALTER TABLE orders ALTER note SET NOT NULL";
    assert_eq!(rows(nulls, not_null("note"), &keyless), None, "a null tells nothing");
}

#[test]
fn samples_read_like_the_condition_that_finds_the_row() {
    let Some(one) = offenders_of("ALTER TABLE orders ADD CHECK (id > 0)", broken("23514", "c"))
    else {
        panic!("no offenders")
    };
    let two = offenders_of("CREATE UNIQUE INDEX ON orders (id, note)", broken("23505", "i"));
    let Some(two) = two else { panic!("no offenders") };
    let long = "x".repeat(61);
    let cut = format!("id = '{}…'", "x".repeat(60));
    type Case<'a> = (&'a Offenders, &'a [Option<&'a str>], Option<&'a str>);
    let cases: [Case<'_>; 7] = [
        (&one, &[Some("42"), Some("bigint")], Some("id = 42")),
        (&one, &[Some("it's\n"), Some("text")], Some("id = 'it''s\\n'")),
        (&one, &[Some(&long), Some("text")], Some(&cut)),
        (&one, &[None, Some("text")], Some("id = NULL")),
        (
            &two,
            &[Some("1"), Some("integer"), Some("x"), Some("text"), Some("3")],
            Some("(id, note) = (1, 'x') (3 times)"),
        ),
        (&two, &[Some("1"), Some("integer")], None),
        (&one, &[Some("1"), None], None),
    ];
    for (offenders, cells, expected) in cases {
        assert_eq!(offenders.sample(cells).as_deref(), expected, "{cells:?}");
    }
}

#[test]
fn one_row_is_a_row() {
    let Some(offenders) =
        offenders_of("ALTER TABLE orders ALTER note SET NOT NULL", not_null("note"))
    else {
        panic!("no offenders")
    };
    assert_eq!(offenders.what_for(1), "row of orders where note is null");
    assert_eq!(offenders.what_for(2), "rows of orders where note is null");
}
