//! `schema-checksum`: the schema that came about, against the one that was to come about.

use stopover_model::{Finding, Schema, SchemaChange};

use crate::judged::{Judged, some};
use crate::{ExpectedSchema, PostflightFacts};

const CODE: &str = "schema-checksum";

/// So many objects are named in a message; the report has all of them.
const NAMED: usize = 10;

pub(crate) fn check(facts: &PostflightFacts<'_>) -> Judged {
    Judged::of(CODE, "the schema", facts.schema, |schema| {
        facts.expected.iter().filter_map(|it| found(it, schema)).collect()
    })
}

fn found(expected: &ExpectedSchema, schema: &Schema) -> Option<Finding> {
    let wanted = expected.checksum.to_ascii_lowercase();
    if wanted == schema.checksum {
        return None;
    }
    let differ = match &expected.schema {
        // A document has no passwords in its definitions; what it is compared with has none either.
        Some(other) => {
            let changes = other.clone().redacted().changes(&schema.clone().redacted());
            format!(": {}", differing(&changes))
        }
        None => String::new(),
    };
    Some(Finding::error(
        CODE,
        "the schema",
        format!(
            "its checksum is {}, and {} says {wanted}{differ}",
            schema.checksum, expected.told_by
        ),
        "see what differs: stopover schema --diff, with the target and the rehearsal's backup or a \
         stored schema",
    ))
}

/// `3 objects differ: + table public.a, - index public.b, ~ view public.c`.
pub(crate) fn differing(changes: &[SchemaChange]) -> String {
    let told: Vec<String> = changes
        .iter()
        .filter(|it| !follows(it, changes))
        .map(|it| {
            let mark = match (&it.before, &it.after) {
                (None, _) => "new",
                (_, None) => "gone",
                _ => "changed",
            };
            format!("{} {} ({mark})", it.kind, it.identity)
        })
        .collect();
    match told.len() {
        0 => "the objects are the same".to_owned(),
        1 => format!("1 object differs: {}", told[0]),
        count => format!("{count} objects differ: {}", some(&told, NAMED)),
    }
}

/// Whether a table is another one only by columns that came or went, which are told themselves.
fn follows(change: &SchemaChange, all: &[SchemaChange]) -> bool {
    let (Some(before), Some(after)) = (&change.before, &change.after) else { return false };
    let without = |text: &str| {
        text.lines().filter(|line| !line.starts_with("columns: ")).map(str::to_owned).collect()
    };
    let (before, after): (Vec<String>, Vec<String>) = (without(before), without(after));
    let is_its_column = |it: &SchemaChange| {
        let table = it.identity.rsplit_once('.').map(|(table, _)| table);
        it.kind == "column"
            && (it.before.is_none() || it.after.is_none())
            && table == Some(&change.identity)
    };
    change.kind == "table" && before == after && all.iter().any(is_its_column)
}
