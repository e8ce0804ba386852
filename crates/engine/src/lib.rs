//! One engine for every front end: status, plan, apply and rehearse.
//!
//! Data flows one way: facts and source go to the planner, the plan comes back, the engine carries
//! it out and tells what happens as events. A plan leaves the engine no choices. A rehearsal is
//! [`apply()`] on a scratch: the same function, the same transaction boundaries, the same timeouts.
//!
//! The engine prints nothing, reads no settings and names no concrete backend.

mod adopt;
mod apply;
mod ci;
mod detail;
mod error;
mod fingerprints;
mod gate;
mod harness;
mod heal;
mod lock;
mod notices;
mod outcome;
mod place;
mod programs;
mod read;
mod recover;
mod rehearse;
mod repair;
mod request;
mod rollback;
mod run_plan;
mod safeguards;
mod schema;
mod settle;
mod statement;
mod step;
mod steps;
mod traced;

pub use adopt::{AdoptFrom, Adoption, Proof, adopt, prove};
pub use apply::{apply, apply_safely};
pub use ci::{Build, Built, ci};
pub use detail::{DETAIL_LIMIT, clip};
pub use error::EngineError;
pub use harness::{
    Before, DumpFinder, Postflight, Preflight, before, postflight, preflight, record_schema,
};
pub use outcome::{Applied, Ending};
pub use programs::{Comparison, MigratingCommand, Programs};
pub use read::{plan, status};
pub use rehearse::{Rehearsal, RehearsalEnding, rehearse};
pub use repair::{Repair, repair};
pub use request::{DownTrial, Limits, Measure, Request};
pub use rollback::{rollback, rollback_safely};
pub use safeguards::{Around, Safeguards};
pub use schema::schema;
pub use stopover_checks::ExpectedSchema;
