//! Executes jobs over connections. Knows nothing of files.

use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use stopover_model::{Event, EventSink, sqlstate};
use stopover_postgres::literal::identifier;
use tokio::sync::mpsc::Receiver;
use tokio_postgres::{CopyInSink, SimpleQueryMessage};

use super::complaint::{excerpt, refuse, sql_error, unreadable_encoding};
use super::encoding::Encoding;
use super::error::{Failure, RestoreError, failure};
use super::keeper::Keeper;
use super::notes::{KnownError, Notes};
use super::policy::{Disposition, Judgement, Note, Phase, Tolerance, judge};
use super::reader::{Job, Statement};
use super::session::Session;
use crate::backup::Progress;

/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// How far the file has been read, and of how much.
#[derive(Debug, Clone)]
pub(super) struct Gauge {
    pub(super) progress: Progress,
    pub(super) of: Option<u64>,
}

/// Loads a dump, job by job.
pub(super) struct Loader<'a> {
    /// The restoring role's session.
    pub(super) session: Session,
    pub(super) keeper: Keeper,
    pub(super) notes: Notes,
    pub(super) rows: u64,
    pub(super) sink: &'a mut dyn EventSink,
    gauge: Gauge,
    told: Instant,
    phase: Phase,
    encoding: Encoding,
    transaction: Transaction,
    /// The role of the last `SET SESSION AUTHORIZATION`.
    acting_as: Option<String>,
}

/// Whether the dump has opened a transaction: what is uncommitted there, the superuser's session
/// cannot see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transaction {
    None,
    Open,
}

/// What the restoring session's `client_encoding` is.
#[derive(Debug, Clone, Copy)]
enum Speech {
    /// The dump's: for table data.
    Dump,
    /// The driver's: for statements.
    Utf8,
}

impl<'a> Loader<'a> {
    pub(super) fn new(
        session: Session,
        keeper: Keeper,
        encoding: Encoding,
        gauge: Gauge,
        sink: &'a mut dyn EventSink,
    ) -> Self {
        Self {
            session,
            keeper,
            notes: Notes::default(),
            rows: 0,
            sink,
            gauge,
            told: Instant::now(),
            phase: Phase::Prologue,
            encoding,
            transaction: Transaction::None,
            acting_as: None,
        }
    }

    /// Executes all jobs. Where they end early, the reader says why.
    pub(super) async fn run(&mut self, jobs: &mut Receiver<Job>) -> Result<(), RestoreError> {
        while let Some(job) = jobs.recv().await {
            match job {
                Job::Statement(statement) => self.statement(&statement).await?,
                Job::Copy { statement, table } => self.copy(&statement, table, jobs).await?,
                // The splitter gives data only behind a COPY, which takes it all.
                Job::Rows { .. } | Job::CopyEnd => {}
            }
        }
        self.act_as(None).await?;
        self.require_extensions()
    }

    async fn statement(&mut self, statement: &Statement) -> Result<(), RestoreError> {
        let text = self.text(statement).await?;
        let judgement = judge(&text, statement.strings, self.phase);
        let judgement = self.keeper.footing.adapt(judgement);
        self.enter(judgement.phase)?;
        for role in &judgement.roles {
            self.keeper.ensure_role(role).await?;
        }
        self.follow(&text);
        self.tell(None);
        match self.execute(statement, &text, &judgement).await {
            Ok(()) => Ok(()),
            Err(Obstacle::Error(error)) => {
                self.forgive_or_fail(statement, &text, &judgement, &error)
            }
            Err(Obstacle::Red(error)) => Err(*error),
        }
    }

    /// Missing extensions are collected while only extensions come, and then told all at once.
    fn enter(&mut self, phase: Phase) -> Result<(), RestoreError> {
        self.phase = phase;
        if phase == Phase::Body { self.require_extensions() } else { Ok(()) }
    }

    fn require_extensions(&self) -> Result<(), RestoreError> {
        match self.keeper.missing.as_slice() {
            [] => Ok(()),
            missing => Err(RestoreError::Extension { missing: missing.to_vec() }),
        }
    }

    fn follow(&mut self, text: &str) {
        let word: String = text.chars().take_while(char::is_ascii_alphabetic).take(9).collect();
        match word.to_ascii_lowercase().as_str() {
            "begin" | "start" => self.transaction = Transaction::Open,
            "commit" | "end" | "rollback" | "abort" => self.transaction = Transaction::None,
            _ => {}
        }
    }

    async fn execute(
        &mut self,
        statement: &Statement,
        text: &str,
        judgement: &Judgement,
    ) -> Result<(), Obstacle> {
        match &judgement.disposition {
            Disposition::Plain => self.as_acting(text).await?,
            Disposition::Elevated if self.transaction == Transaction::Open => {
                self.simple(text).await?;
            }
            Disposition::Elevated => {
                self.keeper.elevated.client.execute(text, &[]).await?;
            }
            Disposition::OperatorClass(identity) => {
                self.keeper.create_operator_class(text, identity).await?;
            }
            Disposition::PlainElseElevated => self.else_elevated(text).await?,
            Disposition::SearchPath => {
                self.simple(text).await?;
                self.keeper.elevated.client.execute(text, &[]).await?;
            }
            Disposition::Encoding(name) => {
                let unreadable = || unreadable_encoding(statement.line, name);
                self.encoding = Encoding::of(name).ok_or_else(unreadable)?;
            }
            Disposition::Extension { name, schema } => {
                self.keeper.create_extension(name, schema.as_deref()).await?;
            }
            Disposition::EventTrigger(name) => {
                self.keeper.create_event_trigger(text, name).await?;
                self.notes.note(Note::EventTrigger, name);
            }
            Disposition::Wrapper { name, options } => {
                self.keeper.create_wrapper(name, options).await?;
            }
            Disposition::ActAs(role) => self.act_as(role.as_deref()).await?,
            Disposition::Instead(other, note) => {
                self.notes.note(*note, &excerpt(text));
                self.simple(other).await?;
            }
            Disposition::Skip(note) => self.notes.note(*note, &excerpt(text)),
            Disposition::Refuse(refusal) => {
                let what = refuse(*refusal, text);
                return Err(RestoreError::Refused { line: statement.line, what }.into());
            }
        }
        Ok(())
    }

    /// Executes a statement in the restoring role's session; what it returns is not kept.
    async fn simple(&mut self, text: &str) -> Result<(), tokio_postgres::Error> {
        let mut answers = pin!(self.session.client.simple_query_raw(text).await?);
        let mut rows = 0;
        while let Some(answer) = answers.next().await {
            if let SimpleQueryMessage::CommandComplete(count) = answer? {
                rows = count;
            }
        }
        if text.starts_with("INSERT ") {
            self.rows += rows;
        }
        Ok(())
    }

    async fn else_elevated(&mut self, text: &str) -> Result<(), tokio_postgres::Error> {
        match self.simple(text).await {
            Err(error)
                if self.transaction == Transaction::None
                    && error
                        .code()
                        .is_some_and(|it| it.code() == sqlstate::INSUFFICIENT_PRIVILEGE) =>
            {
                self.keeper.elevated.client.execute(text, &[]).await.map(drop)
            }
            other => other,
        }
    }

    /// `SET SESSION AUTHORIZATION` needs a superuser. What the dump creates until the next one
    /// belongs to that role: it is created as the restoring role, which may, and then given away.
    async fn act_as(&mut self, role: Option<&str>) -> Result<(), RestoreError> {
        if let Some(before) = self.acting_as.take() {
            self.keeper.give_all_to(&before).await?;
        }
        self.acting_as = role.map(str::to_owned);
        Ok(())
    }

    /// Who grants something is written down with it, so that is done as the role itself.
    async fn as_acting(&mut self, text: &str) -> Result<(), tokio_postgres::Error> {
        let grants = text.starts_with("GRANT ") || text.starts_with("REVOKE ");
        let Some(role) = self.acting_as.as_deref().filter(|_| grants) else {
            return self.simple(text).await;
        };
        let role = format!("SET ROLE {}", identifier(role));
        self.simple(&role).await?;
        let result = self.simple(text).await;
        self.simple("RESET ROLE").await?;
        result
    }

    /// Loads the data of one COPY.
    async fn copy(
        &mut self,
        statement: &Statement,
        table: Option<String>,
        jobs: &mut Receiver<Job>,
    ) -> Result<(), RestoreError> {
        let text = self.text(statement).await?;
        self.enter(Phase::Body)?;
        let failed = |error: &tokio_postgres::Error| sql_error(statement, &text, error);
        // The statement is in UTF-8 now, its data is in the dump's encoding.
        let prepared = self.session.client.prepare(&text).await;
        let prepared = prepared.map_err(|error| failed(&error))?;
        self.speak(Speech::Dump).await?;
        let copy = self.session.client.copy_in::<_, Bytes>(&prepared).await;
        let mut copy = pin!(copy.map_err(|error| failed(&error))?);
        let whole = self.rows(copy.as_mut(), &table, jobs).await;
        match whole {
            Some(Ok(()) | Err(_)) => {
                // After an error the end is asked for as well: it has the server's own words.
                copy.finish().await.map_err(|error| failed(&error))?;
            }
            // The reader broke off; not finishing the COPY undoes it.
            None => return Ok(()),
        }
        self.speak(Speech::Utf8).await
    }

    /// Sends rows until the data ends; `None` when the reader stops before.
    async fn rows(
        &mut self,
        mut copy: std::pin::Pin<&mut CopyInSink<Bytes>>,
        table: &Option<String>,
        jobs: &mut Receiver<Job>,
    ) -> Option<Result<(), tokio_postgres::Error>> {
        loop {
            match jobs.recv().await? {
                Job::Rows { bytes, rows } => {
                    self.rows += rows;
                    self.tell(table.as_ref());
                    if let Err(error) = copy.as_mut().feed(bytes).await {
                        return Some(Err(error));
                    }
                }
                Job::CopyEnd => return Some(Ok(())),
                Job::Statement(_) | Job::Copy { .. } => return None,
            }
        }
    }

    /// Changes the encoding of the session.
    async fn speak(&mut self, speech: Speech) -> Result<(), RestoreError> {
        let Some(name) = self.encoding.session_name() else { return Ok(()) };
        let name = match speech {
            Speech::Dump => name,
            Speech::Utf8 => "UTF8",
        };
        let sql = format!("SET client_encoding = '{name}'");
        self.session.run("changing the encoding", &sql).await
    }

    /// A statement's text in UTF-8.
    async fn text(&mut self, statement: &Statement) -> Result<String, RestoreError> {
        let bytes = &statement.text;
        let encoding = match &self.encoding {
            Encoding::Other(name) if !bytes.is_ascii() => name,
            Encoding::Utf8 | Encoding::Ascii | Encoding::Other(_) => {
                let text = std::str::from_utf8(bytes).map(str::to_owned);
                return text.map_err(|_| RestoreError::Refused {
                    line: statement.line,
                    what: "a statement whose text is not UTF-8: make the dump with \
                           pg_dump --encoding=UTF8"
                        .to_owned(),
                });
            }
        };
        let text = self.keeper.decode(bytes, encoding).await;
        text.map_err(|error| sql_error(statement, &String::from_utf8_lossy(bytes), &error))
    }

    fn forgive_or_fail(
        &mut self,
        statement: &Statement,
        text: &str,
        judgement: &Judgement,
        error: &tokio_postgres::Error,
    ) -> Result<(), RestoreError> {
        if !self.keeper.missing.is_empty() {
            // A comment on an extension that is not there: the restore is red in a moment anyway.
            return Ok(());
        }
        if let Failure::Refused(source) = failure(error)
            && let Some(known) = self.known(judgement.tolerance, &source)
        {
            self.notes.forgive(known, &excerpt(text));
            return Ok(());
        }
        Err(sql_error(statement, text, error))
    }

    fn known(
        &self,
        tolerance: Tolerance,
        error: &stopover_model::DatabaseError,
    ) -> Option<KnownError> {
        // A view that calls what was taken away from it.
        let muted = tolerance == Tolerance::UnreachableView
            && !self.keeper.muted.is_empty()
            && error.is(sqlstate::INSUFFICIENT_PRIVILEGE);
        if muted { Some(KnownError::UnreachableView) } else { KnownError::of(tolerance, error) }
    }

    /// Tells progress, now and then.
    fn tell(&mut self, table: Option<&String>) {
        if self.told.elapsed() >= PROGRESS_EVERY {
            self.told = Instant::now();
            self.sink.emit(Event::Restored {
                bytes: self.gauge.progress.bytes(),
                of: self.gauge.of,
                table: table.cloned(),
                rows: self.rows,
            });
        }
    }
}

/// What stands in a statement's way.
enum Obstacle {
    /// The server's error, which may be a known one.
    Error(tokio_postgres::Error),
    /// The restore is red.
    Red(Box<RestoreError>),
}

impl From<RestoreError> for Obstacle {
    fn from(error: RestoreError) -> Self {
        Self::Red(Box::new(error))
    }
}

impl From<tokio_postgres::Error> for Obstacle {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Error(error)
    }
}
