//! `invalid-constraint`: constraints, other than foreign keys, that are not what they say.

use stopover_model::Finding;
use stopover_model::harness::InvalidConstraint;

use crate::PostflightFacts;
use crate::judged::Judged;

const CODE: &str = "invalid-constraint";

pub(crate) fn check(facts: &PostflightFacts<'_>) -> Judged {
    Judged::of(CODE, "constraints", &facts.health.invalid_constraints, |constraints| {
        constraints.iter().map(found).collect()
    })
}

fn found(it: &InvalidConstraint) -> Finding {
    let InvalidConstraint { constraint, subject, fault, remedy } = it;
    Finding::warning(
        CODE,
        format!("{constraint} on {subject}"),
        format!("{constraint} of {subject}: {fault}"),
        remedy.clone(),
    )
}
