//! Programs of the user's in a rehearsal: the tool that ran the migrations, the service that booted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LockReport;

/// How often somebody looked from outside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LooksReport {
    /// How many looks there were.
    pub count: u64,
    /// The usual distance of two looks: what was held for a shorter time may not have been seen.
    pub every_ms: f64,
    /// The longest distance of two looks.
    pub longest_ms: f64,
}

/// A statement of somebody else's session, as it was seen from outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SessionStatementReport {
    /// Which session it was, from 1 in the order in which they were seen.
    pub session: u32,
    /// How its text begins: one line, at most 160 characters, passwords redacted. Tools that send a
    /// whole script at once have one statement for all of it.
    pub text: String,
    /// When it began: milliseconds since the observer began.
    pub from_ms: f64,
    /// How long it took, as far as it was seen.
    pub duration_ms: f64,
    /// Locks that it took and that keep others waiting. Those on relations that were not there
    /// before are left out.
    pub locks: Vec<LockReport>,
}

/// The user's own tool, where it ran the migrations (`--command`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommandReport {
    /// The command, secrets hidden.
    pub command: String,
    /// Its exit code; null where it did not end by itself.
    pub exit_code: Option<i32>,
    /// How long it took.
    pub duration_ms: f64,
    /// The last of what it wrote (at most 4 KiB), secrets hidden.
    pub output: String,
    /// How often somebody looked at its sessions from outside; null where nobody did, or where that
    /// broke off.
    pub looks: Option<LooksReport>,
    /// Statements that held a lock that others wait for, or that took long; null where nobody
    /// looked.
    pub statements: Option<Vec<SessionStatementReport>>,
    /// Tables that have another file than before; null where nobody looked.
    pub rewrites: Option<Vec<String>>,
    /// Whether the ledger was compared with a source afterwards.
    pub compared: bool,
}

/// The service, where it was started on the migrated scratch (`--boot`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BootReport {
    /// The command, secrets hidden.
    pub command: String,
    /// How long it took until it answered well; null where it did not.
    pub ready_ms: Option<f64>,
    /// The last of what it wrote (at most 4 KiB), secrets hidden.
    pub output: String,
}
