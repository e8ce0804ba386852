//! `fk-orphans`: rows whose parent is missing.

use stopover_model::Finding;
use stopover_model::harness::{Fact, ForeignKeyFacts, OrphanRows};

use crate::PostflightFacts;
use crate::judged::{Judged, not_run};

const CODE: &str = "fk-orphans";

pub(crate) fn check(facts: &PostflightFacts<'_>) -> Judged {
    let fact = &facts.health.foreign_keys;
    let Some(keys) = fact.read() else {
        return Judged::of(CODE, "foreign keys", fact, |_| Vec::new());
    };
    let mut findings = Vec::new();
    let mut missing = Vec::new();
    for key in keys {
        match &key.orphans {
            Fact::Read(rows) if rows.count > 0 => findings.push(found(key, rows)),
            Fact::Unread(unread) => missing.push(not_run(CODE, &subject(key), unread)),
            Fact::Read(_) | Fact::NotHere => {}
        }
    }
    Judged::partly(findings, missing)
}

fn subject(key: &ForeignKeyFacts) -> String {
    format!("{} on {}", key.constraint, key.table)
}

fn found(key: &ForeignKeyFacts, rows: &OrphanRows) -> Finding {
    let have = if rows.count == 1 { "1 row has" } else { &format!("{} rows have", rows.count) };
    let samples = match rows.samples.as_slice() {
        [] => String::new(),
        samples => format!(", e.g. {}", samples.join("; ")),
    };
    Finding::error(
        CODE,
        subject(key),
        format!("{have} no parent in {}{samples}", key.parent),
        format!("look at them: {}; then mend them, or delete them: {}", rows.list, rows.delete),
    )
}
