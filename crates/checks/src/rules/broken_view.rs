//! `broken-view`: views and functions that fail whoever uses them.

use stopover_model::harness::{BodyFault, BrokenBody, Fact};
use stopover_model::{Finding, Severity};

use crate::PostflightFacts;
use crate::judged::{Judged, not_run};

const CODE: &str = "broken-view";

pub(crate) fn check(facts: &PostflightFacts<'_>) -> Judged {
    let fact = &facts.health.broken;
    let Some(broken) = fact.read() else {
        return Judged::of(CODE, "views and functions", fact, |_| Vec::new());
    };
    let mut findings = Vec::new();
    let mut missing = Vec::new();
    for BrokenBody { subject, fault } in broken {
        match fault {
            BodyFault::Broken { message, sqlstate } => {
                findings.push(found(subject, message, sqlstate.as_deref(), facts));
            }
            BodyFault::Unread(unread) => missing.push(not_run(CODE, subject, unread)),
        }
    }
    match &facts.health.unchecked {
        Fact::Read(languages) => findings.extend(languages.iter().map(|it| {
            let message = format!(
                "{} functions in {} are not checked: that cannot be done without running something",
                it.count, it.language
            );
            Finding::note(CODE, it.language.clone(), message, "")
        })),
        Fact::Unread(unread) => missing.push(not_run(CODE, "functions", unread)),
        Fact::NotHere => {}
    }
    Judged::partly(findings, missing)
}

fn found(
    subject: &str,
    message: &str,
    sqlstate: Option<&str>,
    facts: &PostflightFacts<'_>,
) -> Finding {
    let was_broken = facts.broken_before.contains(subject);
    let severity = if was_broken { Severity::Warning } else { Severity::Error };
    let before = if was_broken { "; it was so before the apply" } else { "" };
    let state = sqlstate.map_or_else(String::new, |it| format!(" (SQLSTATE {it})"));
    Finding::new(
        severity,
        CODE,
        subject,
        format!("{subject} does not work: {message}{state}{before}"),
        "replace it, or drop it, in a migration",
    )
}
