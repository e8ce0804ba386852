//! One pinned connection, seen from the engine.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use stopover_model::{
    EventSink, Facts, ForeignKeys, LockHolder, NewLedgerRow, Notice, PlannedStatement,
};

use crate::{
    Access, Adopt, BackendError, Bookkeeping, Census, CopyError, LedgerChoice, LedgerEditor,
    LedgerId, LedgerWriter, Observer, Recall, Recover, Stop, TargetCopy,
};

/// A way to reach one database.
pub trait Backend: Send + Sync {
    /// What it opens.
    type Session: Session;

    /// Opens a session of its own.
    fn connect(&self) -> impl Future<Output = Result<Self::Session, BackendError>> + Send;

    /// Makes sure that `session`, which has the run lock, is one session of the server's, and
    /// nobody else's. Through a proxy that pools transactions or statements it is not: the next
    /// transaction may meet another session of the server, which has neither lock nor settings,
    /// or two runners the same one, in which both have the lock. Reads only, and may open a
    /// connection for as long as it looks.
    ///
    /// # Errors
    /// [`BackendError::Settings`] where there is such a proxy.
    fn prove_pinned(
        &self,
        _session: &mut Self::Session,
    ) -> impl Future<Output = Result<(), BackendError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Who observes the sessions that this opens, where somebody does.
    fn observer(&self) -> Option<Arc<dyn Observer>> {
        None
    }

    /// How a program of the user's reaches the same database as the same role, where one can.
    fn access(&self) -> Option<Access> {
        None
    }

    /// Makes a copy of the whole database as it is now, while others go on writing. It may take as
    /// long as a backup and its restore.
    ///
    /// # Errors
    /// Where it cannot be had, and why; nothing is left behind then.
    fn copy(
        &self,
        _stop: &Stop,
        _sink: &mut dyn EventSink,
    ) -> impl Future<Output = Result<TargetCopy<Self>, CopyError>> + Send
    where
        Self: Sized,
    {
        std::future::ready(Err(CopyError::Impossible {
            message: "nobody here can make a copy of the target".to_owned(),
            remedy: "run `stopover apply` on a machine with PostgreSQL's programs".to_owned(),
        }))
    }
}

/// Everything that one pinned connection does.
pub trait Session:
    FactsReader
    + LedgerWriter
    + LedgerEditor
    + RunLock
    + Execute
    + Diagnose
    + Recover
    + Recall
    + Adopt
    + Bookkeeping
    + Census
    + crate::Harness
    + crate::SchemaMemory
    + crate::Witness
    + Send
{
    /// Ends it here, whatever the server knows of it: what it holds is free for the next session.
    /// Nothing can be asked of it any more.
    fn hang_up(&mut self) -> impl Future<Output = ()> + Send;
}

/// What to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FactsRequest {
    /// Which ledger to use.
    pub ledger: LedgerChoice,
}

/// Reads what the planner needs. Writes nothing and works with a role that may only read.
pub trait FactsReader {
    /// Finds the ledger that `request` means, without reading its rows.
    fn locate(
        &mut self,
        request: &FactsRequest,
    ) -> impl Future<Output = Result<LedgerId, BackendError>> + Send;

    /// Reads everything the planner needs. The ledger is read afresh every time.
    fn facts(
        &mut self,
        request: &FactsRequest,
    ) -> impl Future<Output = Result<Facts, BackendError>> + Send;
}

/// The outcome of one try to take the run lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockAttempt {
    /// It is ours until it is released or the session ends.
    Taken,
    /// Somebody else has it; who, as far as we may see.
    Held(Option<LockHolder>),
}

/// What has become of the run lock that this session took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockKept {
    /// It is ours, as it was.
    Held,
    /// It was gone, and is ours again: others could have worked in between.
    TakenAgain,
    /// It was gone, and somebody else has it.
    Gone(Option<LockHolder>),
}

/// The lock that makes sure that one runner works at a time.
///
/// It belongs to the session: whatever way the session ends, the lock is free again. It is taken
/// by polling, because a blocking wait deadlocks with `CREATE INDEX CONCURRENTLY`.
pub trait RunLock {
    /// Tries once, without waiting.
    fn try_lock(
        &mut self,
        ledger: &LedgerId,
    ) -> impl Future<Output = Result<LockAttempt, BackendError>> + Send;

    /// Whether a run that finds nothing to do may end without the lock. It may not where a killed
    /// runner has left what the next one that has the lock removes.
    fn is_tidy(
        &mut self,
        _ledger: &LedgerId,
    ) -> impl Future<Output = Result<bool, BackendError>> + Send {
        std::future::ready(Ok(true))
    }

    /// Makes sure that the lock that was taken is still there; takes it again where it is not.
    fn keep_lock(
        &mut self,
        _ledger: &LedgerId,
    ) -> impl Future<Output = Result<LockKept, BackendError>> + Send {
        std::future::ready(Ok(LockKept::Held))
    }

    /// Gives it back, and says what had become of it before.
    fn unlock(
        &mut self,
        ledger: &LedgerId,
    ) -> impl Future<Output = Result<LockKept, BackendError>> + Send;
}

/// Whose the first query of a transaction is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FirstQuery {
    /// Anybody's.
    #[default]
    Ours,
    /// The script's: it says `SET TRANSACTION`, which no query may stand before.
    Scripts,
}

/// What holds around a unit of work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnitLimits {
    /// Longest wait for a lock; `None` leaves the server's setting.
    pub lock_timeout: Option<Duration>,
    /// Longest time for a statement; `None` leaves the server's setting.
    pub statement_timeout: Option<Duration>,
    /// What becomes of foreign keys until the transaction's end. Where they are checked at the
    /// commit, [`Execute::commit`] refuses while one does not hold.
    pub foreign_keys: ForeignKeys,
    /// Whose the transaction's first query is.
    pub first_query: FirstQuery,
}

/// Whether a commit waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It does.
    AtOnce,
    /// It does not: a later commit, or [`Execute::settle`], takes it along. Commits keep their
    /// order, so a crash can only lose all of the last ones, rows of the ledger included.
    Later,
}

/// What a transaction begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// What holds around it.
    pub limits: UnitLimits,
    /// Whether its commit waits for the disk.
    pub durability: Durability,
}

/// A whole transaction: a migration's statements and its ledger row.
#[derive(Debug)]
pub struct Unit<'a> {
    /// What holds around it.
    pub limits: UnitLimits,
    /// Whether its commit waits for the disk.
    pub durability: Durability,
    /// The statements.
    pub statements: &'a [PlannedStatement],
    /// The ledger.
    pub ledger: &'a LedgerId,
    /// The row that records it.
    pub row: &'a NewLedgerRow,
    /// How the next one begins, where there is one right behind it. It may be opened together with
    /// the commit, after what [`Execute::reset`] does; any other request gives it up first.
    pub next: Option<Opening>,
}

impl Unit<'_> {
    /// What it begins with.
    #[must_use]
    pub const fn opening(&self) -> Opening {
        Opening { limits: self.limits, durability: self.durability }
    }
}

/// How a [`Unit`] ended.
#[derive(Debug)]
pub enum UnitEnd {
    /// It is committed.
    Committed,
    /// It is rolled back.
    Failed {
        /// Position of the statement that failed, from 0; `None` where it was something else.
        statement: Option<usize>,
        /// How long that statement took.
        took: Duration,
        /// Why.
        error: BackendError,
    },
    /// The session was lost, and with it the answer to the commit.
    Unknown(BackendError),
}

/// What a script leaves in its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOpen {
    /// What was done is done.
    Nothing,
    /// A transaction that nobody commits.
    Transaction,
}

/// What a statement that ended well said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Rows that it touched, where the server says so.
    pub rows: Option<u64>,
}

/// Cancels, from beside, what a session is doing.
pub trait Canceller: Send + Sync {
    /// Asks the server to cancel the running statement. What it says is the statement's answer.
    fn cancel(&self) -> impl Future<Output = ()> + Send;
}

/// Hears what happens in a transaction that is sent at once.
pub trait Audience: Send {
    /// The statement at this position, from 0, ended well.
    fn ended(&mut self, at: usize, done: Done, took: Duration);

    /// The server said something while it ran.
    fn said(&mut self, at: usize, notice: Notice);
}

/// Runs statements.
pub trait Execute {
    /// Cancels this session's statements.
    type Canceller: Canceller;

    /// A canceller for this session.
    fn canceller(&self) -> Self::Canceller;

    /// Opens a transaction with these limits.
    fn begin(
        &mut self,
        limits: &UnitLimits,
    ) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Sets the limits for statements outside of a transaction, until the next [`Execute::reset`].
    fn limit(
        &mut self,
        limits: &UnitLimits,
    ) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Runs one statement, with its inline data where it has some. `said` hears what the server
    /// says meanwhile.
    fn execute(
        &mut self,
        statement: &PlannedStatement,
        said: &mut (dyn FnMut(Notice) + Send),
    ) -> impl Future<Output = Result<Done, BackendError>> + Send;

    /// Commits. An error of kind [`BackendError::Lost`] means that nobody knows.
    fn commit(&mut self) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Rolls back whatever transaction is open; none is no error.
    fn rollback(&mut self) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Runs a whole transaction without waiting between its statements, where the database's
    /// protocol allows that; `None` where it does not, and nothing was done then. `audience` hears
    /// of each statement that ended well, in order.
    ///
    /// Statement by statement it means the same as [`Execute::begin`], [`Execute::execute`],
    /// [`LedgerWriter::record`] and [`Execute::commit`]; after a failure the transaction is rolled
    /// back already.
    fn transaction(
        &mut self,
        _unit: &Unit<'_>,
        _audience: &mut dyn Audience,
    ) -> impl Future<Output = Option<UnitEnd>> + Send {
        std::future::ready(None)
    }

    /// Makes sure that commits before which nobody waited for the disk are on it.
    fn settle(&mut self) -> impl Future<Output = Result<(), BackendError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Whether a transaction is open that has written something. What the script of a
    /// non-transactional migration leaves open is lost with the session, whatever is recorded.
    fn left_open(&mut self) -> impl Future<Output = Result<LeftOpen, BackendError>> + Send {
        std::future::ready(Ok(LeftOpen::Nothing))
    }

    /// Leaves no trace of the work before: role, settings, temporary objects, prepared
    /// statements, listeners. The run lock survives it.
    fn reset(&mut self) -> impl Future<Output = Result<(), BackendError>> + Send;
}

/// Rows of production that a statement fails on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offending {
    /// How many there are.
    pub count: u64,
    /// What they are, e.g. `rows of orders where note is null`.
    pub what: String,
    /// Up to three sample keys, e.g. `id = 42`.
    pub samples: Vec<String>,
}

/// Explains failures.
pub trait Diagnose {
    /// Counts the rows that `failing` fails on, by running the statements `before` it in a
    /// transaction that is rolled back. Only ever called on a scratch. `None` where the error
    /// does not allow it.
    fn offending(
        &mut self,
        before: &[PlannedStatement],
        failing: &PlannedStatement,
        error: &stopover_model::DatabaseError,
    ) -> impl Future<Output = Option<Offending>> + Send;

    /// Who holds locks on the relations that `statement` needs, other than ourselves.
    fn lock_holders(
        &mut self,
        statement: &PlannedStatement,
    ) -> impl Future<Output = Vec<LockHolder>> + Send;
}
