//! Stopover's checks: pure functions from what was planned or measured to findings.
//!
//! A check decides nothing but its own findings: what becomes of an error is the verdict's. It
//! reads values, and asks nobody. One that cannot be made is an error too: nothing passes because
//! nobody looked.

mod changed;
mod ci;
mod down;
mod harness;
mod judged;
mod limits;
mod reach;
mod receipt;
mod rules;
mod touch;
mod vanished;

pub use changed::changed;
pub use ci::{BuildFacts, build, build_checks};
pub use down::{Again, DownEffect, DownTrip, down};
pub use harness::{
    ColumnCount, ExpectedSchema, Fingerprint, Judgements, LedgerState, LeftSchema, Planned,
    PostflightFacts, PreflightFacts, RowCounts, no_connection, postflight, preflight,
};
pub use limits::{Measured, limits};
pub use reach::{Reach, reach};
pub use receipt::{Asked, prediction, receipt, slower};
pub use rules::census::taken_by_rollback;
pub use touch::{names_everything, privilege_needs, written_relations};
pub use vanished::{Allowance, CountedTable, allows, vanished, vanished_at_boot};
