//! What is asked of a carry.

use std::num::NonZeroUsize;
use std::time::Duration;

use stopover_backend::{Privileges, Stop};
use stopover_postgres::Target;
use stopover_scratch::binaries::Search;

/// What becomes of schemas of the same names in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// They are dropped and rebuilt.
    Replaced,
    /// Nothing is carried where there is one.
    Kept,
}

/// What a callback's address is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackForm {
    /// The outcome, as `text/plain`.
    Text,
    /// The whole report, as JSON.
    Json,
}

/// Who is told how it ended.
#[derive(Debug, Clone)]
pub struct Callback {
    /// An HTTP address. May hold a secret: it is never shown whole.
    pub url: String,
    /// What is posted there.
    pub form: CallbackForm,
    /// For how long it is tried until it is acknowledged.
    pub patience: Duration,
}

/// One carry.
#[derive(Debug, Clone)]
pub struct CarryRequest {
    /// The database that has the schemas.
    pub from: Target,
    /// The database that gets them.
    pub to: Target,
    /// Names of the schemas, unquoted.
    pub schemas: Vec<String>,
    /// Names that are refused besides those of PostgreSQL: the ledger's schema.
    pub reserved: Vec<String>,
    /// What becomes of those that are there.
    pub existing: Existing,
    /// Whether owners are carried.
    pub owners: Privileges,
    /// Whether grants and default privileges are carried.
    pub privileges: Privileges,
    /// Longest time for all but the callback.
    pub timeout: Option<Duration>,
    /// Who is told.
    pub callback: Option<Callback>,
    /// How many tables at once.
    pub jobs: NonZeroUsize,
    /// Where `pg_dump` is looked for.
    pub search: Search,
    /// Ends it early.
    pub stop: Stop,
}
