//! SQLite: sessions, facts, ledgers, the run lock, execution.
//!
//! The only room that speaks to SQLite on behalf of the engine. It decides nothing: what to run
//! comes from the plan, what a fact means is the planner's. Errors are told apart by SQLite's
//! extended result codes.
//!
//! Reading writes nothing: a file that is not there is not made, and a session takes up its pen
//! only when it holds the run lock and has something to write.

mod adopt;
mod census;
mod connect;
mod copy;
mod diagnose;
mod empty;
mod error;
mod execute;
mod facts;
mod folder;
mod harness;
mod held;
mod integrity;
mod ledger;
pub mod literal;
mod lock;
mod open;
mod recover;
mod session;
mod target;
mod unit;
mod waiting;

pub use connect::SqliteBackend;
pub use empty::EmptyFile;
pub use folder::{PrivateFolder, private_file};
pub use integrity::{integrity, settle};
pub use rusqlite::version;
pub use session::{SqliteCanceller, SqliteSession};
pub use target::{Access, Place, Target, TargetError};
