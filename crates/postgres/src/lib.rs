//! PostgreSQL: sessions, facts, ledgers, the run lock, execution.
//!
//! The only room that speaks PostgreSQL's protocol on behalf of the engine. It decides nothing:
//! what to run comes from the plan, what a fact means is the planner's. Errors are told apart by
//! SQLSTATE, never by text; text that comes from outside is quoted in one place ([`literal`]).

mod access;
mod adopt;
mod census;
mod connect;
mod diagnose;
mod environment;
mod error;
mod execute;
mod facts;
mod harness;
mod ledger;
mod libpq;
pub mod literal;
mod lock;
mod moment;
mod pinned;
mod pipeline;
mod recover;
mod served;
mod session;
mod sighting;
mod surroundings;
mod tap;
mod target;
mod tls;
mod trace;

pub use connect::PostgresBackend;
pub use error::{database_error, is_lost};
pub use session::{PostgresCanceller, PostgresSession};
pub use surroundings::Surroundings;
pub use tap::{Held, Tapped};
pub use target::{SslMode, Target, TargetError};
pub use trace::Neighbours;
