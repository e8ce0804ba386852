//! `disk`: room for the largest table to be written a second time.

use stopover_model::harness::TouchedRelation;
use stopover_model::{Finding, LockMode};

use crate::PreflightFacts;
use crate::judged::Judged;
use crate::limits::shown_bytes;

const CODE: &str = "disk";

/// A smaller table is written a second time on any server: 1 GiB.
const WORTH_ASKING: u64 = 1 << 30;

pub(crate) fn check(facts: &PreflightFacts<'_>) -> Judged {
    let largest = largest(facts);
    if facts.data_dir_free == &stopover_model::harness::Fact::NotHere {
        let worth_it = largest.filter(|it| it.bytes.is_some_and(|bytes| bytes >= WORTH_ASKING));
        let asked = worth_it.map(|it| {
            let size = shown_bytes(it.bytes.unwrap_or_default());
            Finding::note(
                CODE,
                it.relation.clone(),
                format!(
                    "nobody has said how much room there is on the server; writing {} a second \
                     time takes {size}",
                    it.relation
                ),
                "say it with --data-dir-free, or data_dir_free_command under [preflight] in \
                 stopover.toml",
            )
        });
        return Judged::not_applicable(asked.into_iter().collect());
    }
    Judged::of(CODE, "the server's disk", facts.data_dir_free, |free| {
        largest.and_then(|it| short(it, *free)).into_iter().collect()
    })
}

/// The largest table that a statement of the plan may rewrite, or build an index on.
fn largest<'a>(facts: &PreflightFacts<'a>) -> Option<&'a TouchedRelation> {
    let is_written = |it: &&TouchedRelation| {
        LockMode::of(&it.mode).is_some_and(|mode| mode >= LockMode::ShareUpdateExclusive)
    };
    let known = facts.touched().iter().filter(|it| it.bytes.is_some_and(|it| it > 0));
    known.filter(is_written).max_by_key(|it| it.bytes)
}

fn short(table: &TouchedRelation, free: u64) -> Option<Finding> {
    let bytes = table.bytes?;
    if bytes <= free {
        return None;
    }
    let message = format!(
        "{} has {}, and {} are free: there is no room to write it a second time, and its WAL \
         comes on top",
        table.relation,
        shown_bytes(bytes),
        shown_bytes(free)
    );
    let remedy = "free some room, or see in a rehearsal whether anything is rewritten at all";
    Some(Finding::warning(CODE, table.relation.clone(), message, remedy))
}
