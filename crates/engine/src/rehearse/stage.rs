//! The database at one moment between migrations: its schema, and what is in the tables that a
//! migration's scripts touch, as far as their texts and the schema tell.

use std::collections::{BTreeMap, BTreeSet};

use stopover_backend::{BackendError, CensusDepth, Session};
use stopover_model::report::DownLoss;
use stopover_model::{ColumnDigest, Schema, SchemaObject, TableCensus};

use super::named::bare;
use crate::Request;

/// One moment.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) schema: Schema,
    pub(super) tables: BTreeMap<String, TableCensus>,
}

impl Stage {
    /// Reads it; `scripts` are the texts of the migration that comes next, or was taken back.
    pub(super) async fn read<S: Session>(
        session: &mut S,
        request: &Request<'_>,
        scripts: &[String],
    ) -> Result<Self, BackendError> {
        let scope = session.bookkeeping(&request.facts).await?;
        let schema = session.schema(&scope).await?;
        let names: Vec<String> = touched(&schema, scripts).into_iter().collect();
        let tables = session.chosen_tables(&scope, CensusDepth::Digests, &names).await?;
        let tables = tables.into_iter().map(|it| (it.relation.clone(), it)).collect();
        Ok(Self { schema, tables })
    }

    /// What became of a table that was there, by the time of `now`; `None` where it is the same.
    fn lost(&self, now: &Self, relation: &str) -> Option<DownLoss> {
        let was = self.tables.get(relation)?;
        let is = now.tables.get(relation);
        let columns = not_as_before(was, is);
        let same_rows = is.is_some_and(|it| it.rows == was.rows);
        let nothing = (same_rows && columns.is_empty()) || (is.is_none() && was.rows == 0);
        (!nothing).then(|| DownLoss {
            relation: relation.to_owned(),
            rows_before: Some(was.rows),
            rows_after: is.map(|it| it.rows),
            columns,
        })
    }

    /// Objects that are not as they were, as `kind identity`. The order of columns does not count:
    /// no script can put a column back to its place.
    pub(super) fn objects(&self, now: &Schema) -> Vec<String> {
        let changes = self.schema.changes(now).into_iter();
        let matters = changes.filter(|it| match (&it.before, &it.after) {
            (Some(before), Some(after)) => in_any_order(before) != in_any_order(after),
            _ => true,
        });
        matters.map(|it| format!("{} {}", it.kind, it.identity)).collect()
    }
}

/// A migration's way up and down: the database before it, after it, before its down script and
/// after that.
pub(super) struct Round<'a> {
    pub(super) before: &'a Stage,
    pub(super) up: &'a Stage,
    pub(super) down: &'a Stage,
    pub(super) now: &'a Stage,
}

/// What a migration's way up and down changed, and nobody before.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Own {
    pub(super) lost: Vec<DownLoss>,
    pub(super) objects: Vec<String>,
    /// Of the tables of `lost` those whose rows or columns are gone, each followed by what it is a
    /// part of.
    pub(super) gone: Vec<Vec<String>>,
    /// All objects that the migration made or changed, if its down script took none of them back.
    pub(super) left: Vec<String>,
    /// Tables in which newer migrations have lost something, so that nobody can tell.
    pub(super) unproven: Vec<String>,
}

impl Round<'_> {
    /// What is not as it was, without what newer migrations did not bring back.
    pub(super) fn own(&self) -> Own {
        let mut own = Own::default();
        for relation in self.before.tables.keys() {
            let Some(loss) = self.before.lost(self.now, relation) else { continue };
            let [before, up, down, now] =
                [self.before, self.up, self.down, self.now].map(|it| it.tables.get(relation));
            if up == down {
                if is_gone(before, up, now) {
                    own.gone.push(with_wholes(&self.before.schema, relation));
                }
                own.lost.push(loss);
            } else if before == up && down == now {
                // It was like that before the down script, and the migration left it alone.
            } else {
                own.unproven.push(relation.clone());
            }
        }
        let known = self.up.objects(&self.down.schema);
        own.objects = self.before.objects(&self.now.schema);
        own.objects.retain(|it| !known.contains(it));
        let of_up = self.before.objects(&self.up.schema);
        let taken_back = self.down.objects(&self.now.schema);
        if !of_up.iter().any(|it| taken_back.contains(it)) {
            own.left = of_up;
        }
        own
    }
}

/// Whether rows or columns that were there before the migration are gone, or values that its way up
/// has left alone are others. What the way up takes is the census' business.
fn is_gone(
    before: Option<&TableCensus>,
    up: Option<&TableCensus>,
    now: Option<&TableCensus>,
) -> bool {
    let Some(before) = before else { return false };
    let Some(now) = now else { return before.rows > 0 };
    let of = |census: &TableCensus, column: &str| {
        census.columns.iter().find(|it| it.column == column).map(|it| it.digest.clone())
    };
    let is_taken = |column: &ColumnDigest| {
        let was = Some(&column.digest);
        let is_left_alone = up.is_some_and(|it| of(it, &column.column).as_ref() == was);
        let is = of(now, &column.column);
        is_left_alone && (is.is_none() || (now.rows == before.rows && is.as_ref() != was))
    };
    now.rows < before.rows || (before.rows > 0 && before.columns.iter().any(is_taken))
}

/// A table, and what it is a partition of, the nearest first.
fn with_wholes(schema: &Schema, relation: &str) -> Vec<String> {
    let mut all = vec![relation.to_owned()];
    loop {
        let last = all.last();
        let table =
            schema.objects.iter().find(|it| it.kind == "table" && last == Some(&it.identity));
        let whole = table.and_then(|it| whole_of(&it.definition));
        match whole.filter(|it| !all.iter().any(|known| known == it)) {
            Some(whole) => all.push(whole.to_owned()),
            None => return all,
        }
    }
}

/// What a table's definition says that it is a partition of.
fn whole_of(definition: &str) -> Option<&str> {
    let partition = definition.lines().find_map(|it| it.strip_prefix("partition of: "))?;
    let whole = partition.split(" FOR VALUES").next().unwrap_or(partition);
    Some(whole.strip_suffix(" DEFAULT").unwrap_or(whole))
}

/// Columns that are gone, or hold other values in as many rows. With another number of rows every
/// column holds others: nothing is said of them then.
fn not_as_before(was: &TableCensus, is: Option<&TableCensus>) -> Vec<String> {
    let Some(is) = is else { return Vec::new() };
    let mut changed = Vec::new();
    for column in &was.columns {
        match is.columns.iter().find(|it| it.column == column.column) {
            Some(now) if now.digest == column.digest || is.rows != was.rows => {}
            _ => changed.push(column.column.clone()),
        }
    }
    changed
}

/// A table's definition with its columns sorted.
fn in_any_order(definition: &str) -> Vec<String> {
    let sorted = |line: &str| match line.strip_prefix("columns: ") {
        None => line.to_owned(),
        Some(columns) => {
            let mut columns: Vec<&str> = columns.split(", ").collect();
            columns.sort_unstable();
            columns.join(", ")
        }
    };
    definition.lines().map(sorted).collect()
}

/// Tables whose names stand in one of the scripts, their partitions, and those that a foreign key
/// changes with them.
pub(super) fn touched(schema: &Schema, scripts: &[String]) -> BTreeSet<String> {
    let scripts: Vec<String> = scripts.iter().map(|it| it.to_lowercase()).collect();
    let named = |table: &&SchemaObject| {
        let name = bare(&table.identity);
        scripts.iter().any(|it| it.contains(&name))
    };
    let of_kind = |kind: &'static str| schema.objects.iter().filter(move |it| it.kind == kind);
    let mut found: BTreeSet<String> =
        of_kind("table").filter(named).map(|it| it.identity.clone()).collect();
    loop {
        let mut more: Vec<String> = Vec::new();
        for table in of_kind("table") {
            let parts = table.definition.lines().filter_map(|it| it.strip_prefix("partition of: "));
            if parts.filter_map(|it| it.split(" FOR VALUES").next()).any(|it| found.contains(it)) {
                more.push(table.identity.clone());
            }
        }
        for constraint in of_kind("constraint") {
            let refers = constraint.definition.split_once(" REFERENCES ");
            let to = refers.and_then(|(_, to)| to.split_once('(')).map(|(table, _)| table);
            let follows = [" CASCADE", " SET NULL", " SET DEFAULT"];
            let follows = follows.iter().any(|it| constraint.definition.contains(it));
            if follows && to.is_some_and(|it| found.contains(it)) {
                more.extend(constraint.identity.rsplit_once('.').map(|it| it.0.to_owned()));
            }
        }
        let known = found.len();
        found.extend(more);
        if found.len() == known {
            return found;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: &str, identity: &str, definition: &str) -> SchemaObject {
        let text = |it: &str| it.to_owned();
        SchemaObject { kind: text(kind), identity: text(identity), definition: text(definition) }
    }

    fn census(relation: &str, rows: u64, columns: &[(&str, &str)]) -> TableCensus {
        let columns = columns.iter().map(|(column, digest)| ColumnDigest {
            column: (*column).to_owned(),
            digest: (*digest).to_owned(),
        });
        let columns = columns.collect();
        TableCensus { relation: relation.to_owned(), rows, digest: None, columns }
    }

    fn stage(tables: Vec<TableCensus>, objects: Vec<SchemaObject>) -> Stage {
        let tables = tables.into_iter().map(|it| (it.relation.clone(), it)).collect();
        Stage { schema: Schema::new(objects), tables }
    }

    #[test]
    fn what_a_script_names_takes_its_partitions_and_dependants_along() {
        let schema = Schema::new(vec![
            object("table", "public.events", "columns: id\npartitioned by: RANGE (at)"),
            object(
                "table",
                "public.e_1",
                "columns: id\npartition of: public.events FOR VALUES IN (1)",
            ),
            object("table", "public.marks", "columns: id"),
            object("table", "public.other", "columns: id"),
            object(
                "constraint",
                "public.marks.marks_fkey",
                "FOREIGN KEY (id) REFERENCES public.events(id) ON DELETE CASCADE",
            ),
            object(
                "constraint",
                "public.other.other_fkey",
                "FOREIGN KEY (id) REFERENCES public.events(id)",
            ),
        ]);
        let found = touched(&schema, &["DELETE FROM Events".to_owned()]);
        assert_eq!(Vec::from_iter(found), ["public.e_1", "public.events", "public.marks"]);
    }

    #[test]
    fn lost_rows_columns_and_values_are_told_by_table() {
        let before = stage(
            vec![
                census("public.a", 3, &[("id", "1"), ("note", "2")]),
                census("public.b", 3, &[("id", "1")]),
                census("public.c", 3, &[("id", "1")]),
                census("public.d", 0, &[("id", "0")]),
            ],
            vec![],
        );
        let after = stage(
            vec![
                census("public.a", 3, &[("id", "1"), ("note", "9")]),
                census("public.b", 2, &[("id", "7")]),
                census("public.new", 5, &[]),
            ],
            vec![],
        );
        let round = Round { before: &before, up: &before, down: &before, now: &after };
        let lost = round.own().lost.into_iter().map(|it| (it.relation, it.rows_after, it.columns));
        let expected = [
            ("public.a".to_owned(), Some(3), vec!["note".to_owned()]),
            ("public.b".to_owned(), Some(2), vec![]),
            ("public.c".to_owned(), None, vec![]),
        ];
        assert_eq!(lost.collect::<Vec<_>>(), expected);
        let same = Round { before: &before, up: &after, down: &after, now: &before };
        assert_eq!(same.own(), Own::default());
    }

    #[test]
    fn what_a_down_script_takes_that_its_way_up_left_alone_is_gone() {
        let whole = stage(vec![census("public.a", 3, &[("id", "1"), ("note", "2")])], vec![]);
        let items = object("table", "public.items", "columns: id");
        let up = stage(whole.tables.values().cloned().collect(), vec![items]);
        let gone = |now: TableCensus| {
            let now = stage(vec![now], vec![]);
            let own = Round { before: &whole, up: &up, down: &up, now: &now }.own();
            assert!(own.left.is_empty());
            !own.gone.is_empty()
        };
        assert!(gone(census("public.a", 3, &[("id", "1")])));
        assert!(gone(census("public.a", 3, &[("id", "1"), ("note", "9")])));
        assert!(gone(census("public.a", 2, &[("id", "7"), ("note", "8")])));
        assert!(!gone(census("public.a", 4, &[("id", "7"), ("note", "8")])));
        let idle = Round { before: &whole, up: &up, down: &up, now: &up }.own();
        assert_eq!(idle.left, ["table public.items"]);
    }

    #[test]
    fn what_newer_migrations_lost_is_not_an_older_ones_loss() {
        let whole = stage(vec![census("public.a", 3, &[("id", "1")])], vec![]);
        let fewer = stage(
            vec![census("public.a", 2, &[("id", "7")])],
            vec![object("index", "public.left_over", "")],
        );
        let index = Round { before: &whole, up: &whole, down: &fewer, now: &fewer };
        assert_eq!(index.own(), Own::default());
        let other = stage(vec![census("public.a", 2, &[("id", "9")])], vec![]);
        let update = Round { before: &whole, up: &other, down: &fewer, now: &fewer };
        let unproven = vec!["public.a".to_owned()];
        assert_eq!(update.own(), Own { unproven, ..Own::default() });
    }

    #[test]
    fn a_column_that_comes_back_at_the_end_is_no_difference() {
        let before = stage(vec![], vec![object("table", "public.a", "columns: id, note, at")]);
        let after = Schema::new(vec![object("table", "public.a", "columns: id, at, note")]);
        assert!(before.objects(&after).is_empty());
        let after = Schema::new(vec![object("table", "public.a", "columns: id, at")]);
        assert_eq!(before.objects(&after), ["table public.a"]);
    }
}
