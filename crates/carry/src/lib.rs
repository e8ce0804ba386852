//! Carries schemas from one PostgreSQL database to another: what a reporting replica's clients
//! keep in it, from the old restore to the new one.
//!
//! A statement that fails costs its object and what depends on it, nothing else: the replica comes
//! up without one view rather than not at all. What was lost is told exactly. Whatever else goes
//! wrong (a server that goes away, a disk that is full) is no partial success: the half-copied
//! schemas are dropped again, and the outcome says so.
//!
//! ```text
//! source ─ snapshot ─┬─► pg_dump ─► steps ─┐
//!                    ├─► COPY … TO ────────┼─► target ─► compare ─► report ─► callback
//!                    └─► canonical schema ─┘
//! ```
//!
//! Not for backups, and not for databases that must be the same to the last object: `verify` and
//! `schema --diff` are.

mod beyond;
mod callback;
mod carry;
mod compare;
mod copy;
mod definitions;
mod depends;
mod error;
mod line;
mod names;
mod pinned;
mod request;
mod run;
mod source;
mod target;
mod teller;
mod work;

pub use carry::carry;
pub use error::CarryRefusal;
pub use request::{Callback, CallbackForm, CarryRequest, Existing};
