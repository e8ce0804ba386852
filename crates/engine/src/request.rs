//! What a front end asks of the engine.

use std::sync::Arc;
use std::time::Duration;

use stopover_backend::{CensusDepth, FactsRequest, Stop};
use stopover_model::{Gate, History, Policy, SourceSet, Thresholds};
use stopover_planner::Selection;

use crate::Programs;

/// How long to wait, and how often to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest wait for the run lock.
    pub lock_wait: Duration,
    /// Longest wait of a statement for a lock, each try; readers queue behind it that long.
    pub lock_timeout: Duration,
    /// Longest time for one statement; `None` for no limit of ours.
    pub statement_timeout: Option<Duration>,
    /// How often a transactional migration is tried again after a lock was not to be had.
    pub lock_retries: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lock_wait: Duration::from_mins(1),
            lock_timeout: Duration::from_secs(5),
            statement_timeout: None,
            lock_retries: 10,
        }
    }
}

/// Everything that decides what happens, apart from the database itself.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The source.
    pub source: &'a SourceSet,
    /// How drift is judged.
    pub policy: &'a Policy,
    /// Which ledger is meant.
    pub facts: FactsRequest,
    /// Which of the pending migrations.
    pub selection: Selection,
    /// Timeouts and tries.
    pub limits: Limits,
    /// Knows older texts of the source's files: what tells an edit's class.
    pub history: Arc<dyn History>,
    /// What is known of rehearsals, and whether one is required before the first step.
    pub gate: Gate,
    /// Asks to stop.
    pub stop: Stop,
}

/// Whether a rehearsal goes down and up again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DownTrial {
    /// It only goes up.
    #[default]
    LeftOut,
    /// Each down script is run, and its migration applied again.
    Tried,
}

/// What a rehearsal measures besides errors.
#[derive(Debug, Clone, Default)]
pub struct Measure {
    /// Over which it is red.
    pub thresholds: Thresholds,
    /// Synthetic reads, and as many writes, of each touched table beside the migrations; `None` for
    /// none.
    pub traffic_per_second: Option<u32>,
    /// Programs of the user's that take part.
    pub programs: Programs,
    /// Whether tables are counted, or digested too: what is in them, and not only how much.
    pub census: CensusDepth,
    /// Whether the migrations are taken back and applied again.
    pub down: DownTrial,
}
