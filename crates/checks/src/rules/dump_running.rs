//! `dump-running`: a backup that an ALTER would queue behind.

use stopover_model::Finding;

use crate::PreflightFacts;
use crate::judged::{Judged, shown};

const CODE: &str = "dump-running";

pub(crate) fn check(facts: &PreflightFacts<'_>) -> Judged {
    Judged::of(CODE, "backups", &facts.around.dumps, |dumps| {
        let found = |it: &stopover_model::harness::RunningDump| {
            Finding::error(
                CODE,
                format!("pid {}", it.who.pid),
                format!("{} is running: {}", it.what, shown(&it.who)),
                "wait for it to end: it holds a lock on each table until then",
            )
        };
        dumps.iter().map(found).collect()
    })
}
