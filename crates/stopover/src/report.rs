//! What a run that ended well came to.

use std::time::Duration;

use stopover_model::report::{AppliedEntry, Drift, DriftKind, MigrationReport, StatusReport};
use stopover_model::{Finding, Severity, Version};

/// A run that ended well: ledger and source hold the same migrations.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// What this run applied, in order; empty where there was nothing to do.
    pub applied: Vec<Version>,
    /// The same, measured: statements, rows, durations.
    pub migrations: Vec<MigrationReport>,
    /// Edits of applied migrations that this run healed, ascending; a warning tells of each.
    pub healed: Vec<Version>,
    /// Everything that is applied now, ascending: what the ledger says.
    pub ledger: Vec<AppliedEntry>,
    /// Warnings and notes; errors are never among them. Orphans that the policy lets pass are
    /// warnings here.
    pub findings: Vec<Finding>,
    /// How long it all took.
    pub duration: Duration,
}

/// Whether nothing is pending and nothing is wrong.
pub(crate) fn in_step(status: &StatusReport) -> bool {
    status.pending.is_empty()
        && !status.drift.iter().any(|it| it.severity == Severity::Error || heals(it))
        && !status.findings.iter().any(Finding::is_error)
}

/// An edit that is no error is one that a run heals.
fn heals(drift: &Drift) -> bool {
    drift.kind == DriftKind::Modified
}

/// Everything that a status says is not as it should be, or worth knowing.
pub(crate) fn findings(status: &StatusReport) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        status.drift.iter().map(|it| of_drift(it, &status.ledger.table)).collect();
    findings.extend(status.findings.iter().cloned());
    findings
}

/// What is pending after everything was said to be done.
pub(crate) fn left_over(status: &StatusReport) -> Vec<Finding> {
    let left = status.pending.iter().map(|it| {
        Finding::error(
            "ledger",
            it.version.to_string(),
            format!("migration {} ({}) is pending after the run", it.version, it.name),
            "a migration, or somebody else, removed its row: look at the ledger's history",
        )
    });
    left.collect()
}

fn of_drift(drift: &Drift, table: &str) -> Finding {
    let subject = drift.version.as_ref().map_or_else(|| table.to_owned(), Version::to_string);
    Finding::new(
        drift.severity,
        drift.kind.code(),
        subject,
        drift.message.as_str(),
        drift.remedy.as_str(),
    )
}
