//! What an apply came to.

use stopover_backend::{BackendError, StopSignal};
use stopover_model::report::{ApplyReport, FailedMigration, MigrationReport, MigrationStatus};
use stopover_model::{DatabaseError, Direction, Finding, Plan, Version};

/// How the carrying out of a plan ended.
#[derive(Debug)]
pub enum Ending {
    /// Every step is done.
    Complete,
    /// A migration failed; the ones before it stand.
    Failed {
        /// What failed, for the report.
        failed: FailedMigration,
        /// The error with all its fields.
        error: Box<DatabaseError>,
    },
    /// A signal stopped it between or within migrations.
    Stopped(StopSignal),
    /// The session was lost. The next run tells what is done.
    Lost(BackendError),
}

/// A plan that was carried out, or as far as it came.
#[derive(Debug)]
pub struct Applied {
    /// The plan.
    pub plan: Plan,
    /// Up, or down.
    pub direction: Direction,
    /// Every step of it, measured as far as it was run.
    pub migrations: Vec<MigrationReport>,
    /// How it ended.
    pub ending: Ending,
    /// Everything that was found.
    pub findings: Vec<Finding>,
    /// How long it took, from the plan to the end.
    pub duration_ms: f64,
}

impl Applied {
    /// The versions with this status, in order.
    #[must_use]
    pub fn versions(&self, status: MigrationStatus) -> Vec<Version> {
        let found = self.migrations.iter().filter(|it| it.status == status);
        found.map(|it| it.version.clone()).collect()
    }

    /// As the document of `apply`.
    #[must_use]
    pub fn report(&self) -> ApplyReport {
        let failed = match &self.ending {
            Ending::Failed { failed, .. } => Some(failed.clone()),
            _ => None,
        };
        let done = self.versions(MigrationStatus::Applied);
        let (applied, reverted) = match self.direction {
            Direction::Up => (done, Vec::new()),
            Direction::Down => (Vec::new(), done),
        };
        ApplyReport {
            applied,
            reverted,
            failed,
            untouched: self.versions(MigrationStatus::Untouched),
            duration_ms: self.duration_ms,
            findings: self.findings.clone(),
            ..ApplyReport::default()
        }
    }
}
