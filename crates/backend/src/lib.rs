//! What the engine needs from a database, as small traits.
//!
//! A backend is a way to reach one database; a session is one pinned connection to it (never a
//! pool: run lock, transaction and settings belong to it). The traits say what, each backend's
//! room says how. Nothing here decides what to run: that is the plan's.
//!
//! A rehearsal gets its database from a [`ScratchProvider`], and then calls the same engine on
//! the same traits as an apply on production.

mod adopt;
mod backup;
mod census;
mod copy;
mod error;
mod harness;
mod imprint;
mod kept;
mod ledger;
mod program;
mod scratch;
mod session;
mod shelf;
mod stop;
mod trace;
mod witness;

pub use adopt::{Adopt, Counter, CounterRow};
pub use backup::{Backed, BackupFailure, BackupMaker};
pub use census::{Bookkeeping, Census, CensusDepth, CensusScope, Privileges};
pub use copy::{Copier, CopyError, CopyKeeper, Pending, TargetCopy};
pub use error::BackendError;
pub use harness::{
    Harness, HealthRequest, ReachRequest, SchemaMemory, SchemaRecord, SurroundingsRequest,
};
pub use imprint::{Imprint, ImprintColumn};
pub use kept::{LONGEST_KEPT, kept, unpacked};
pub use ledger::{
    JournalEvent, JournalNote, LedgerChoice, LedgerEditor, LedgerId, LedgerWriter, NoteEvent,
    Recall, Recover,
};
pub use program::{Access, Leftovers, Program, ProgramEnding, ProgramRun};
pub use scratch::{PrepareError, PrepareStage, Prepared, ScratchProvider};
pub use session::{
    Audience, Backend, Canceller, Diagnose, Done, Durability, Execute, FactsReader, FactsRequest,
    FirstQuery, LeftOpen, LockAttempt, LockKept, Offending, Opening, RunLock, Session, Unit,
    UnitEnd, UnitLimits,
};
pub use shelf::{BaseCensus, BaseTable, CensusShelf, Recalled};
pub use stop::{Stop, StopRequest, StopSignal};
pub use trace::{Observer, OutsideTrace, StatementTrace, Trace};
pub use witness::{Footing, GuardedTable, OwnedSequence, Sight, Stake, Stand, Witness};
