//! The documents that commands give out. Field names are a contract: `docs/schemas/` holds the
//! JSON Schemas that are generated from these types.
//!
//! Times are RFC 3339 in UTC, durations end in `_ms` (milliseconds), sizes in `_bytes` or are
//! named `bytes`. What is not known is null, never left out.

mod adopt;
mod apply;
mod backup;
mod cache;
mod carry;
mod ci;
mod down;
mod harness;
mod lint;
mod program;
mod receipt;
mod rehearsal;
mod repair;
mod schema;
mod status;
mod table;

pub use adopt::{AdoptReport, AdoptedEntry};
pub use apply::{ApplyReport, FailedMigration, Override, Safeguard};
pub use backup::{
    BackupCompression, BackupDocument, BackupKind, BackupMade, BackupManifest, SourceCensus,
    Verification, VerifiedTable, VerifyReport,
};
pub use cache::{BaseCopy, BaseEntry, CacheReport, TemplateEntry};
pub use carry::{
    CarriedObjects, CarriedSchema, CarriedState, CarriedTable, CarryCallback, CarryError,
    CarryOutcome, CarryReport,
};
pub use ci::CiReport;
pub use down::{DownLoss, DownOutcome, DownReport};
pub use harness::{
    CheckEntry, CheckOutcome, OrphanEntry, PostflightReport, PreflightReport, TouchedTable,
};
pub use lint::LintReport;
pub use program::{BootReport, CommandReport, LooksReport, SessionStatementReport};
pub use receipt::{KeyReport, ReceiptReport, ReceiptUsed, SignatureState, TimedMigration};
pub use rehearsal::{
    BackupReport, LockReport, MigrationReport, MigrationStatus, RehearsalReport, SchemaPair,
    ScratchReport, StatementReport, Timings, Verdict,
};
pub use repair::{RepairAction, RepairReport};
pub use schema::{SchemaDiffReport, SchemaReport, SchemaSide};
pub use status::{
    AppliedEntry, Drift, DriftKind, HealEntry, LedgerEntry, PendingEntry, PlanReport, PlannedStep,
    StatementEntry, StatusReport,
};
pub use table::{
    DigestReport, DroppedColumn, EmptiedColumn, TableFate, TableReport, TrafficReport,
};

/// The version of all documents' forms. Raised when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;
