//! What goes on around an apply, and what state it leaves behind, seen from the engine.

use std::future::Future;
use std::time::Duration;

use stopover_model::harness::{
    Fact, Grants, Health, PrivilegeNeed, Surroundings, TouchedRelation, WrittenRelation,
};

use crate::{BackendError, CensusScope, LedgerId};

/// What is asked of the surroundings.
#[derive(Debug, Clone)]
pub struct SurroundingsRequest {
    /// Relations that the plan names; none where there is no plan.
    pub relations: Vec<WrittenRelation>,
    /// What the plan needs rights for.
    pub needs: Vec<PrivilegeNeed>,
    /// The role that the apply will connect as, where it is not the one that asks.
    pub role: Option<String>,
    /// The ledger that will be written.
    pub ledger: Option<LedgerId>,
    /// Longest time for one fact.
    pub fact_timeout: Duration,
}

/// What is asked about the reach of a plan.
#[derive(Debug, Clone)]
pub struct ReachRequest {
    /// Relations that it reads rows from or writes them to.
    pub relations: Vec<WrittenRelation>,
    /// Words that may be names of functions that it calls, in lower case.
    pub calls: Vec<String>,
    /// Longest time for the answer.
    pub fact_timeout: Duration,
}

/// What is asked of the state after an apply.
#[derive(Debug, Clone)]
pub struct HealthRequest {
    /// What is left out: ledgers and journals.
    pub scope: CensusScope,
    /// Longest time for one fact.
    pub fact_timeout: Duration,
    /// Longest time for looking through the tables of one foreign key.
    pub scan_timeout: Duration,
}

/// Reads what the checks of preflight and postflight judge. Writes nothing, not even a temporary
/// table; works with a role that may only read.
///
/// What cannot be read is part of the answer: a [`stopover_model::harness::Fact::Unread`] each.
pub trait Harness {
    /// What goes on in the database and around it.
    ///
    /// # Errors
    /// Where the session is lost.
    fn surroundings(
        &mut self,
        request: &SurroundingsRequest,
    ) -> impl Future<Output = Result<Surroundings, BackendError>> + Send;

    /// The relations of the request alone: those that the plan names, and those that are locked, or
    /// lose rows, together with them.
    ///
    /// # Errors
    /// Where the session is lost.
    fn touched(
        &mut self,
        request: &SurroundingsRequest,
    ) -> impl Future<Output = Result<Fact<Vec<TouchedRelation>>, BackendError>> + Send;

    /// Whether a plan may run code of the database's own, which may write to any table: functions
    /// that it calls, triggers and rules of what it writes to, views, event triggers.
    ///
    /// # Errors
    /// Where the session is lost.
    fn runs_code(
        &mut self,
        _request: &ReachRequest,
    ) -> impl Future<Output = Result<Fact<bool>, BackendError>> + Send {
        std::future::ready(Ok(Fact::NotHere))
    }

    /// Rights on every relation of the users; a relation on which nobody but its owner has any is
    /// there with none.
    ///
    /// # Errors
    /// Where the session is lost.
    fn grants(
        &mut self,
        fact_timeout: Duration,
    ) -> impl Future<Output = Result<Fact<Vec<Grants>>, BackendError>> + Send;

    /// What does not work in the database.
    ///
    /// # Errors
    /// Where the session is lost.
    fn health(
        &mut self,
        request: &HealthRequest,
    ) -> impl Future<Output = Result<Health, BackendError>> + Send;
}

/// The schema as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaRecord {
    /// Its checksum.
    pub checksum: String,
    /// The schema as text; `None` where it is too long to be kept, or was not.
    pub text: Option<String>,
    /// When it was recorded; `None` for one that is yet to be.
    pub at: Option<jiff::Timestamp>,
}

/// Remembers the schema that an apply left.
pub trait SchemaMemory {
    /// Writes it into the journal, where there is one; nothing is made for it. Not where the last
    /// one that was written is the same.
    fn record_schema(
        &mut self,
        ledger: &LedgerId,
        record: &SchemaRecord,
    ) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// The last one. Writes nothing.
    fn recorded_schema(
        &mut self,
        ledger: &LedgerId,
    ) -> impl Future<Output = Result<Option<SchemaRecord>, BackendError>> + Send;
}
