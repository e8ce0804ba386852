//! Green or red, and what an operator reads first.

use stopover_backend::{Backend, Diagnose, Offending};
use stopover_model::report::{FailedMigration, RehearsalReport, Verdict};
use stopover_model::{DatabaseError, ErrorClass, Finding, Plan, units};

use crate::detail::{of_failure, of_findings, rows};
use crate::{Applied, Ending};

use super::RehearsalEnding;

/// Judges an apply that was carried out, or as far as it came.
pub(super) async fn judge<B: Backend>(
    backend: &B,
    applied: Applied,
    report: &mut RehearsalReport,
) -> RehearsalEnding {
    report.timings.migrate_ms = Some(applied.duration_ms);
    report.migrations = applied.migrations;
    report.findings.extend(applied.findings);
    match applied.ending {
        Ending::Complete => {
            let red: Vec<&Finding> = report.findings.iter().filter(|it| it.is_error()).collect();
            if red.is_empty() {
                report.verdict = Verdict::Green;
                report.detail = green_detail(&applied.plan, applied.duration_ms);
            } else {
                report.detail = of_findings(&report.findings);
            }
            RehearsalEnding::Judged
        }
        // What the scratch has no room for says nothing about the migration: production has another disk.
        Ending::Failed { failed, error } if error.class == ErrorClass::NoRoom => {
            report.detail = format!("scratch: disk full; {}", of_failure(&failed, None));
            report.findings.push(no_room(&failed));
            RehearsalEnding::Unable
        }
        Ending::Failed { failed, error } => {
            let offending = offending(backend, &applied.plan, &failed, &error).await;
            let finding = failure_finding(&failed, offending.as_ref());
            report.detail = of_failure(&failed, offending.as_ref());
            report.findings.push(finding);
            RehearsalEnding::Judged
        }
        Ending::Stopped(signal) => {
            report.detail = "stopped by a signal before the rehearsal was done".to_owned();
            RehearsalEnding::Stopped(signal)
        }
        Ending::Lost(error) => {
            report.detail = format!("scratch: {error}");
            report.findings.push(Finding::error(
                "scratch",
                "the scratch",
                error.to_string(),
                "the scratch server went away under the migrations: a full disk or too little \
                 memory are the usual reasons; run the rehearsal again",
            ));
            RehearsalEnding::Unable
        }
    }
}

fn green_detail(plan: &Plan, duration_ms: f64) -> String {
    match plan.steps.len() {
        0 => "nothing to do: every migration of the source is applied in the backup".to_owned(),
        1 => format!("1 migration applied in {}", units::duration(duration_ms)),
        count => format!("{count} migrations applied in {}", units::duration(duration_ms)),
    }
}

fn no_room(failed: &FailedMigration) -> Finding {
    let said = failed.error.headline();
    let message = format!("the disk is full under migration {}: {said}", failed.version);
    let remedy = "make room on the scratch's disk, or name a folder with room: --scratch-dir; nothing \
                  is proved about this migration until then, but it takes that room in production, \
                  too";
    Finding::error("scratch", "the scratch", message, remedy)
}

fn failure_finding(failed: &FailedMigration, offending: Option<&Offending>) -> Finding {
    let mut message = format!("migration {}: {}", failed.version, failed.error.headline());
    if let Some(offending) = offending {
        message.push_str(&format!(" ({})", rows(offending)));
    }
    let remedy = if offending.is_some() {
        "correct the data in an earlier migration, or change this one so that it fits the data"
    } else {
        "change the migration"
    };
    let error = &failed.error;
    Finding::error("migration-failed", format!("{}:{}", error.file, error.line), message, remedy)
}

/// Counts the rows that the failing statement fails on, where the error allows it.
async fn offending<B: Backend>(
    backend: &B,
    plan: &Plan,
    failed: &FailedMigration,
    error: &DatabaseError,
) -> Option<Offending> {
    let step = plan.steps.iter().find(|step| step.version == failed.version)?;
    let at = step.statements.iter().position(|it| Some(it.index) == failed.statement)?;
    // Statements of a non-transactional migration stand already: only the failing one is looked at.
    let before = if step.boundary.is_transactional() { &step.statements[..at] } else { &[] };
    let mut session = backend.connect().await.ok()?;
    session.offending(before, &step.statements[at], error).await
}
