//! Executes jobs over connections, in the dump's order where that matters. Knows nothing of files.
//!
//! One session keeps the order. Tables' data and what is built on it goes to a crew of others:
//! [`data`] deals it out, [`shift`] hands out work and waits for it, `order` knows what may be done
//! beside what.

mod data;
mod execute;
mod here;
mod shift;
mod tables;

use std::path::PathBuf;
use std::time::Instant;

use stopover_model::{Event, EventSink, RestorePhase, sqlstate};
use tokio::sync::mpsc::Receiver;

use super::complaint::{excerpt, sql_error};
use super::crew::Crew;
use super::encoding::Encoding;
use super::error::{Failure, RestoreError, failure};
use super::keeper::Keeper;
use super::notes::{KnownError, Notes};
use super::order::{Place, place_of};
use super::policy::{Judgement, Phase, Tolerance, judge};
use super::reader::{Job, Statement};
use super::session::Session;
use crate::backup::Progress;
use data::Data;
use execute::Obstacle;
use shift::{PROGRESS_EVERY, Tasks};

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
    /// Its sessions that work beside it.
    pub(super) crew: Crew,
    pub(super) keeper: Keeper,
    pub(super) notes: Notes,
    pub(super) rows: u64,
    pub(super) sink: &'a mut dyn EventSink,
    gauge: Gauge,
    told: Instant,
    stage: Stage,
    phase: Phase,
    encoding: Encoding,
    transaction: Transaction,
    /// The role of the last `SET SESSION AUTHORIZATION`.
    acting_as: Option<String>,
    data: Data,
    tasks: Tasks,
}

/// What people are told that the restore is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Data,
    Tasks,
}

/// Whether the dump has opened a transaction: what is uncommitted there, no other session can see.
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
        (session, crew, spool): (Session, Crew, Option<PathBuf>),
        keeper: Keeper,
        encoding: Encoding,
        gauge: Gauge,
        sink: &'a mut dyn EventSink,
    ) -> Self {
        Self {
            session,
            crew,
            keeper,
            notes: Notes::default(),
            rows: 0,
            sink,
            gauge,
            told: Instant::now(),
            stage: Stage::Data,
            phase: Phase::Prologue,
            encoding,
            transaction: Transaction::None,
            acting_as: None,
            data: Data::new(spool.as_deref()),
            tasks: Tasks::default(),
        }
    }

    /// Executes all jobs. Where they end early, the reader says why.
    pub(super) async fn run(&mut self, jobs: &mut Receiver<Job>) -> Result<(), RestoreError> {
        while let Some(job) = self.next_job(jobs, None).await? {
            match job {
                Job::Statement(statement) => self.statement(statement).await?,
                Job::Copy { statement, table, format } => {
                    let text = self.text(&statement).await?;
                    self.enter(Phase::Body)?;
                    match self.load_of(&statement, &text, format).await? {
                        Some(load) => self.deal(load, table, jobs).await?,
                        None => self.copy_here(&statement, &text, table, jobs).await?,
                    }
                }
                // The splitter gives data only behind a COPY, which takes it all.
                Job::Rows { .. } | Job::CopyEnd => {}
            }
        }
        self.settle().await?;
        self.act_as(None).await?;
        self.require_extensions()
    }

    async fn statement(&mut self, statement: Statement) -> Result<(), RestoreError> {
        let text = self.text(&statement).await?;
        let judgement = judge(&text, statement.strings, self.phase);
        let judgement = self.keeper.footing.adapt(judgement);
        self.enter(judgement.phase)?;
        let place = self.take_place(&text, &judgement).await?;
        if let Place::Beside(task) = place {
            return self.add_task(task, statement, text).await;
        }
        for role in &judgement.roles {
            self.keeper.ensure_role(role).await?;
        }
        self.follow(&text);
        self.tell(None);
        match self.execute(&statement, &text, &judgement).await {
            Ok(()) => {
                if let Place::Setting(name) = place {
                    self.crew.learn(name, text);
                }
                Ok(())
            }
            Err(Obstacle::Error(error)) => {
                self.forgive_or_fail(&statement, &text, &judgement, &error)
            }
            Err(Obstacle::Red(error)) => Err(*error),
        }
    }

    /// The place of a statement among the others; what must be done before it is done.
    async fn take_place(
        &mut self,
        text: &str,
        judgement: &Judgement,
    ) -> Result<Place, RestoreError> {
        if !self.crew.is_available() {
            return Ok(Place::Alone);
        }
        let place = match place_of(text, judgement) {
            Place::Beside(_) if self.transaction == Transaction::Open => Place::Alone,
            Place::Beside(task) if !self.known(&task).await? => Place::Alone,
            place => place,
        };
        match &place {
            Place::Beside(_) | Place::Aside => return Ok(place),
            Place::Setting(name) if !self.crew.changes(name, text) => return Ok(place),
            _ => self.settle().await?,
        }
        match place {
            Place::Unforeseen => self.crew.give_up(),
            _ => self.tasks.forget_families(text),
        }
        Ok(place)
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
            && let Some(known) = self.known_error(judgement.tolerance, &source)
        {
            self.notes.forgive(known, &excerpt(text));
            return Ok(());
        }
        Err(sql_error(statement, text, error))
    }

    fn known_error(
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

    /// Tells people when the restore is busy with something else.
    fn enter_stage(&mut self, stage: Stage) {
        if self.stage != stage {
            self.stage = stage;
            self.sink.emit(Event::Phase(match stage {
                Stage::Data => RestorePhase::Restoring,
                Stage::Tasks => RestorePhase::Indexing,
            }));
        }
    }

    /// Tells progress, now and then.
    fn tell(&mut self, table: Option<&String>) {
        if self.stage == Stage::Data && self.told.elapsed() >= PROGRESS_EVERY {
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
