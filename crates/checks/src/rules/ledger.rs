//! `ledger`: after an apply, what is applied is what the source has.

use stopover_model::report::{Drift, DriftKind};
use stopover_model::{Finding, Severity, Version};

use crate::PostflightFacts;
use crate::judged::Judged;

const CODE: &str = "ledger";

pub(crate) fn check(facts: &PostflightFacts<'_>) -> Judged {
    Judged::of(CODE, "the ledger", facts.ledger, |state| {
        let pending = state.pending.iter().map(|it| {
            let subject = it.version.to_string();
            if facts.left.contains(&it.version) {
                let message = format!("{} {} is pending, as it was asked for", it.version, it.name);
                return Finding::note(CODE, subject, message, "");
            }
            let message = format!("{} {} is in the source, and not applied", it.version, it.name);
            Finding::error(CODE, subject, message, "stopover apply")
        });
        let drift = state.drift.iter().filter(|it| it.kind != DriftKind::Dirty).map(drift);
        let other = state.findings.iter().filter(|it| it.severity != Severity::Note);
        let other = other.map(|it| Finding { code: CODE.to_owned(), ..it.clone() });
        pending.chain(drift).chain(other).collect()
    })
}

fn drift(drift: &Drift) -> Finding {
    let subject =
        drift.version.as_ref().map_or_else(|| "the ledger".to_owned(), Version::to_string);
    let message = format!("{}: {}", drift.kind.code(), drift.message);
    Finding::new(drift.severity, CODE, subject, message, drift.remedy.clone())
}
