//! Database migrations for services: Stopover's engine, embedded.
//!
//! A service brings its own database up to date when it boots, with the same engine, the same
//! ledger and the same rules as the command `stopover apply`: several instances may boot at once,
//! each migration runs once, and everything that is wrong is found before anything runs. When
//! [`Runner::run`] returns `Ok`, the ledger and the source hold the same migrations, so a boot
//! check needs nothing else.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let url = format!("sqlite:{}", folder.path().join("app.db").display());
//! // The folder is relative to Cargo.toml: mostly embed!("migrations").
//! let runner = stopover::Runner::new(&url)?.embedded(stopover::embed!("tests/migrations"));
//! match runner.run_blocking() {
//!     Ok(report) => println!("{} migrations applied", report.applied.len()),
//!     // Another instance is migrating, and takes longer than we want to wait.
//!     Err(stopover::Error::LockHeld { waited, .. }) => println!("waited {waited:?}"),
//!     Err(error) => return Err(error.into()),
//! }
//! assert_eq!(runner.run_blocking()?.applied, [], "the second time there is nothing to do");
//! # Ok(())
//! # }
//! ```
//!
//! Inside of a runtime it is `runner.run().await`. What happens is told as `tracing` events, and
//! as values to whoever asks by [`Runner::on_event`].
//!
//! What this crate is not for: rehearsals, backups, `rollback`, `repair` and `adopt` are decisions
//! of people, and belong to the command line. It parses no arguments and catches no signals: a
//! service that wants to stop a run gives it a [`Stop`].
//!
//! # Features
//! `postgres` and `sqlite`, both on by default, bring the database of that name. `proof`, on by
//! default too, makes copies of a PostgreSQL database, which are needed before a migration is run
//! again ([`Runner::idempotent`]).

#[cfg(not(any(feature = "postgres", feature = "sqlite")))]
compile_error!("switch on the feature `postgres`, the feature `sqlite`, or both");

mod blocking;
mod database;
mod embedded;
mod error;
mod rehearsed;
mod report;
mod runner;
mod tell;

pub use embedded::Embedded;
pub use error::{Error, ServerError};
pub use report::Report;
pub use runner::Runner;

pub use stopover_backend::{Stop, StopRequest, StopSignal};
pub use stopover_engine::Limits;
pub use stopover_model::report::{
    AppliedEntry, Drift, DriftKind, LedgerEntry, MigrationReport, MigrationStatus, PendingEntry,
    PlanReport, StatementReport, StatusReport,
};
pub use stopover_model::{
    DatabaseError, Direction, EditClass, EmptyLedger, Event, Finding, HarmlessEdit, HealKind,
    HealMode, HealPolicy, Healed, Layout, LedgerKind, LockHolder, OrphanPolicy, OutOfOrder, Policy,
    Severity, StatementError, Version,
};
pub use stopover_source::SourceError;

#[doc(hidden)]
pub use stopover_embed::files as __files;
