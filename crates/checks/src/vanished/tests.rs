use stopover_model::report::{
    DroppedColumn, EmptiedColumn, LockReport, StatementReport, TableFate,
};
use stopover_model::{Severity, Version};

use super::*;

fn table(relation: &str, fate: TableFate, before: u64, after: Option<u64>) -> TableReport {
    TableReport {
        relation: relation.to_owned(),
        rows_before: Some(before),
        rows_after: after,
        fate: Some(fate),
        relation_after: after.map(|_| relation.to_owned()),
        dropped_columns: Some(Vec::new()),
        emptied_columns: Some(Vec::new()),
        ..TableReport::default()
    }
}

fn migration(version: i64, tag: &str, mode: LockMode, relation: &str) -> MigrationReport {
    let lock = LockReport {
        mode: mode.name().to_owned(),
        relation: relation.to_owned(),
        from_ms: None,
        held_ms: None,
    };
    MigrationReport {
        version: Version::Integer(version),
        name: "m".to_owned(),
        file: format!("{version}_m.up.sql"),
        status: MigrationStatus::Applied,
        transactional: true,
        duration_ms: None,
        wal_bytes: None,
        statements: vec![StatementReport {
            index: 1,
            line: 3,
            column: 1,
            text: String::new(),
            tag: tag.to_owned(),
            from_ms: None,
            duration_ms: None,
            rows: None,
            wal_bytes: None,
            temp_bytes: None,
            locks: Some(vec![lock]),
            rewrites: None,
            indexes: None,
            scans: None,
            error: None,
        }],
    }
}

/// What is said of one table after these migrations, each with what it is allowed to lose.
fn said(report: &TableReport, ran: &[(&MigrationReport, &[&str])]) -> Vec<(Severity, String)> {
    let names: Vec<Vec<String>> =
        ran.iter().map(|it| it.1.iter().map(|name| (*name).to_owned()).collect()).collect();
    let allowances: Vec<Allowance<'_>> = ran
        .iter()
        .zip(&names)
        .map(|(it, relations)| Allowance { migration: it.0, relations })
        .collect();
    let counted = CountedTable { report, within: &[], within_after: &[] };
    let found = vanished(&[counted], &allowances);
    found.into_iter().map(|it| (it.severity, it.message)).collect()
}

#[test]
fn lost_rows_are_an_error_that_names_the_statement() {
    let orders = table("public.orders", TableFate::Kept, 5000, Some(3766));
    let delete = migration(42, "DELETE", LockMode::RowExclusive, "public.orders");
    let add = migration(43, "ALTER TABLE", LockMode::AccessExclusive, "public.users");
    let message = "public.orders lost 1,234 of its 5,000 rows (migration 42: DELETE, line 3)";
    let found = said(&orders, &[(&delete, &[]), (&add, &["orders"])]);
    assert_eq!(found, [(Severity::Error, message.to_owned())]);
}

#[test]
fn what_its_migration_allows_is_a_note_however_the_table_is_spelled() {
    let orders = table("public.orders", TableFate::Dropped, 7, None);
    let drop = migration(42, "DROP TABLE", LockMode::AccessExclusive, "public.orders");
    let message = "public.orders was dropped with its 7 rows (migration 42: DROP TABLE, line 3)";
    for name in ["orders", "Orders", "public.ORDERS", "\"orders\"", "public.\"orders\""] {
        assert_eq!(said(&orders, &[(&drop, &[name])]), [(Severity::Note, message.to_owned())]);
    }
    for name in ["order", "shop.orders", "\"Orders\""] {
        assert_eq!(said(&orders, &[(&drop, &[name])])[0].0, Severity::Error, "{name}");
    }
}

#[test]
fn where_several_may_have_done_it_each_must_be_allowed_to() {
    let orders = table("public.orders", TableFate::Kept, 2, Some(0));
    let first = migration(1, "DELETE", LockMode::RowExclusive, "public.orders");
    let second = migration(2, "TRUNCATE", LockMode::AccessExclusive, "public.orders");
    let message = "public.orders lost all of its 2 rows (one of the migrations 1 and 2)";
    let one = said(&orders, &[(&first, &["orders"]), (&second, &[])]);
    assert_eq!(one, [(Severity::Error, message.to_owned())]);
    let both = said(&orders, &[(&first, &["orders"]), (&second, &["orders"])]);
    assert_eq!(both, [(Severity::Note, message.to_owned())]);
}

#[test]
fn a_statement_that_takes_nothing_away_is_not_suspected_beside_one_that_does() {
    let orders = table("public.orders", TableFate::Kept, 2, Some(1));
    let fill = migration(1, "UPDATE", LockMode::RowExclusive, "public.orders");
    let delete = migration(2, "DELETE", LockMode::RowExclusive, "public.orders");
    let found = said(&orders, &[(&fill, &[]), (&delete, &["orders"])]);
    assert_eq!(found[0].0, Severity::Note);
    let trigger = said(&orders, &[(&fill, &[])]);
    assert!(trigger[0].1.ends_with("lost 1 of its 2 rows (migration 1)"), "{trigger:?}");
}

#[test]
fn rows_that_a_query_before_an_insert_deletes_are_its_own() {
    let orders = table("public.orders", TableFate::Kept, 2, Some(1));
    let mut moves = migration(1, "INSERT", LockMode::RowExclusive, "public.orders");
    moves.statements[0].text = "with gone as (DELETE FROM orders RETURNING *) INSERT …".to_owned();
    let delete = migration(2, "DELETE", LockMode::RowExclusive, "public.orders");
    let found = said(&orders, &[(&moves, &[]), (&delete, &["orders"])]);
    assert_eq!(found[0].0, Severity::Error);
}

#[test]
fn rows_and_columns_are_asked_of_those_who_take_them() {
    let mut orders = table("public.orders", TableFate::Kept, 9, Some(8));
    let note = DroppedColumn { column: "note".to_owned(), values: Some(2) };
    orders.dropped_columns = Some(vec![note]);
    let delete = migration(1, "DELETE", LockMode::RowExclusive, "public.orders");
    let drop = migration(2, "ALTER TABLE", LockMode::AccessExclusive, "public.orders");
    let found = said(&orders, &[(&delete, &["orders"]), (&drop, &[])]);
    let severities: Vec<Severity> = found.iter().map(|it| it.0).collect();
    assert_eq!(severities, [Severity::Note, Severity::Error], "{found:?}");
}

#[test]
fn a_loss_without_a_trace_is_allowed_by_nobody_alone() {
    let orders = table("public.orders", TableFate::Kept, 2, Some(1));
    let mut first = migration(1, "DELETE", LockMode::RowExclusive, "public.orders");
    let mut second = migration(2, "TRUNCATE", LockMode::RowExclusive, "public.orders");
    for it in [&mut first, &mut second] {
        it.statements[0].locks = None;
    }
    assert_eq!(said(&orders, &[(&first, &["orders"]), (&second, &[])])[0].0, Severity::Error);
    assert_eq!(said(&orders, &[])[0].0, Severity::Error, "nobody ran, and yet");
}

#[test]
fn a_dropped_column_is_a_loss_where_it_held_values_or_may_have() {
    let drop = migration(42, "ALTER TABLE", LockMode::AccessExclusive, "public.orders");
    let said_of = |values| {
        let mut orders = table("public.orders", TableFate::Kept, 9, Some(9));
        orders.dropped_columns = Some(vec![DroppedColumn { column: "note".to_owned(), values }]);
        said(&orders, &[(&drop, &[])])
    };
    assert_eq!(said_of(Some(0)), []);
    let message = "public.orders lost its column note, which held values in 3 rows (migration 42: \
                   ALTER TABLE, line 3)";
    assert_eq!(said_of(Some(3)), [(Severity::Error, message.to_owned())]);
    assert!(said_of(None)[0].1.contains("nobody knows whether it held values"));
}

#[test]
fn values_that_are_gone_are_a_loss_and_those_that_nobody_counted_a_warning() {
    let update = migration(42, "UPDATE", LockMode::RowExclusive, "public.orders");
    let mut orders = table("public.orders", TableFate::Replaced, 9, Some(9));
    let note = EmptiedColumn { column: "note".to_owned(), values_before: 7, values_after: 2 };
    orders.emptied_columns = Some(vec![note]);
    let message =
        "public.orders lost 5 of the 7 values of its column note (migration 42: UPDATE, line 3)";
    assert_eq!(said(&orders, &[(&update, &[])]), [(Severity::Error, message.to_owned())]);
    let allowed = said(&orders, &[(&update, &["orders"])]);
    assert_eq!(allowed, [(Severity::Note, message.to_owned())]);
    orders.emptied_columns = None;
    let found = said(&orders, &[(&update, &[])]);
    assert!(found[0].0 == Severity::Warning && found[0].1.contains("was made again"), "{found:?}");
}

#[test]
fn tables_that_only_change_their_name_or_are_rebuilt_lose_nothing() {
    let rename = migration(1, "ALTER TABLE", LockMode::AccessExclusive, "public.orders");
    for fate in [TableFate::Renamed, TableFate::Replaced, TableFate::Kept] {
        assert_eq!(said(&table("public.orders", fate, 9, Some(9)), &[(&rename, &[])]), []);
    }
    assert_eq!(said(&table("public.orders", TableFate::Dropped, 0, None), &[(&rename, &[])]), []);
}

#[test]
fn rows_that_go_from_one_partition_to_another_are_not_lost() {
    let events = ["public.events".to_owned()];
    let old = table("public.events_old", TableFate::Dropped, 5, None);
    let new = table("public.events_new", TableFate::Made, 0, Some(5));
    let new = TableReport { rows_before: None, ..new };
    let split = migration(1, "ALTER TABLE", LockMode::AccessExclusive, "public.events_old");
    let ran = [Allowance { migration: &split, relations: &[] }];
    let of = |new: &TableReport| {
        let tables = [
            CountedTable { report: &old, within: &events, within_after: &[] },
            CountedTable { report: new, within: &[], within_after: &events },
        ];
        vanished(&tables, &ran).len()
    };
    assert_eq!(of(&new), 0);
    let fewer = TableReport { rows_after: Some(4), ..new.clone() };
    assert_eq!(of(&fewer), 1);
    // A table that is attached brings its own rows along.
    let attached = TableReport { fate: Some(TableFate::Kept), rows_before: Some(5), ..new };
    assert_eq!(of(&attached), 1);
}

#[test]
fn a_directive_for_the_whole_covers_its_parts() {
    let part = table("public.events_1", TableFate::Dropped, 5, None);
    let drop = migration(1, "DROP TABLE", LockMode::AccessExclusive, "public.events_1");
    let names = ["events".to_owned()];
    let ran = [Allowance { migration: &drop, relations: &names }];
    let whole = ["public.events".to_owned()];
    let counted = CountedTable { report: &part, within: &whole, within_after: &[] };
    assert_eq!(vanished(&[counted], &ran)[0].severity, Severity::Note);
}

#[test]
fn what_many_partitions_lose_is_one_loss() {
    let whole = ["public.events".to_owned()];
    let parts = ["public.e_1", "public.e_2"].map(|it| {
        let mut part = table(it, TableFate::Kept, 5, Some(4));
        let note = DroppedColumn { column: "note".to_owned(), values: Some(2) };
        part.dropped_columns = Some(vec![note]);
        part
    });
    let delete = migration(1, "DELETE", LockMode::RowExclusive, "public.e_2");
    let alter = migration(2, "ALTER TABLE", LockMode::AccessExclusive, "public.e_1");
    let names = ["events".to_owned()];
    let ran = [
        Allowance { migration: &delete, relations: &names },
        Allowance { migration: &alter, relations: &[] },
    ];
    let counted = parts.each_ref().map(|report| CountedTable {
        report,
        within: &whole,
        within_after: &whole,
    });
    let found: Vec<(Severity, String)> =
        vanished(&counted, &ran).into_iter().map(|it| (it.severity, it.message)).collect();
    let rows = "public.events lost 2 of its 10 rows in 2 partitions (migration 1: DELETE, line 3)";
    let column = "public.events lost its column note, which held values in 4 rows in 2 partitions \
                  (migration 2: ALTER TABLE, line 3)";
    let expected = [(Severity::Note, rows.to_owned()), (Severity::Error, column.to_owned())];
    assert_eq!(found, expected);
    let gone = ["public.e_1", "public.e_2"].map(|it| table(it, TableFate::Dropped, 5, None));
    let counted =
        gone.each_ref().map(|report| CountedTable { report, within: &whole, within_after: &[] });
    let found = vanished(&counted, &ran);
    assert!(found[0].message.starts_with("public.events lost 2 partitions with their 10 rows"));
}
