//! What a backend's tests give to the suite.

use std::future::Future;

use stopover_backend::{Adopt, Backend, LedgerEditor};

/// Whether a backend can do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It can.
    Yes,
    /// It refuses, and leaves nothing behind.
    No,
}

/// Where backends differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// `COPY … FROM stdin` with its data in the script.
    pub copy: Support,
    /// Whether a lock's holder can be told by its process.
    pub lock_holder: Support,
}

/// What is said differently in each database's SQL. Every text stands for one or more whole
/// statements with their semicolons, unless it is a query for [`Fixture::value`].
#[derive(Debug, Clone, Copy)]
pub struct Phrases {
    /// One statement that runs for half a minute or more, unless it is cancelled.
    pub long: &'static str,
    /// One statement that cannot be in a transaction, and works on the table `items (name)`.
    pub outside: &'static str,
    /// Statements that change the session: a setting, and a temporary table `scratchpad`.
    pub leak: &'static str,
    /// Statements that make a table `seen (setting)` with that setting's value.
    pub look: &'static str,
    /// What `seen.setting` holds where nothing leaked.
    pub untouched: &'static str,
    /// A query for the checksum of version 1 in sqlx's ledger, in lower-case hex.
    pub sqlx_checksum: &'static str,
}

/// A fresh, empty database for one test, gone at its end.
pub trait Fixture: Sized {
    /// Reaches it.
    type Backend: Backend<Session: LedgerEditor + Adopt> + 'static;
    /// Keeps a lock until it is dropped.
    type Blocker: Send;
    /// Writes beside the engine, from wherever it is taken.
    type Writer: Clone + Send + Sync + 'static;

    /// What it can do.
    const CAPABILITIES: Capabilities;
    /// How it says things.
    const PHRASES: Phrases;

    /// Makes one.
    fn fresh() -> impl Future<Output = Self>;

    /// Reaches the database as whoever migrates.
    fn backend(&self) -> Self::Backend;

    /// Reaches the database as somebody who may only read it.
    fn reader(&self) -> impl Future<Output = Self::Backend>;

    /// Runs statements, beside the engine.
    fn run(&self, sql: &str) -> impl Future<Output = ()>;

    /// Somebody else who writes.
    fn writer(&self) -> Self::Writer;

    /// Has them run statements in a session of their own, patient with locks.
    fn write(writer: &Self::Writer, sql: &str) -> impl Future<Output = ()> + Send;

    /// The first column of a query's first row, as text.
    fn value(&self, sql: &str) -> impl Future<Output = String>;

    /// The names of all tables, ledgers and journals included, without schemas; an empty list for
    /// a database that is not there. Makes nothing.
    fn tables(&self) -> impl Future<Output = Vec<String>>;

    /// Holds, in a session of its own, a lock that keeps `ALTER TABLE table` waiting.
    fn block(&self, table: &str) -> impl Future<Output = Self::Blocker>;
}
