//! What is read of a database before and after an apply: values that the harness' checks judge.
//!
//! A fact that could not be read is a value too, never an empty list: the check that needs it
//! says so in an error. Reading them is a backend's, judging them the checks'.

mod health;
mod limits;
mod surroundings;

pub use health::{
    BodyFault, BrokenBody, ForeignKeyFacts, ForeignKeyFault, Grants, Health, InvalidConstraint,
    LostGrant, OrphanRows, UncheckedBodies,
};
pub use limits::{PostflightLimits, PreflightLimits};
pub use surroundings::{
    Connections, InactiveSlot, InvalidIndex, LackingPrivilege, LockWait, NeedKind, OpenTransaction,
    Party, PreparedTransaction, PrivilegeNeed, Quota, Replica, Replication, RunningDump,
    Surroundings, TouchedRelation, WraparoundVacuum, WrittenRelation,
};

/// Something that was to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact<T> {
    /// What it is.
    Read(T),
    /// It could not be read.
    Unread(Unread),
    /// There is no such thing in this kind of database, or nobody asked for it.
    NotHere,
}

/// Why a fact could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Why, in one sentence without its full stop.
    pub why: String,
    /// The server's code, where it is the server's refusal.
    pub sqlstate: Option<String>,
    /// What to do, so that it can be read.
    pub remedy: String,
}

impl<T> Fact<T> {
    /// What was read.
    #[must_use]
    pub const fn read(&self) -> Option<&T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Unread(_) | Self::NotHere => None,
        }
    }

    /// The same of something else, where it was read.
    #[must_use]
    pub fn map<U>(self, of: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Read(value) => Fact::Read(of(value)),
            Self::Unread(unread) => Fact::Unread(unread),
            Self::NotHere => Fact::NotHere,
        }
    }
}
