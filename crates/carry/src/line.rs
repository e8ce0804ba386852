//! A connection to one of the two databases, with settings of its own: whatever a role, a
//! database or a URL sets, statements and values mean the same on both sides.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use stopover_postgres::{Held, Tapped, Target};
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use crate::error::{Fatal, Side, Trouble};

/// Settings of both sides, as far as the server knows them: how values print and are read (as
/// pg_dump has it), nothing found by an unqualified name, no limits that end a long read, and rows
/// that a policy would hide are an error.
const SETTINGS: &[(&str, &str)] = &[
    ("search_path", ""),
    ("row_security", "off"),
    ("quote_all_identifiers", "off"),
    ("standard_conforming_strings", "on"),
    ("array_nulls", "on"),
    ("transform_null_equals", "off"),
    ("exit_on_error", "off"),
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO, YMD"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("extra_float_digits", "3"),
    ("bytea_output", "hex"),
    ("xmlbinary", "base64"),
    ("xmloption", "content"),
    ("lc_monetary", "C"),
    ("jit", "off"),
    ("statement_timeout", "0"),
    ("transaction_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("idle_session_timeout", "0"),
    ("client_min_messages", "error"),
];

/// Settings of the target's side besides. Commits need not wait for the disk one by one: the last
/// one does.
const TARGETS: &[(&str, &str)] = &[
    ("check_function_bodies", "off"),
    ("default_tablespace", ""),
    ("default_table_access_method", "heap"),
    ("synchronous_commit", "off"),
    ("session_replication_role", "origin"),
];

/// A server that is told of a dead client stops the statement that nobody waits for any more.
/// Only Linux is sure to tell it; elsewhere the server refuses the setting.
const WATCH: &str = "SELECT pg_catalog.set_config('client_connection_check_interval', '2s', false) \
    FROM pg_catalog.pg_settings WHERE name = 'client_connection_check_interval' \
    AND pg_catalog.version() LIKE '%linux%'";

/// As many statements are sent before the first answer is waited for. The driver asks up to
/// thirty in the order in which they stand.
const AHEAD: usize = 30;

/// One connection.
pub(crate) struct Line {
    side: Side,
    tapped: Tapped,
    /// Whether a refusal's last bytes may still be on their way: the driver tells an error when it
    /// comes, and not when the server is ready for the next statement.
    refused: AtomicBool,
}

impl Line {
    /// Connects. `badge` is the session's name on the server.
    pub(crate) async fn open(target: &Target, side: Side, badge: &str) -> Result<Self, Fatal> {
        let line = Self::bare(target, side).await?;
        line.prepare(badge).await?;
        Ok(line)
    }

    /// Connects, and sets nothing.
    pub(crate) async fn bare(target: &Target, side: Side) -> Result<Self, Fatal> {
        let opened = Tapped::connect(target).await;
        let tapped = opened.map_err(|error| Fatal::of(side, error))?;
        Ok(Self { side, tapped, refused: AtomicBool::new(false) })
    }

    /// Makes the session's settings.
    pub(crate) async fn prepare(&self, badge: &str) -> Result<(), Fatal> {
        let side = self.side;
        // First by itself: a limit of the role's or the database's counts for the rest already.
        let prelude = ["SET statement_timeout = 0", &settings(side, badge), WATCH];
        for made in self.run_each(&prelude).await {
            made.map_err(|trouble| trouble.fatal(side))?;
        }
        Ok(())
    }

    /// The server's major version; 0 where it cannot be read.
    pub(crate) fn major(&self) -> u32 {
        let digits = self.tapped.version.split(|c: char| !c.is_ascii_digit()).next();
        digits.and_then(|it| it.parse().ok()).unwrap_or(0)
    }

    pub(crate) async fn run(&self, sql: &str) -> Result<(), Trouble> {
        let ran = self.tapped.client.batch_execute(sql).await;
        ran.map_err(|error| self.trouble(&error))
    }

    fn trouble(&self, error: &tokio_postgres::Error) -> Trouble {
        self.refused.store(true, Ordering::Relaxed);
        Trouble::of(self.side, error)
    }

    /// Runs statements one after the other, each by itself, without waiting in between. What each
    /// came to, in their order.
    pub(crate) async fn run_each(&self, statements: &[&str]) -> Vec<Result<(), Trouble>> {
        let mut ran = Vec::with_capacity(statements.len());
        for some in statements.chunks(AHEAD) {
            ran.extend(join_all(some.iter().map(|sql| self.run(sql))).await);
        }
        ran
    }

    /// The rows of all statements of `sql`.
    pub(crate) async fn rows(&self, sql: &str) -> Result<Vec<SimpleQueryRow>, Trouble> {
        let answered = self.tapped.client.simple_query(sql).await;
        let messages = answered.map_err(|error| self.trouble(&error))?;
        let row = |message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        };
        Ok(messages.into_iter().filter_map(row).collect())
    }

    /// Takes its bytes in hand, when the driver has all of its own.
    pub(crate) async fn hold(&mut self) -> Result<Held<'_>, Fatal> {
        if self.refused.swap(false, Ordering::Relaxed) {
            // Answers come in order: behind this one, nothing of the refused statement is left.
            self.run("").await.map_err(|trouble| trouble.fatal(self.side))?;
        }
        Ok(self.tapped.hold())
    }
}

/// A column as text; empty for NULL.
pub(crate) fn text(row: &SimpleQueryRow, column: usize) -> String {
    row.try_get(column).ok().flatten().unwrap_or_default().to_owned()
}

/// A column as a number; 0 for NULL.
pub(crate) fn number(row: &SimpleQueryRow, column: usize) -> u64 {
    row.try_get(column).ok().flatten().and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// A boolean column as PostgreSQL prints it.
pub(crate) fn truth(row: &SimpleQueryRow, column: usize) -> bool {
    row.try_get(column).ok().flatten() == Some("t")
}

/// One statement that makes all settings that the server knows.
fn settings(side: Side, badge: &str) -> String {
    let more: &[(&str, &str)] = if side == Side::Target { TARGETS } else { &[] };
    let own = [("application_name", badge)];
    let all = SETTINGS.iter().chain(more).chain(&own);
    let values: Vec<String> = all.map(|(name, value)| format!("('{name}', '{value}')")).collect();
    format!(
        "SELECT pg_catalog.set_config(s.name, v.value, false) FROM pg_catalog.pg_settings s \
         JOIN (VALUES {}) v(name, value) ON pg_catalog.lower(s.name) = pg_catalog.lower(v.name) \
         WHERE s.name <> 'session_replication_role' OR s.setting <> v.value",
        values.join(", ")
    )
}
