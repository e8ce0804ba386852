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
        Some(other) => format!(": {}", differing(&other.changes(schema))),
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
