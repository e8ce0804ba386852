//! `drift`: what the planner refuses, and a schema that somebody changed by hand.

use stopover_model::harness::Fact;
use stopover_model::{Finding, SchemaChange, detail_list};

use super::schema_checksum::differing;
use crate::judged::{Judged, not_run};
use crate::{Fingerprint, LeftSchema, Planned, PreflightFacts};

const CODE: &str = "drift";

pub(crate) fn check(facts: &PreflightFacts<'_>) -> Judged {
    let mut missing = Vec::new();
    let mut findings = match facts.planned {
        Fact::Read(Planned::Plan(plan)) => plan.findings.iter().map(of_planner).collect(),
        Fact::Read(Planned::Refused(problems)) => problems.iter().map(of_planner).collect(),
        Fact::Unread(unread) => {
            missing.push(not_run(CODE, "the ledger", unread));
            Vec::new()
        }
        Fact::NotHere => Vec::new(),
    };
    match facts.fingerprint {
        Fact::Read(LeftSchema::Known(fingerprint)) => findings.extend(by_hand(fingerprint)),
        Fact::Read(LeftSchema::Outdated { recorded_at, applied_at }) => {
            findings.push(outdated(recorded_at, applied_at));
        }
        Fact::Unread(unread) => missing.push(not_run(CODE, "the schema", unread)),
        Fact::NotHere => findings.push(Finding::note(
            CODE,
            "the schema",
            "no apply has recorded the schema's fingerprint yet: changes made by hand cannot be \
             told",
            "",
        )),
    }
    Judged::partly(findings, missing)
}

/// The planner's finding under this check's code; its own stands before the message.
fn of_planner(finding: &Finding) -> Finding {
    let message = format!("{}: {}", finding.code, finding.message);
    Finding { code: CODE.to_owned(), message, ..finding.clone() }
}

/// Not an error: a service may migrate itself.
fn outdated(recorded_at: &str, applied_at: &str) -> Finding {
    Finding::warning(
        CODE,
        "the schema",
        format!(
            "a migration was applied at {applied_at}, by a run that was interrupted before it could \
             record the schema, or by something that records none; the last record is of \
             {recorded_at}: changes made by hand since cannot be told"
        ),
        "see what a rehearsal, or stopover schema --diff, says of the schema; this apply records it",
    )
}

fn by_hand(fingerprint: &Fingerprint) -> Option<Finding> {
    if fingerprint.recorded == fingerprint.now.checksum {
        return None;
    }
    let changes: Option<Vec<SchemaChange>> =
        fingerprint.then.as_ref().map(|then| then.changes(&fingerprint.now));
    let differ = match &changes {
        Some(changes) => differing(changes),
        None => "only the checksum was kept, so the objects cannot be named".to_owned(),
    };
    let recorded_at = &fingerprint.recorded_at;
    let message =
        format!("the schema is not the one that the apply of {recorded_at} left: {differ}");
    if !fingerprint.interrupted.is_empty() {
        return Some(Finding::warning(
            CODE,
            "the schema",
            format!(
                "{message}; what was begun since and is not known to have finished may have made \
                 that: {}",
                detail_list(&fingerprint.interrupted)
            ),
            "see that every object named is one of that migration's; this apply goes on with it, and \
             records the schema",
        ));
    }
    Some(Finding::error(
        CODE,
        "the schema",
        message,
        "write what was changed by hand into a migration, or take it back; `stopover apply \
         --force` goes on all the same, and is recorded",
    ))
}
