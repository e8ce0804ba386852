//! What a target lacks of the schema that the migrations make, by the migration that made it.
//! Pure: schemas in, findings out.

use std::collections::BTreeMap;

use stopover_model::{Finding, Schema, SchemaChange, SchemaObject, Version, detail_list};

/// How many names a message lists.
const NAMES: usize = 10;

/// An object, by kind and identity.
type Key = (String, String);

/// What an object was after a version; `None` from the version on that dropped it.
type Life = Vec<(Version, Option<String>)>;

/// How a schema came to be, migration by migration.
#[derive(Debug, Default)]
pub(super) struct Chronicle {
    lives: BTreeMap<Key, Life>,
}

impl Chronicle {
    /// What `version` made of `before`.
    pub(super) fn add(&mut self, version: &Version, before: &Schema, after: &Schema) {
        for change in before.changes(after) {
            let life = self.lives.entry((change.kind, change.identity)).or_default();
            life.push((version.clone(), change.after));
        }
    }

    /// Whether what `version` did is still to be seen at the end: it made an object that is there,
    /// gave it its last form, or dropped what a version made that is to be seen itself. What came
    /// and went again proves nothing, nor what later migrations wrote over.
    pub(super) fn shows(&self, version: &Version) -> bool {
        self.lives.values().any(|life| {
            let Some(((last, end), before)) = life.split_last() else { return false };
            let born = before.iter().rposition(|(_, then)| then.is_none()).map_or(0, |it| it + 1);
            let born = life.get(born).map(|(version, _)| version);
            match end {
                Some(_) => last == version || born == Some(version),
                None => last == version && born.is_some_and(|it| it < version && self.shows(it)),
            }
        })
    }

    /// The version whose work on an object the target does not show.
    fn missed(&self, change: &SchemaChange) -> Option<Version> {
        let life = self.lives.get(&(change.kind.clone(), change.identity.clone()))?;
        // The last moment at which it was what the target has; what came next was missed. What
        // was never there was missed from its beginning.
        let known = life.iter().rposition(|(_, then)| *then == change.after);
        let next = match known {
            Some(at) => life.get(at + 1),
            None if change.after.is_none() => life.first(),
            None => None,
        };
        next.or(life.last()).map(|(version, _)| version.clone())
    }
}

/// Compares what the migrations make with what the target has.
pub(super) fn differences(made: &Schema, target: &Schema, chronicle: &Chronicle) -> Vec<Finding> {
    let (reordered, changes) =
        telling(made.changes(target)).into_iter().partition::<Vec<_>, _>(is_reordered);
    let mut by_version: BTreeMap<Version, Vec<SchemaChange>> = BTreeMap::new();
    let mut strangers = Vec::new();
    let mut other_extensions = Vec::new();
    for change in changes {
        let is_extension = change.kind == "extension" && change.before.is_some();
        match chronicle.missed(&change) {
            _ if is_extension && change.after.is_some() => other_extensions.push(change),
            Some(version) => by_version.entry(version).or_default().push(change),
            None => strangers.push(change),
        }
    }
    let mut findings: Vec<Finding> =
        by_version.iter().map(|(version, changes)| skipped(version, changes)).collect();
    findings.extend(warning("made by no migration of the source", &strangers));
    findings.extend(warning("of another version than here", &other_extensions));
    findings.extend(reordered.iter().map(other_order));
    findings
}

/// The changes that say something by themselves: of what is missing as a whole the parts are not
/// told, and a table's list of columns says nothing that its columns do not.
fn telling(changes: Vec<SchemaChange>) -> Vec<SchemaChange> {
    let whole: Vec<String> = changes
        .iter()
        .filter(|it| it.kind != "column" && (it.before.is_none() || it.after.is_none()))
        .map(|it| format!("{}.", it.identity))
        .collect();
    let tables: Vec<String> =
        changes.iter().filter(|it| it.kind == "column").filter_map(table_of).collect();
    let is_told = |change: &SchemaChange| {
        let is_part = whole.iter().any(|it| change.identity.starts_with(it.as_str()));
        let by_columns =
            change.before.is_some() && change.after.is_some() && tables.contains(&change.identity);
        !is_part && !by_columns
    };
    changes.into_iter().filter(is_told).collect()
}

/// Whether a table has the same columns in another order: a migration that ran late makes that.
fn is_reordered(change: &SchemaChange) -> bool {
    /// How a table's definition begins.
    const COLUMNS: &str = "columns: ";
    let parts = |definition: &Option<String>| {
        let definition = definition.as_deref()?.strip_prefix(COLUMNS)?;
        let (columns, rest) = definition.split_once('\n').unwrap_or((definition, ""));
        let mut columns: Vec<String> = columns.split(", ").map(str::to_owned).collect();
        columns.sort();
        Some((columns, rest.to_owned()))
    };
    change.kind == "table"
        && parts(&change.before).is_some_and(|made| Some(made) == parts(&change.after))
}

fn other_order(change: &SchemaChange) -> Finding {
    Finding::warning(
        "column-order",
        format!("table {}", change.identity),
        format!(
            "the columns of `{}` stand in another order than the migrations make it, as they do \
             after a migration that ran late",
            change.identity
        ),
        "nothing to do where every INSERT names its columns",
    )
}

/// The table of a column's identity: what stands before its last part.
fn table_of(column: &SchemaChange) -> Option<String> {
    let name = column_name(&column.identity);
    column.identity.strip_suffix(name)?.strip_suffix('.').map(str::to_owned)
}

/// The last part of an identity, which may be quoted and hold dots.
fn column_name(identity: &str) -> &str {
    let Some(quoted) = identity.strip_suffix('"') else {
        return identity.rsplit('.').next().unwrap_or(identity);
    };
    // A quote inside of a quoted name is doubled.
    let bytes = quoted.as_bytes();
    let mut at = bytes.len();
    while at > 0 {
        at -= 1;
        if bytes[at] == b'"' {
            if at > 0 && bytes[at - 1] == b'"' {
                at -= 1;
            } else {
                return &identity[at..];
            }
        }
    }
    identity
}

fn skipped(version: &Version, changes: &[SchemaChange]) -> Finding {
    let mut parts = Vec::new();
    let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for change in changes {
        if change.kind == "column" && change.before.is_some() && change.after.is_none() {
            let table = table_of(change).unwrap_or_default();
            let name = format!("`{}`", column_name(&change.identity));
            columns.entry(table).or_default().push(name);
        } else {
            parts.push(apart(change));
        }
    }
    let of_columns = columns.into_iter().map(|(table, names)| {
        let (noun, verb) = if names.len() == 1 { ("column", "is") } else { ("columns", "are") };
        format!("{noun} {} {verb} missing in the target (table `{table}`)", names.join(", "))
    });
    let mut parts: Vec<String> = of_columns.chain(parts).collect();
    let left = parts.len().saturating_sub(NAMES);
    parts.truncate(NAMES);
    if left > 0 {
        parts.push(format!("and {left} more"));
    }
    Finding::error(
        "not-proven",
        format!("migration {version}"),
        format!("version {version}: {}", parts.join("; ")),
        format!(
            "it was skipped, or undone by hand. Take over without a proof (the rows say assumed), \
             then `stopover repair pending {version}`: the next apply runs it"
        ),
    )
}

/// What is not as the migrations make it.
fn apart(change: &SchemaChange) -> String {
    let object = format!("{} `{}`", change.kind, change.identity);
    match (&change.before, &change.after) {
        (Some(_), None) => format!("{object} is missing in the target"),
        (None, _) => format!("{object} is still in the target"),
        (Some(made), Some(found)) => format!(
            "{object} is not as the migrations make it: `{}` in the target, `{}` by them",
            short(found),
            short(made)
        ),
    }
}

/// The head of a definition: a function's body is too long for a message.
fn short(definition: &str) -> String {
    const LIMIT: usize = 120;
    let line = definition.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LIMIT) {
        Some((at, _)) => format!("{} …", &line[..at]),
        None => line,
    }
}

fn warning(what: &str, changes: &[SchemaChange]) -> Option<Finding> {
    let mut names: Vec<String> =
        changes.iter().take(NAMES).map(|it| format!("{} {}", it.kind, it.identity)).collect();
    if changes.len() > NAMES {
        names.push(format!("{} more", changes.len() - NAMES));
    }
    let (first, verb) = (changes.first()?, if changes.len() == 1 { "is" } else { "are" });
    Some(Finding::warning(
        "not-in-source",
        format!("{} {}", first.kind, first.identity),
        format!("in the target there {verb} {}, {what}", detail_list(&names)),
        "nothing to do where somebody made it on purpose",
    ))
}

/// A schema without the one that holds our own ledger: it is made with the ledger.
pub(super) fn without_schema(schema: Schema, name: &str) -> Schema {
    let is_it = |it: &SchemaObject| it.kind == "schema" && it.identity == name;
    Schema::new(schema.objects.into_iter().filter(|it| !is_it(it)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(objects: &[(&str, &str, &str)]) -> Schema {
        let object = |(kind, identity, definition): &(&str, &str, &str)| SchemaObject {
            kind: (*kind).to_owned(),
            identity: (*identity).to_owned(),
            definition: (*definition).to_owned(),
        };
        Schema::new(objects.iter().map(object).collect())
    }

    /// 101 makes a table, 102 an index, 103 two columns, 104 drops the index, 105 a column.
    fn story() -> (Vec<Schema>, Chronicle) {
        let table = ("table", "public.jobs", "columns: id");
        let id = ("column", "public.jobs.id", "bigint");
        let index = ("index", "public.jobs_idx", "on id");
        let wide = ("table", "public.jobs", "columns: id, a, b");
        let a = ("column", "public.jobs.a", "text");
        let b = ("column", "public.jobs.\"b.\"\"c\"", "text");
        let wider = ("table", "public.jobs", "columns: id, a, b, c");
        let c = ("column", "public.jobs.c", "text");
        let states = vec![
            schema(&[]),
            schema(&[table, id]),
            schema(&[table, id, index]),
            schema(&[wide, id, index, a, b]),
            schema(&[wide, id, a, b]),
            schema(&[wider, id, a, b, c]),
        ];
        let mut chronicle = Chronicle::default();
        for (version, pair) in (101..).zip(states.windows(2)) {
            chronicle.add(&Version::Integer(version), &pair[0], &pair[1]);
        }
        (states, chronicle)
    }

    fn messages(target: &Schema) -> Vec<String> {
        let (states, chronicle) = story();
        let found = differences(&states[5], target, &chronicle);
        found.into_iter().map(|it| format!("{}: {}", it.code, it.message)).collect()
    }

    #[test]
    fn the_same_schema_is_no_difference() {
        let (states, _) = story();
        assert_eq!(messages(&states[5]), [""; 0]);
    }

    #[test]
    fn a_skipped_version_is_named_with_its_columns_and_nothing_else() {
        let target = schema(&[
            ("table", "public.jobs", "columns: id, c"),
            ("column", "public.jobs.id", "bigint"),
            ("column", "public.jobs.c", "text"),
        ]);
        assert_eq!(
            messages(&target),
            ["not-proven: version 103: columns `\"b.\"\"c\"`, `a` are missing in the target \
              (table `public.jobs`)"]
        );
    }

    #[test]
    fn a_version_whose_work_is_gone_was_said_to_be_shown() {
        let (_, chronicle) = story();
        let shown = |version| chronicle.shows(&Version::Integer(version));
        // 102 made the index that 104 dropped: a target that skipped both looks the same.
        assert_eq!([101, 102, 103, 104, 105].map(shown), [true, false, true, false, true]);
        let columns = [("column", "t.a", "int"), ("column", "t.b", "int")];
        let states = [schema(&[]), schema(&columns), schema(&columns[..1])];
        let mut chronicle = Chronicle::default();
        for (version, pair) in (1..).zip(states.windows(2)) {
            chronicle.add(&Version::Integer(version), &pair[0], &pair[1]);
        }
        assert!(
            chronicle.shows(&Version::Integer(2)),
            "1 made what it dropped, and something else"
        );
    }

    #[test]
    fn what_a_skipped_version_would_have_dropped_names_that_version() {
        let (states, _) = story();
        let mut objects = states[5].objects.clone();
        objects.extend(states[2].objects.iter().filter(|it| it.kind == "index").cloned());
        assert_eq!(
            messages(&Schema::new(objects)),
            ["not-proven: version 104: index `public.jobs_idx` is still in the target"]
        );
    }

    #[test]
    fn a_missing_table_is_told_once_and_a_stranger_is_a_warning() {
        let target = schema(&[("table", "public.audit", "columns: at")]);
        assert_eq!(
            messages(&target),
            [
                "not-proven: version 101: table `public.jobs` is missing in the target",
                "not-in-source: in the target there is table public.audit, made by no migration \
                 of the source"
            ]
        );
    }

    #[test]
    fn columns_in_another_order_are_a_warning() {
        let (states, _) = story();
        let mut objects = states[5].objects.clone();
        for table in objects.iter_mut().filter(|it| it.kind == "table") {
            table.definition = "columns: id, c, a, b".to_owned();
        }
        let found = messages(&Schema::new(objects));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("column-order: the columns of `public.jobs` stand"),
            "{found:?}"
        );
    }

    #[test]
    fn another_definition_names_the_version_after_the_state_that_the_target_has() {
        let before = schema(&[("function", "f()", "one")]);
        let states = [schema(&[]), before.clone(), schema(&[("function", "f()", "two")])];
        let mut chronicle = Chronicle::default();
        for (version, pair) in (1..).zip(states.windows(2)) {
            chronicle.add(&Version::Integer(version), &pair[0], &pair[1]);
        }
        let found = differences(&states[2], &before, &chronicle);
        assert_eq!(
            found[0].message,
            "version 2: function `f()` is not as the migrations make it: `one` in the target, \
             `two` by them"
        );
        let found = differences(&states[2], &schema(&[("function", "f()", "x")]), &chronicle);
        assert!(found[0].message.starts_with("version 2: "), "{}", found[0].message);
    }
}
