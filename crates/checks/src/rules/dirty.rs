//! `dirty`: a migration of which nobody knows whether it is done.

use stopover_model::report::DriftKind;
use stopover_model::{Finding, Version};

use crate::PostflightFacts;
use crate::judged::Judged;

const CODE: &str = "dirty";

pub(crate) fn check(facts: &PostflightFacts<'_>) -> Judged {
    Judged::of(CODE, "the ledger", facts.ledger, |state| {
        let dirty = state.drift.iter().filter(|it| it.kind == DriftKind::Dirty);
        let found = |it: &stopover_model::report::Drift| {
            let subject =
                it.version.as_ref().map_or_else(|| "the ledger".to_owned(), Version::to_string);
            Finding::error(CODE, subject, it.message.clone(), it.remedy.clone())
        };
        dirty.map(found).collect()
    })
}
