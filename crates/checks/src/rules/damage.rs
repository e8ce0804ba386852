//! `damage`: what a database says of its own file. Only SQLite is asked; a PostgreSQL server looks
//! at its pages by itself where it has checksums.

use stopover_model::Finding;

use crate::PostflightFacts;
use crate::judged::Judged;

const CODE: &str = "damage";

pub(crate) fn check(facts: &PostflightFacts<'_>) -> Judged {
    Judged::of(CODE, "the file", &facts.health.damage, |lines| {
        let found = |line: &String| {
            Finding::error(
                CODE,
                "the file",
                format!("integrity_check: {line}"),
                "restore the backup, or rebuild what is harmed: REINDEX mends indexes alone",
            )
        };
        lines.iter().map(found).collect()
    })
}
