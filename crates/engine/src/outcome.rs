//! What an apply came to.

use std::time::Instant;

use stopover_backend::{BackendError, StopSignal};
use stopover_model::report::{
    ApplyReport, FailedMigration, MigrationReport, MigrationStatus, TimedMigration,
};
use stopover_model::{DatabaseError, Direction, Finding, Grounds, Plan, ReceiptSeen, Version};

use crate::Around;
use crate::gate::Passed;
use crate::place::located;
use crate::step::untouched;

/// How the carrying out of a plan ended.
#[derive(Debug)]
pub enum Ending {
    /// Every step is done.
    Complete,
    /// A migration failed; the ones before it stand.
    Failed {
        /// What failed, for the report.
        failed: Box<FailedMigration>,
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
    /// What it was made from; `None` where nothing was to do, and of a rollback.
    pub grounds: Option<Grounds>,
    /// The receipt of a green rehearsal of the same plan, where one was at hand.
    pub receipt: Option<ReceiptSeen>,
    /// Up, or down.
    pub direction: Direction,
    /// Every down script of a dirty migration that came first, measured as far as it was run.
    pub taken_back: Vec<MigrationReport>,
    /// Every step of it, measured as far as it was run.
    pub migrations: Vec<MigrationReport>,
    /// What stood around the steps.
    pub around: Around,
    /// How it ended.
    pub ending: Ending,
    /// Everything that was found.
    pub findings: Vec<Finding>,
    /// How long it took, from the plan to the end.
    pub duration_ms: f64,
}

impl Applied {
    /// A plan of which nothing was run yet: it has passed the gate, and everything that stands before
    /// its first step.
    pub(crate) fn begun(
        plan: Plan,
        direction: Direction,
        passed: Passed,
        mut around: Around,
    ) -> Self {
        let mut findings = plan.findings.clone();
        findings.extend(passed.findings);
        findings.append(&mut around.findings);
        Self {
            grounds: passed.grounds,
            receipt: passed.receipt,
            direction,
            taken_back: plan.downs.iter().map(untouched).collect(),
            migrations: plan.steps.iter().map(untouched).collect(),
            around,
            ending: Ending::Complete,
            findings,
            duration_ms: 0.0,
            plan,
        }
    }

    /// The same when the run lock was given back: `freed` tells where it was gone before.
    pub(crate) fn ended(mut self, freed: Option<Finding>, began: Instant) -> Self {
        self.findings.append(&mut self.around.findings);
        self.tell_once(freed);
        self.findings.extend(stopover_checks::slower(&self.timed()));
        self.duration_ms = began.elapsed().as_secs_f64() * 1e3;
        self
    }

    /// The versions with this status, in order.
    #[must_use]
    pub fn versions(&self, status: MigrationStatus) -> Vec<Version> {
        let found = self.migrations.iter().filter(|it| it.status == status);
        found.map(|it| it.version.clone()).collect()
    }

    /// The dirty migrations whose down scripts were run, in order.
    #[must_use]
    pub fn taken_back(&self) -> Vec<Version> {
        let done = self.taken_back.iter().filter(|it| it.status == MigrationStatus::Applied);
        done.map(|it| it.version.clone()).collect()
    }

    /// Whether a down script is what did not come to its end.
    #[must_use]
    pub fn is_stuck_in_down(&self) -> bool {
        self.direction == Direction::Down
            || self.taken_back.iter().any(|it| it.status != MigrationStatus::Applied)
    }

    /// How long each migration took, and how long it was to take.
    #[must_use]
    pub fn timed(&self) -> Vec<TimedMigration> {
        let predicted = |version: &Version| {
            let mut rehearsed = self.receipt.iter().flat_map(|it| &it.receipt.migrations);
            let ms = rehearsed.find(|it| it.version == *version)?.predicted_ms?;
            Some(ms as f64)
        };
        let timed = |it: &MigrationReport| TimedMigration {
            version: it.version.clone(),
            name: it.name.clone(),
            duration_ms: it.duration_ms,
            predicted_ms: predicted(&it.version),
        };
        self.migrations.iter().map(timed).collect()
    }

    /// The migration that a stop or a lost session has left half done, or in its commit.
    fn interrupted(&self, why: &str) -> Option<FailedMigration> {
        let downs = self.plan.downs.iter().zip(&self.taken_back);
        let mut steps = downs.chain(self.plan.steps.iter().zip(&self.migrations));
        let (step, report) = steps.find(|(_, it)| it.status == MigrationStatus::Failed)?;
        let from = step.resume.as_ref().map_or(0, |resume| resume.from);
        // Of a commit without an answer every statement ended well.
        let unsettled = matches!(&self.ending, Ending::Lost(BackendError::Unsettled(_)));
        let is_open = |index: usize| {
            index >= from
                && report.statements.iter().any(|it| it.index == index && it.duration_ms.is_none())
        };
        let statement = step.statements.iter().find(|it| !unsettled && is_open(it.index));
        Some(FailedMigration {
            version: step.version.clone(),
            name: step.name.clone(),
            statement: statement.map(|it| it.index),
            rolled_back: false,
            error: located(step, statement.or(step.statements.last()), &DatabaseError::local(why)),
        })
    }

    /// Takes up what the end of the run lock told, unless a step has told it before.
    fn tell_once(&mut self, freed: Option<Finding>) {
        let known = |it: &Finding| self.findings.iter().any(|other| other.code == it.code);
        if let Some(finding) = freed.filter(|it| !known(it)) {
            self.findings.push(finding);
        }
    }

    /// As the document of `apply`.
    #[must_use]
    pub fn report(&self) -> ApplyReport {
        let failed = match &self.ending {
            Ending::Failed { failed, .. } => Some((**failed).clone()),
            Ending::Stopped(_) => self.interrupted("stopped by a signal"),
            Ending::Lost(error) => self.interrupted(&error.to_string()),
            Ending::Complete => None,
        };
        let done = self.versions(MigrationStatus::Applied);
        let (applied, reverted) = match self.direction {
            Direction::Up => (done, self.taken_back()),
            Direction::Down => (Vec::new(), done),
        };
        let mut untouched = self.versions(MigrationStatus::Untouched);
        // The one whose down script failed is told as that.
        untouched.retain(|it| failed.as_ref().is_none_or(|failed| failed.version != *it));
        ApplyReport {
            healed: self.plan.heals.iter().map(|it| it.version.clone()).collect(),
            applied,
            reverted,
            failed,
            untouched,
            migrations: self.timed(),
            receipt: self.receipt.as_ref().map(Into::into),
            backup: self.around.backup.clone(),
            preflight: self.around.preflight.clone(),
            postflight: self.around.postflight.clone(),
            overrides: self.around.overrides.clone(),
            duration_ms: self.duration_ms,
            findings: self.findings.clone(),
            ..ApplyReport::default()
        }
    }
}
