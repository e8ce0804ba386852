//! A backup of the target before something is written to it.

use std::fmt;

use stopover_model::report::BackupMade;
use stopover_model::{EventSink, Finding};
use thiserror::Error;

use crate::{Pending, Stop, StopSignal};

/// Why there is no backup. Nothing was written to the target.
#[derive(Debug, Clone, Error)]
pub enum BackupFailure {
    /// It could not be made, or not be proven.
    #[error("{message}")]
    Impossible {
        /// Why.
        message: String,
        /// What to do.
        remedy: String,
        /// What a proof found, where there was one.
        findings: Vec<Finding>,
    },
    /// A signal asked to stop.
    #[error("stopped by a signal")]
    Stopped(StopSignal),
}

/// A backup, and what was found on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Backed {
    /// What was made; `None` where there is nothing yet that could be backed up.
    pub made: Option<BackupMade>,
    /// What is worth saying of it.
    pub findings: Vec<Finding>,
}

/// Makes backups of one target. What it is made of, and where, is the maker's.
pub trait BackupMaker: fmt::Debug + Send + Sync {
    /// Makes one. When this returns, it is whole and on the disk, or there is none under its name.
    fn make<'a>(
        &'a self,
        stop: &'a Stop,
        sink: &'a mut dyn EventSink,
    ) -> Pending<'a, Result<Backed, BackupFailure>>;
}
