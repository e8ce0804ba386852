//! `fk-not-validated`: a foreign key that holds for new rows alone.
//!
//! A warning: `NOT VALID` first and `VALIDATE` in the next deploy is the way that locks least. Rows
//! that break it already are what the check `fk-orphans` finds.

use stopover_model::Finding;
use stopover_model::harness::{ForeignKeyFacts, ForeignKeyFault};

use crate::PostflightFacts;
use crate::judged::Judged;

const CODE: &str = "fk-not-validated";

pub(crate) fn check(facts: &PostflightFacts<'_>) -> Judged {
    Judged::of(CODE, "foreign keys", &facts.health.foreign_keys, |keys| {
        keys.iter().filter_map(found).collect()
    })
}

fn found(key: &ForeignKeyFacts) -> Option<Finding> {
    let ForeignKeyFacts { constraint, table, parent, .. } = key;
    let subject = format!("{constraint} on {table}");
    match key.fault {
        ForeignKeyFault::NotValidated => Some(Finding::warning(
            CODE,
            subject,
            format!(
                "nobody has looked whether the rows that {table} had before {constraint} have their parents in {parent}"
            ),
            format!(
                "in a migration of its own: ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}"
            ),
        )),
        ForeignKeyFault::NotEnforced => Some(Finding::warning(
            CODE,
            subject,
            format!(
                "{constraint} of {table} is not enforced: NOT ENFORCED, or its triggers are disabled"
            ),
            format!(
                "ALTER TABLE {table} ENABLE TRIGGER ALL, or ALTER CONSTRAINT {constraint} ENFORCED"
            ),
        )),
        ForeignKeyFault::PerSession => None,
    }
}
