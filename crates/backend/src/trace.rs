//! What an observer beside the sessions sees of a rehearsal.
//!
//! A rehearsal differs from an apply in the database that it is given, and in the observer that is
//! attached to its sessions. An observer changes nothing: it hears the events that everybody hears
//! (they say which statement comes next), and looks at the server over a connection of its own.

use stopover_model::report::{LockReport, LooksReport, SessionStatementReport, TableReport};
use stopover_model::{Event, Finding, Version};

use crate::Pending;

/// Observes the sessions of one backend.
pub trait Observer: Send + Sync {
    /// Hears what happens, in order, before anybody else does.
    fn hear(&self, event: &Event);

    /// From now on there are synthetic readers and writers beside the sessions, on each table that
    /// a statement names, at this rate each: what they wait is told next to what is derived.
    fn stir(&self, per_second: u32);

    /// From now on every other session of the database is observed, whoever opened it: by looks
    /// from outside, again and again. What keeps it from being seen is told at the end.
    fn watch(&self) -> Pending<'_, ()>;

    /// Ends the observation, and tells what was seen. Sessions that are open or opened later are
    /// observed no more.
    fn finish(&self) -> Pending<'_, Trace>;
}

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    /// Statements in the order in which they ran; one that was tried again stands here twice.
    pub statements: Vec<StatementTrace>,
    /// Every table that was there before, and how long it shut out readers and writers.
    pub tables: Vec<TableReport>,
    /// What keeps the trace from being whole, or from being read as production's.
    pub findings: Vec<Finding>,
    /// What was seen from outside; `None` where nobody looked, or the trace broke off.
    pub outside: Option<OutsideTrace>,
}

/// What was seen of sessions that somebody else opened.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OutsideTrace {
    /// How often, and how far apart, the looks were.
    pub looks: LooksReport,
    /// Statements that held a lock that others wait for, or that took long, in the order of their
    /// begins.
    pub statements: Vec<SessionStatementReport>,
    /// Tables that have another file than before.
    pub rewrites: Vec<String>,
}

/// What was seen of one statement. What is not known is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct StatementTrace {
    /// The migration.
    pub version: Version,
    /// Its position in the migration, from 1.
    pub index: usize,
    /// When it began, since the observation did.
    pub from_ms: f64,
    /// How long it took, without the looks at it.
    pub duration_ms: f64,
    /// WAL that was written meanwhile.
    pub wal_bytes: Option<u64>,
    /// What it wrote into temporary files.
    pub temp_bytes: Option<u64>,
    /// Locks that it took.
    pub locks: Option<Vec<LockReport>>,
    /// Tables that it rewrote.
    pub rewrites: Option<Vec<String>>,
    /// Indexes that it built.
    pub indexes: Option<Vec<String>>,
    /// Tables that it read from their beginning.
    pub scans: Option<Vec<String>>,
}
