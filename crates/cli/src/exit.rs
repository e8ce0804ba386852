//! The exit codes: a contract (see `stopover --help`), in one exhaustive place.

use std::process::ExitCode;

use stopover_backend::{BackendError, StopSignal};
use stopover_engine::EngineError;
use stopover_model::Finding;
use stopover_model::report::DriftKind;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; a verdict is green.
    Success,
    /// What was looked at before an apply is not right.
    Preflight,
    /// A migration failed.
    Migration,
    /// A down script failed.
    Rollback,
    /// What was found after an apply is not right.
    Postflight,
    /// Configuration or usage.
    Usage,
    /// The rehearsal is red.
    Red,
    /// The tool could not do its work.
    Unable,
    /// Drift where none is allowed.
    Drift,
    /// Stopped by a signal, the target left clean.
    Stopped(StopSignal),
}

impl Exit {
    /// The number that the shell sees.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Preflight => 1,
            Self::Migration => 2,
            Self::Postflight => 3,
            Self::Rollback => 4,
            Self::Usage => 5,
            Self::Red => 6,
            Self::Unable => 7,
            Self::Drift => 8,
            Self::Stopped(StopSignal::Interrupt) => 130,
            Self::Stopped(StopSignal::Terminate) => 143,
        }
    }

    /// For an error of the engine.
    pub(crate) fn of_engine(error: &EngineError) -> Self {
        match error {
            EngineError::Refused(findings) => Self::of_refusal(findings),
            EngineError::Backend(BackendError::Settings { .. }) => Self::Usage,
            EngineError::Preflight(_) => Self::Preflight,
            EngineError::Backend(_)
            | EngineError::NoBackup { .. }
            | EngineError::Ledger { .. }
            | EngineError::Scratch { .. }
            | EngineError::LockHeld { .. } => Self::Unable,
            EngineError::Stopped(signal) => Self::Stopped(*signal),
        }
    }

    /// Drift is drift; a plan without a rehearsal that is required is a failed preflight; a source that
    /// cannot be planned at all is a usage error.
    pub(crate) fn of_refusal(findings: &[Finding]) -> Self {
        // Findings about the order and about history that are no entry of `status` of their own.
        const BESIDE: [&str; 3] = ["out-of-order", "not-proven", "plan-changed"];
        let is_drift = |code: &str| {
            BESIDE.contains(&code) || DriftKind::ALL.iter().any(|kind| kind.code() == code)
        };
        let drift = |it: &Finding| it.is_error() && is_drift(&it.code);
        // What is no fault of the command's: the target is not ready for this plan.
        let unready = |it: &Finding| it.is_error() && ["receipt", "census"].contains(&&*it.code);
        if findings.iter().any(drift) {
            Self::Drift
        } else if findings.iter().any(unready) {
            Self::Preflight
        } else {
            Self::Usage
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
