//! What happens while the engine works: told as values, printed by somebody else.

use crate::{Finding, LockHolder, Notice, NoticeLevel, Plan, StatementError, Version};

/// What a rehearsal is busy with before the migrations run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestorePhase {
    /// The backup is being fetched; the text says from where.
    Fetching(String),
    /// The scratch server is being started; the text names it.
    Starting(String),
    /// The backup is being restored.
    Restoring,
    /// All data is there; indexes are being built and constraints checked.
    Indexing,
    /// Statistics are being gathered on the restored data.
    Analyzing,
    /// Another run is restoring the same backup: its base is waited for.
    AwaitingBase,
    /// A base is being copied; the text names it.
    CopyingBase(String),
    /// The restored backup is being kept as a base.
    KeepingBase,
    /// The user's own tool runs the migrations; the text names it.
    Command(String),
    /// The service boots on the migrated scratch; the text names it.
    Booting(String),
}

/// Which way migrations go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// They are applied.
    Up,
    /// They are taken back.
    Down,
}

/// What a carry is busy with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CarryPhase {
    /// Both sides are looked at; nothing is written yet.
    Looking,
    /// The definitions are read from the source; the target's schemas are dropped meanwhile.
    Defining,
    /// Tables are made and loaded, indexes built.
    Copying,
    /// What failed is tried again.
    Retrying {
        /// Which pass, from 2.
        pass: usize,
        /// Statements that failed in the one before.
        failed: usize,
    },
    /// Source and target are compared.
    Comparing,
    /// The half-copied schemas are dropped.
    Dropping,
    /// The outcome is told to the callback's address.
    Calling,
}

/// When the target is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckStage {
    /// Before the first step.
    Preflight,
    /// After the last.
    Postflight,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A carry reached a phase.
    Carrying(CarryPhase),
    /// So much of the data is carried.
    Carried {
        /// Tables that are done.
        tables: usize,
        /// Tables in all.
        tables_of: usize,
        /// Bytes passed on.
        bytes: u64,
        /// About as many bytes as there are in all.
        bytes_of: u64,
    },
    /// A rehearsal's preparation reached a phase.
    Phase(RestorePhase),
    /// So much of the backup has been fetched.
    Fetched {
        /// Bytes that are here.
        bytes: u64,
        /// Bytes of the whole backup, where the source tells.
        of: Option<u64>,
    },
    /// The backup is here.
    FetchFinished {
        /// How long it took.
        duration_ms: f64,
        /// Its bytes.
        bytes: u64,
    },
    /// So much of the backup has been read; bytes of the file as it lies on disk.
    Restored {
        /// Bytes of the backup read so far.
        bytes: u64,
        /// Bytes of the whole backup; `None` on standard input.
        of: Option<u64>,
        /// The table whose data is being loaded.
        table: Option<String>,
        /// Rows loaded so far, over all tables.
        rows: u64,
    },
    /// The backup is restored and ready.
    RestoreFinished {
        /// How long it took.
        duration_ms: f64,
        /// Rows loaded.
        rows: u64,
    },
    /// The target was looked at.
    Checked {
        /// Before the first step, or after the last.
        stage: CheckStage,
        /// Whether it may go on.
        passed: bool,
        /// What speaks against it.
        errors: Vec<Finding>,
    },
    /// A backup of the target begins; the text says of what, and with what.
    BackupStarted(String),
    /// So much of it is written.
    BackedUp {
        /// Bytes of the backup on disk.
        bytes: u64,
        /// Bytes that were compressed.
        content: u64,
    },
    /// It is whole.
    BackupFinished {
        /// Where it is; `None` where a command of the user's put it elsewhere.
        path: Option<String>,
        /// Its size, where it is known.
        bytes: Option<u64>,
        /// How long it took.
        duration_ms: f64,
    },
    /// Somebody else holds the run lock.
    LockWaiting {
        /// Who, as far as the server lets us see.
        holder: Option<LockHolder>,
        /// How long we will wait in all.
        limit_ms: u64,
    },
    /// The plan is made; the work begins.
    PlanReady {
        /// Number of migrations to apply.
        migrations: usize,
        /// Number of statements in them.
        statements: usize,
        /// Which way they go.
        direction: Direction,
    },
    /// A migration begins.
    MigrationStarted {
        /// The version.
        version: Version,
        /// The name.
        name: String,
        /// Position in the plan, from 1.
        position: usize,
        /// Number of migrations in the plan.
        of: usize,
        /// Number of statements in it.
        statements: usize,
        /// Whether it runs in one transaction.
        transactional: bool,
    },
    /// A statement begins.
    StatementStarted {
        /// The migration.
        version: Version,
        /// Position in the migration, from 1.
        index: usize,
        /// The statement's tag.
        tag: String,
        /// Line in the file.
        line: usize,
    },
    /// The server said something beside a statement's answer.
    Said {
        /// The migration.
        version: Version,
        /// Position of the statement in the migration, from 1; one behind the last is the commit.
        index: usize,
        /// How many were said before it by the same statement, and told.
        before: usize,
        /// What it said.
        notice: Notice,
    },
    /// A statement said more than is told one by one.
    SaidMore {
        /// The migration.
        version: Version,
        /// Position in the migration, from 1.
        index: usize,
        /// How many messages were not told.
        count: u64,
        /// How much the gravest of them matters.
        level: NoticeLevel,
    },
    /// A statement ended well.
    StatementFinished {
        /// The migration.
        version: Version,
        /// Position in the migration, from 1.
        index: usize,
        /// How long it took.
        duration_ms: f64,
        /// Rows that it touched, where the server says so.
        rows: Option<u64>,
    },
    /// A migration is rolled back and will be tried again: a lock was not to be had.
    MigrationRetried {
        /// The migration.
        version: Version,
        /// Which try failed, from 1.
        attempt: u32,
        /// How many there are.
        of: u32,
        /// How long we wait before the next.
        pause_ms: u64,
        /// The server's message.
        reason: String,
        /// Who held the lock, where it could be seen.
        holders: Vec<LockHolder>,
    },
    /// A migration ended well, and the ledger says so.
    MigrationFinished {
        /// Which way it went.
        direction: Direction,
        /// The version.
        version: Version,
        /// The name.
        name: String,
        /// How long its statements took.
        duration_ms: f64,
    },
    /// A migration failed.
    MigrationFailed {
        /// The version.
        version: Version,
        /// The name.
        name: String,
        /// Why.
        error: StatementError,
    },
    /// Something worth saying at once.
    Found(Finding),
}

impl Event {
    /// That `plan` is ready, all of whose steps go this way.
    #[must_use]
    pub fn plan_ready(plan: &Plan, direction: Direction) -> Self {
        let (migrations, statements) = (plan.steps.len(), plan.statement_count());
        Self::PlanReady { migrations, statements, direction }
    }
}

/// Takes events as they happen. Must not fail and must not block for long: the engine waits.
pub trait EventSink: Send {
    /// Takes one event.
    fn emit(&mut self, event: Event);
}

/// Takes events and tells nobody.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl EventSink for Silent {
    fn emit(&mut self, _: Event) {}
}

impl<F: FnMut(Event) + Send> EventSink for F {
    fn emit(&mut self, event: Event) {
        self(event);
    }
}
