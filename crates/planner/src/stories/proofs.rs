//! What a second run changed on a copy, as it is told.

use stopover_model::{ColumnDigest, Schema, SchemaObject, TableCensus};

use super::*;
use crate::{Inventory, rerun_changes};

fn object(kind: &str, identity: &str) -> SchemaObject {
    let definition = format!("{kind} {identity}");
    SchemaObject { kind: kind.to_owned(), identity: identity.to_owned(), definition }
}

fn table(relation: &str, rows: u64, note: &str) -> TableCensus {
    let column =
        |name: &str, digest: &str| ColumnDigest { column: name.to_owned(), digest: digest.into() };
    TableCensus {
        relation: relation.to_owned(),
        rows,
        digest: Some(format!("{rows} {note}")),
        columns: vec![column("id", "1"), column("note", note)],
    }
}

fn inventory(objects: &[(&str, &str)], tables: Vec<TableCensus>) -> Inventory {
    let objects = objects.iter().map(|(kind, identity)| object(kind, identity)).collect();
    Inventory { schema: Schema::new(objects), tables, marks: Vec::new() }
}

fn told(before: &Inventory, after: &Inventory, later: &[(i64, &str)]) -> Vec<String> {
    let mut migrations = vec![scripted(9, "DROP TABLE codes; CREATE TABLE codes (id int);")];
    migrations.extend(later.iter().map(|(version, text)| scripted(*version, text)));
    let facts = facts(migrations.iter().map(row).collect());
    rerun_changes(&Version::Integer(9), before, after, &source(migrations), &facts)
}

#[test]
fn a_column_of_a_later_migration_is_named_with_that_migration() {
    let before = inventory(
        &[
            ("table", "public.codes"),
            ("column", "public.codes.id"),
            ("column", "public.codes.\"Cur\""),
        ],
        vec![table("public.codes", 3, "a")],
    );
    let after = inventory(
        &[("table", "public.codes"), ("column", "public.codes.id")],
        vec![table("public.codes", 3, "b")],
    );
    let later = [(10, "ALTER TABLE codes ADD COLUMN \"Cur\" text;"), (11, "SELECT 1;")];
    assert_eq!(
        told(&before, &after, &later),
        ["re-running 9 would drop column codes.\"Cur\" (added by 10)"]
    );
    assert_eq!(told(&before, &after, &[]), ["re-running 9 would drop column codes.\"Cur\""]);
}

#[test]
fn rows_that_come_go_and_change_are_told() {
    let before = inventory(
        &[],
        vec![table("public.a", 40, "x"), table("shop.b", 5, "x"), table("public.c", 7, "x")],
    );
    let after = inventory(
        &[],
        vec![table("public.a", 37, "x"), table("shop.b", 6, "x"), table("public.c", 7, "y")],
    );
    assert_eq!(
        told(&before, &after, &[]),
        [
            "re-running 9 would remove 3 of 40 rows of a",
            "re-running 9 would add 1 row to the 5 of shop.b",
            "re-running 9 would change values of c (note)",
        ]
    );
    assert_eq!(told(&before, &before, &[]), Vec::<String>::new());
}

#[test]
fn a_table_that_goes_takes_its_columns_along_without_words() {
    let before = inventory(
        &[("column", "main.late.id"), ("table", "main.late"), ("view", "main.v")],
        vec![table("main.late", 3, "a")],
    );
    let after = inventory(&[("column", "main.n.id"), ("view", "main.v")], vec![]);
    assert_eq!(
        told(&before, &after, &[(12, "CREATE TABLE Late (id int);")]),
        ["re-running 9 would drop table late (added by 12)", "re-running 9 would add column n.id"]
    );
}

#[test]
fn many_differences_are_counted_at_the_end() {
    let names: Vec<String> = (0..20).map(|at| format!("public.t{at:02}")).collect();
    let objects: Vec<_> = names.iter().map(|it| ("table", it.as_str())).collect();
    let told = told(&inventory(&objects, vec![]), &inventory(&[], vec![]), &[]);
    assert_eq!(told.len(), 13);
    assert_eq!(told[12], "re-running 9 would change 8 more things");
}
