//! Stopover's values: migrations, ledgers, facts, plans, findings, events and reports.
//!
//! This crate is the vocabulary that every other room speaks. It holds data and the small
//! functions that belong to it (ordering, hashing, spelling); it does no I/O, and decides
//! nothing: judging is the planner's, acting is the engine's, showing is the report's.

mod checksum;
mod dotted;
mod error;
mod event;
mod excerpt;
mod facts;
mod finding;
pub mod harness;
mod heal;
mod ledger;
mod lock_mode;
mod migration;
mod notice;
mod plan;
mod policy;
mod receipt;
mod recovery;
mod redact;
pub mod report;
mod schema;
mod script;
mod thresholds;
pub mod units;
mod unsettled;
mod version;

pub use checksum::{Checksum, ChecksumKind, Fingerprinted, VersionWidth};
pub use dotted::DottedVersion;
pub use error::{DatabaseError, ErrorClass, StatementError, sqlstate};
pub use event::{CarryPhase, CheckStage, Direction, Event, EventSink, RestorePhase, Silent};
pub use excerpt::Excerpt;
pub use facts::{
    DatabaseKind, Facts, Fingerprints, LedgerFacts, LedgerSeen, LockHolder, PlainStrings, Tracker,
};
pub use finding::{Finding, Severity};
pub use heal::{
    Edit, EditClass, HarmlessEdit, HealKind, HealMode, HealPolicy, HealWay, Healed, History,
    NoHistory, Past, PlannedHeal,
};
pub use ledger::{LedgerKind, LedgerRow, NewLedgerRow, Provenance, RowState};
pub use lock_mode::{HeldLock, LockMode, shut_out_ms};
pub use migration::{
    Directives, ForeignKeys, Layout, Migration, OrderMark, SourceSet, TransactionMark, detail_list,
};
pub use notice::{Notice, NoticeLevel};
pub use plan::{
    Boundary, Plan, PlannedLock, PlannedStatement, Resume, SessionUse, StatementPlace,
    StatementWay, Step, beginning,
};
pub use policy::{AutoAdopt, DirtyWay, EmptyLedger, OrphanPolicy, OutOfOrder, Policy};
pub use receipt::{
    Apart, Gate, Grounds, LedgerState, NoReceipts, RECEIPT_VERSION, Receipt, ReceiptLimit,
    ReceiptSeen, ReceiptSettings, Receipts, ReceiptsRead, RehearsedBackup, RehearsedMigration,
    RehearsedSchema, RehearsedTable, Requirement, SIGNATURE_ALGORITHM, Signature, SignatureNeed,
    SignatureSeen, UnknownForm, Unreadable, signed_bytes, whole_ms,
};
pub use recovery::{AfterCleanup, Interrupted, JournalEntry, Recovery, StatementState};
pub use redact::redact_urls;
pub use schema::{ColumnDigest, Mark, MarkKind, Schema, SchemaChange, SchemaObject, TableCensus};
pub use script::{Boundaries, Extent, Passage, Script, Substitution};
pub use thresholds::{TableLimits, Thresholds};
pub use unsettled::Unsettled;
pub use version::Version;

/// The tool's version, as every document states it.
pub const TOOL_VERSION: &str = env!("CARGO_PKG_VERSION");
