//! The sessions that work beside the one that keeps the dump's order: they load tables' data,
//! build indexes and check constraints, all as the restoring role.
//!
//! What may be done beside what is not decided here.

mod feed;
mod lines;
mod load;
mod spool;
mod threads;

pub(super) use feed::{Block, BlockData, BlockEnd, Feed};
pub(super) use load::{Frozen, Load, Role};
pub(super) use spool::{Spool, SpoolFile};

use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio_postgres::Config;
use tokio_postgres::error::SqlState;

use super::complaint::sql_error;
use super::error::RestoreError;
use super::order::TaskId;
use super::reader::Statement;
use super::session::Session;
use threads::Threads;

/// Index builds and checks of foreign keys are faster with little memory: sorting stays in the
/// processor's cache, and the check of a key reads the index instead of hashing a table. Measured
/// with 16, 32, 64, 512 and 1024 MB; with this little no build starts workers of its own, for
/// which no core is left.
const MEMORY: &str = "SET maintenance_work_mem = '32MB'";

/// Most sessions that are opened, however many cores there are: the reader does not feed more.
const MOST: usize = 16;

/// The sessions, idle or at work.
#[derive(Debug)]
pub(super) struct Crew {
    config: Config,
    limit: usize,
    hired: usize,
    idle: Vec<Worker>,
    running: JoinSet<(Worker, Finished)>,
    threads: Threads,
    /// Settings of the dump, by name: what each session must have.
    settings: Vec<(String, String)>,
    trust: Trust,
}

/// Whether the dump is one whose statements are all known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Known,
    Unforeseen,
}

#[derive(Debug)]
struct Worker {
    session: Session,
    seat: usize,
    settings: usize,
}

/// Something to do.
#[derive(Debug)]
pub(super) enum Work {
    /// Load a table's data, or a part of it.
    Load(Arc<Load>, Role),
    /// Execute a statement.
    Task(Duty),
    /// Gather the statistics of a table: its name, quoted.
    Analyze(String),
}

/// A statement behind the data.
#[derive(Debug)]
pub(super) struct Duty {
    pub(super) statement: Statement,
    pub(super) text: String,
}

/// Work that ended.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) work: Work,
    pub(super) id: Option<TaskId>,
    pub(super) result: Result<(), RestoreError>,
}

/// A session that has nothing to do.
#[derive(Debug)]
pub(super) struct Vacancy(Worker);

impl Crew {
    /// Sessions of this configuration, at most so many, or one for each core; none is opened yet.
    pub(super) fn new(config: Config, sessions: Option<usize>) -> Self {
        let cores = || thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            config,
            limit: sessions.unwrap_or_else(cores).clamp(1, MOST),
            hired: 0,
            idle: Vec::new(),
            running: JoinSet::new(),
            threads: Threads::default(),
            settings: Vec::new(),
            trust: Trust::Known,
        }
    }

    /// Whether there is any use in handing out work.
    pub(super) fn is_available(&self) -> bool {
        self.trust == Trust::Known && self.limit > 0
    }

    /// A statement may have changed its session in a way that the others cannot follow.
    pub(super) fn give_up(&mut self) {
        self.trust = Trust::Unforeseen;
    }

    /// A session that is free, opened where there may be more. One that cannot be opened is done
    /// without.
    pub(super) async fn vacancy(&mut self) -> Option<Vacancy> {
        if let Some(worker) = self.idle.pop() {
            return Some(Vacancy(worker));
        }
        if self.running.len() >= self.limit {
            return None;
        }
        match self.hire().await {
            Ok(worker) => Some(Vacancy(worker)),
            Err(_) => {
                self.limit = self.running.len();
                None
            }
        }
    }

    /// Whether there may be a vacancy.
    pub(super) fn has_room(&self) -> bool {
        self.running.len() < self.limit
    }

    /// Whether so many are free that nobody would miss one.
    pub(super) fn is_half_idle(&self) -> bool {
        self.limit >= 4 && self.running.len() * 2 <= self.limit
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.running.is_empty()
    }

    /// Notes a setting; true when sessions that are at work have another one.
    pub(super) fn changes(&self, name: &str, text: &str) -> bool {
        let known = self.settings.iter().rev().find(|(known, _)| known == name);
        known.is_none_or(|(_, known)| known != text)
    }

    /// Notes a setting that the first session has now.
    pub(super) fn learn(&mut self, name: String, text: String) {
        if self.changes(&name, &text) {
            self.settings.push((name, text));
        }
    }

    /// Hands out work.
    pub(super) fn run(&mut self, vacancy: Vacancy, work: Work, id: Option<TaskId>) {
        let Vacancy(mut worker) = vacancy;
        let settings = self.settings.get(worker.settings..).unwrap_or_default();
        let settings: Vec<String> = settings.iter().map(|(_, text)| text.clone()).collect();
        worker.settings = self.settings.len();
        let working = async move {
            let result = worker.work(&work, settings).await;
            (worker, Finished { work, id, result })
        };
        match self.threads.handle() {
            Some(threads) => self.running.spawn_on(working, threads),
            None => self.running.spawn(working),
        };
    }

    /// Takes back a vacancy that nobody needed.
    pub(super) fn give_back(&mut self, vacancy: Vacancy) {
        self.idle.push(vacancy.0);
    }

    /// Makes sure that there is one session; without any, all is done by the first one.
    pub(super) async fn open(&mut self) {
        if self.hired == 0 && self.is_available() {
            match self.hire().await {
                Ok(worker) => self.idle.push(worker),
                Err(_) => self.limit = 0,
            }
        }
    }

    async fn hire(&mut self) -> Result<Worker, RestoreError> {
        self.threads.begin(self.limit);
        let config = self.config.clone();
        let opening = async move {
            let session = Session::open(&config).await?;
            session.run("preparing a session", MEMORY).await?;
            Ok(session)
        };
        let session = match self.threads.handle() {
            Some(threads) => threads.spawn(opening).await.map_err(broken_off)?,
            None => opening.await,
        }?;
        self.hired += 1;
        Ok(Worker { session, seat: self.hired, settings: 0 })
    }

    /// Waits for the next work that ends; `None` when nothing is being done.
    pub(super) async fn next(&mut self) -> Option<Result<Finished, RestoreError>> {
        let done = self.running.join_next().await?;
        Some(self.take_back(done))
    }

    fn take_back(
        &mut self,
        done: Result<(Worker, Finished), JoinError>,
    ) -> Result<Finished, RestoreError> {
        match done {
            Ok((worker, finished)) => {
                self.idle.push(worker);
                Ok(finished)
            }
            Err(error) => Err(broken_off(error)),
        }
    }

    /// Work that has ended already.
    pub(super) fn ended(&mut self) -> Option<Result<Finished, RestoreError>> {
        self.running.try_join_next().map(|done| self.take_back(done))
    }

    /// Ends all sessions, and waits until the server's side knows.
    pub(super) async fn close(mut self) {
        self.running.abort_all();
        for worker in self.idle.drain(..) {
            worker.session.close().await;
        }
    }
}

fn broken_off(error: JoinError) -> RestoreError {
    let what = "what a session was doing broke off".to_owned();
    RestoreError::Io { what, source: error.into() }
}

impl Worker {
    async fn work(&self, work: &Work, settings: Vec<String>) -> Result<(), RestoreError> {
        for setting in settings {
            self.session.run("taking over a setting of the dump", &setting).await?;
        }
        match work {
            Work::Load(load, role) => load::load(&self.session, self.seat, load, *role).await,
            Work::Task(duty) => self.execute(duty).await,
            Work::Analyze(table) => {
                let sql = format!("ANALYZE {table}");
                self.session.run("gathering statistics", &sql).await
            }
        }
    }

    /// A deadlock with another task is nobody's fault but ours: it is tried again.
    async fn execute(&self, Duty { statement, text }: &Duty) -> Result<(), RestoreError> {
        let mut pauses = [10, 100, 1_000].into_iter();
        loop {
            let Err(error) = self.session.client.batch_execute(text).await else { return Ok(()) };
            let deadlock = error.code() == Some(&SqlState::T_R_DEADLOCK_DETECTED);
            match pauses.next().filter(|_| deadlock) {
                Some(pause) => tokio::time::sleep(Duration::from_millis(pause)).await,
                None => return Err(sql_error(statement, text, &error)),
            }
        }
    }
}
