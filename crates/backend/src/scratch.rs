//! Where a rehearsal gets its database from.

use std::future::Future;

use stopover_model::report::{BackupReport, ScratchReport};
use stopover_model::{EventSink, Finding};
use thiserror::Error;

use crate::{Backend, CensusShelf, Stop, StopSignal};

/// A scratch that is ready: restored, analysed, and reachable as the role that migrates.
#[derive(Debug)]
pub struct Prepared<B> {
    /// Reaches it, as the ordinary role that the migrations run as.
    pub backend: B,
    /// Reaches it as a role that may read everything, for the census; unobserved. `None` where the
    /// migrations' own role has to do.
    pub auditor: Option<B>,
    /// What is known of the backup now.
    pub backup: BackupReport,
    /// What it is.
    pub scratch: ScratchReport,
    /// What was changed or left out on the way, and why.
    pub findings: Vec<Finding>,
    /// How long fetching the backup took; `None` where it was here.
    pub fetch_ms: Option<f64>,
    /// How long starting and restoring took; `None` where a base was there.
    pub restore_ms: Option<f64>,
    /// How long starting from a base took, or keeping one.
    pub base_ms: Option<f64>,
}

/// How far a preparation came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrepareStage {
    /// There is no backup to begin with.
    Fetch,
    /// A scratch server is required and none is set.
    Unset,
    /// The settings lead to no server that a rehearsal can work on.
    Settings,
    /// The scratch server, or database, cannot be made ready.
    Reset,
    /// The restore failed.
    Restore,
    /// The tool itself cannot do its work here (no binaries, no disk): not the backup's fault.
    Tool,
    /// A signal asked to stop.
    Stopped(StopSignal),
}

/// Why there is no scratch.
#[derive(Debug, Clone, Error)]
#[error("{message}")]
pub struct PrepareError {
    /// How far it came.
    pub stage: PrepareStage,
    /// What an operator acts on: the first line says it all.
    pub message: String,
    /// What to do.
    pub remedy: String,
    /// What is known of the backup.
    pub backup: BackupReport,
    /// The scratch, where it was started.
    pub scratch: Option<ScratchReport>,
    /// How long fetching the backup took, where one was fetched.
    pub fetch_ms: Option<f64>,
}

/// Makes a scratch from a backup, and throws it away.
pub trait ScratchProvider: Send {
    /// Reaches the scratch.
    type Backend: Backend;

    /// Starts or resets the scratch and restores the backup into it.
    fn prepare(
        &mut self,
        stop: &Stop,
        sink: &mut dyn EventSink,
    ) -> impl Future<Output = Result<Prepared<Self::Backend>, PrepareError>> + Send;

    /// Keeps the census of the base that the prepared scratch is a copy of, where it is one.
    fn census_shelf(&self) -> Option<Box<dyn CensusShelf>> {
        None
    }

    /// Throws the scratch away. Called on every way out, also after a failed preparation.
    fn discard(&mut self) -> impl Future<Output = Vec<Finding>> + Send;
}
