//! Why the engine did not begin, or could not go on.

use std::time::Duration;

use stopover_backend::{BackendError, StopSignal};
use stopover_model::report::PreflightReport;
use stopover_model::{DatabaseError, Finding, LockHolder};
use thiserror::Error;

/// The engine gave up before a migration ran. What happens later is an [`crate::Ending`].
#[derive(Debug, Error)]
pub enum EngineError {
    /// The plan is refused; every reason at once.
    #[error("{}", first_message(.0))]
    Refused(Vec<Finding>),
    /// Somebody else holds the run lock, past the wait.
    #[error("the run lock is held by {} and was not freed within {} s", holder_text(.holder.as_ref()), .waited.as_secs())]
    LockHeld {
        /// Who, as far as the server lets us see.
        holder: Option<LockHolder>,
        /// How long we waited.
        waited: Duration,
    },
    /// The ledger is not there yet, and the server refuses to make it.
    #[error("the ledger {table} cannot be made: {}", .error.message)]
    Ledger {
        /// Its qualified name.
        table: String,
        /// What the server said.
        error: Box<DatabaseError>,
    },
    /// The look at the target before the first step forbids it.
    #[error("preflight failed: {}", first_message(&.0.findings))]
    Preflight(Box<PreflightReport>),
    /// There is no backup, so nothing was run.
    #[error("{message}")]
    NoBackup {
        /// Why.
        message: String,
        /// What to do.
        remedy: String,
        /// What its proof found, where there was one.
        findings: Vec<Finding>,
        /// What was found before it.
        preflight: Option<Box<PreflightReport>>,
    },
    /// There is no scratch to prove something on.
    #[error("the scratch cannot be made ready: {reason}")]
    Scratch {
        /// Why.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// The database could not do what was asked.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A signal asked to stop before anything ran.
    #[error("stopped before anything ran")]
    Stopped(StopSignal),
}

fn first_message(findings: &[Finding]) -> String {
    let errors: Vec<&Finding> = findings.iter().filter(|it| it.is_error()).collect();
    match errors.as_slice() {
        [] => "the plan is refused".to_owned(),
        [one] => one.message.clone(),
        [first, rest @ ..] => format!("{} (and {} more)", first.message, rest.len()),
    }
}

fn holder_text(holder: Option<&LockHolder>) -> String {
    holder.map_or_else(|| "a session that we may not see".to_owned(), ToString::to_string)
}
