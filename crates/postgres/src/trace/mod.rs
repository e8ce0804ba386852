//! The trace of a rehearsal: what the migrations lock, rewrite and write, and for how long.
//!
//! A backend that was told to trace attaches a [`Tracer`] to each session that it opens. The
//! tracer looks at the server from a second connection ([`lookout`]): when a transaction begins,
//! after each statement, and in the middle of those that take long. What the looks show goes into
//! the [`record`], which the [`Recorder`] tells at the end ([`told`]). The session itself sends
//! the same as it would untraced.
//!
//! A trace that breaks off (the second connection is lost, or refused) keeps no migration from
//! running: what was not seen is not told, and a finding says so.

mod catalog;
mod held;
mod lookout;
mod record;
mod told;
mod traffic;
mod transaction;

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use stopover_backend::{BackendError, Observer, Pending, Trace};
use stopover_model::{Event, PlannedStatement};
use stopover_sql::TransactionControl;
use tokio_postgres::{Error, SimpleQueryRow};

use crate::connect::PostgresBackend;
use crate::lock::number;
use crate::session::{PostgresSession, text};
use catalog::{Oid, Relation};
pub use lookout::Neighbours;
use lookout::{Lookout, Pace, Statistics};
pub(crate) use record::End;
use record::{Ended, Outcome, Record, Scans, Seen};
use traffic::Traffic;

/// How long a statement waits for the traffic on its tables.
const STARTING: Duration = Duration::from_secs(2);

/// Keeps what the tracers of one backend's sessions saw.
#[derive(Debug)]
pub(crate) struct Recorder {
    neighbours: Neighbours,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the observation began: with the first session.
    began: Option<Instant>,
    record: Record,
    /// Of the session that was opened last.
    lookout: Option<Arc<Lookout>>,
    /// Readers and writers beside the migrations, where they are asked for.
    traffic: Option<Traffic>,
    /// Whether there were any.
    stirred: bool,
    sight: Sight,
}

/// Whether anything is seen.
#[derive(Debug, Default, PartialEq, Eq)]
enum Sight {
    #[default]
    Clear,
    /// Not any more, and why.
    Lost(String),
    /// It was told already.
    Over,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("sight", &self.sight).finish_non_exhaustive()
    }
}

impl State {
    /// Milliseconds since the observation began.
    fn ms(&self, at: Instant) -> f64 {
        let began = self.began.unwrap_or(at);
        at.saturating_duration_since(began).as_secs_f64() * 1e3
    }
}

impl Recorder {
    pub(crate) fn new(neighbours: Neighbours) -> Arc<Self> {
        Arc::new(Self { neighbours, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sees(&self) -> bool {
        self.state().sight == Sight::Clear
    }

    /// The first reason counts.
    fn lose_sight(&self, reason: &dyn std::fmt::Display) {
        tracing::debug!("the trace breaks off: {reason}");
        let mut state = self.state();
        if state.sight == Sight::Clear {
            state.sight = Sight::Lost(reason.to_string());
        }
    }

    /// A tracer for the session of the process `process`; `None` where nothing can be seen.
    pub(crate) async fn attach(
        self: &Arc<Self>,
        backend: &PostgresBackend,
        process: i32,
    ) -> Option<Tracer> {
        if !self.sees() {
            return None;
        }
        let lookout = match Lookout::open(backend, process, self.neighbours).await {
            Ok(lookout) => Arc::new(lookout),
            Err(error) => {
                self.lose_sight(&error);
                return None;
            }
        };
        if self.state().began.is_none() {
            match tokio::try_join!(lookout.baseline(), lookout.statistics(&[])) {
                Ok((relations, statistics)) => self.begin(relations, &statistics),
                Err(error) => {
                    self.lose_sight(&error);
                    return None;
                }
            }
        }
        {
            let mut state = self.state();
            // What a session that was lost had open is closed.
            let at = state.ms(Instant::now());
            state.record.end_transaction(End::RolledBack, at);
            state.lookout = Some(Arc::clone(&lookout));
        }
        Some(Tracer { recorder: Arc::clone(self), lookout, backend: backend.clone() })
    }

    /// What is to be known when everything is over.
    async fn look_back(&self, lookout: &Lookout, oids: Option<Vec<Oid>>) -> Result<(), Error> {
        if let Some(oids) = oids {
            let found = lookout.resolve(&oids).await?;
            self.state().record.looked_up(found);
        }
        if lookout.sends_statistics && lookout.outlives().await {
            self.state().record.sent_statistics();
            let due = self.state().record.statistics_due();
            if let Some(tables) = due {
                let statistics = lookout.statistics(&tables).await?;
                self.count(&statistics);
            }
        }
        Ok(())
    }

    fn count(&self, statistics: &Statistics) {
        let mut state = self.state();
        // Readers beside the migrations are counted as well.
        let scans = if state.stirred { Scans::OfOthersToo } else { Scans::Own };
        state.record.count(statistics, scans);
    }

    fn begin(&self, relations: Vec<(Oid, Relation)>, statistics: &Statistics) {
        let mut state = self.state();
        state.began = Some(Instant::now());
        for (oid, relation) in relations {
            state.record.catalog.take(oid, relation);
        }
        state.record.count(statistics, Scans::OfOthersToo);
    }
}

impl Observer for Recorder {
    fn hear(&self, event: &Event) {
        if let Event::StatementStarted { version, index, .. } = event {
            self.state().record.next = Some((version.clone(), *index));
        }
    }

    fn stir(&self, per_second: u32) {
        let mut state = self.state();
        state.stirred = true;
        state.traffic = Some(Traffic::new(per_second));
    }

    fn finish(&self) -> Pending<'_, Trace> {
        Box::pin(async {
            let traffic = self.state().traffic.take();
            let waits = match traffic {
                Some(traffic) => Some(traffic.finish().await),
                None => None,
            };
            let (lookout, oids) = {
                let mut state = self.state();
                (state.lookout.take(), state.record.to_look_up())
            };
            if let (true, Some(lookout)) = (self.sees(), lookout)
                && let Err(error) = self.look_back(&lookout, oids).await
            {
                self.lose_sight(&error);
            }
            let mut state = self.state();
            let sight = std::mem::replace(&mut state.sight, Sight::Over);
            let record = std::mem::take(&mut state.record);
            match (sight, state.began) {
                (Sight::Lost(reason), _) => told::broken(&record, waits.as_ref(), &reason),
                (Sight::Over, _) | (Sight::Clear, None) => Trace::default(),
                (Sight::Clear, Some(_)) => told::trace(&record, waits.as_ref()),
            }
        })
    }
}

impl PostgresSession {
    /// Attaches a tracer; none where nothing can be seen, which the recorder tells at the end.
    pub(crate) async fn observe(
        &mut self,
        backend: &PostgresBackend,
        recorder: &Arc<Recorder>,
    ) -> Result<(), BackendError> {
        let sets = self.rows("SELECT pg_catalog.pg_backend_pid()").await?;
        let process = sets.first().and_then(|rows| rows.first()).and_then(|row| number(row, 0));
        if let Some(process) = process {
            self.tracer = recorder.attach(backend, process).await;
        }
        Ok(())
    }
}

/// Observes one session.
#[derive(Clone)]
pub(crate) struct Tracer {
    recorder: Arc<Recorder>,
    lookout: Arc<Lookout>,
    backend: PostgresBackend,
}

impl Tracer {
    /// What is to be asked in the session just before its BEGIN, by itself: how much WAL there is;
    /// and statistics are to be sent on at once, which the server would keep for a second.
    pub(crate) fn observation(&self, major: u32) -> String {
        let wal = lookout::wal(self.recorder.neighbours);
        let flush = if major >= lookout::STATISTICS_AT_ONCE {
            "pg_catalog.pg_stat_force_next_flush()"
        } else {
            "NULL"
        };
        format!("SELECT {wal}, {flush}")
    }

    /// The answer to that; the transaction begins.
    pub(crate) fn begun(&self, answer: Option<&SimpleQueryRow>) {
        let wal = answer.and_then(|row| text(row, 0)).and_then(|it| it.parse().ok());
        let mut state = self.recorder.state();
        if self.lookout.sends_statistics {
            state.record.sent_statistics();
        }
        state.record.begin(&Seen { wal, ..Seen::default() });
    }

    /// To be waited for beside the BEGIN itself, which takes no lock and writes nothing.
    pub(crate) async fn begin(&self) {
        if let Some(seen) = self.look().await {
            self.recorder.state().record.begin(&seen);
        }
    }

    /// The transaction has ended.
    pub(crate) fn end(&self, end: End) {
        let mut state = self.recorder.state();
        let at = state.ms(Instant::now());
        state.record.end_transaction(end, at);
    }

    /// Runs a statement, and looks at what it holds: in the middle where it takes long, and
    /// afterwards.
    pub(crate) async fn during<T>(
        &self,
        statement: &PlannedStatement,
        running: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        if !self.recorder.sees() {
            return running.await;
        }
        self.stir(statement).await;
        let surrounded = self.recorder.state().record.is_in_transaction();
        if !surrounded && let Some(seen) = self.look().await {
            self.recorder.state().record.before(&seen);
        }
        let began = Instant::now();
        let at = {
            let mut state = self.recorder.state();
            let from = state.ms(began);
            state.record.start(statement, from)
        };
        let (answer, looked) = self.watched(at, began, running).await;
        let ended = Instant::now();
        let outcome = match &answer {
            Ok(_) => Outcome::Done,
            Err(error) => refusal(error),
        };
        let Some(seen) = self.look().await else { return answer };
        {
            let mut state = self.recorder.state();
            let ended = Ended { looked: state.ms(looked), at: state.ms(ended), outcome };
            state.record.end(at, &seen, ended);
        }
        if outcome == Outcome::Done {
            self.control(statement, &seen, ended);
            if !surrounded && !self.recorder.state().record.is_in_transaction() {
                self.settle_alone(statement, at).await;
            }
        }
        answer
    }

    /// Sees to it that there is traffic on the tables that the statement names, where there is to
    /// be any.
    pub(crate) async fn stir(&self, statement: &PlannedStatement) {
        let lacking: Vec<(Oid, Relation)> = {
            let state = self.recorder.state();
            let Some(traffic) = &state.traffic else { return };
            let named = state.record.named_tables(statement).into_iter();
            // A lock that the transaction holds already would keep the first query waiting.
            let free = |table: Oid| traffic.lacks(table) && !state.record.is_shut(table);
            named.filter(|it| free(it.0)).collect()
        };
        for (table, relation) in lacking {
            let Some(starter) = self.recorder.state().traffic.as_ref().map(Traffic::starter) else {
                return;
            };
            let starting = starter.start(&self.backend, &relation);
            let pair = tokio::time::timeout(STARTING, starting).await.ok().flatten();
            if let Some(traffic) = &mut self.recorder.state().traffic {
                traffic.started(table, pair);
            }
        }
    }

    /// Waits for the statement's end, and looks at it meanwhile. Gives when the last look was
    /// sent, or the statement.
    async fn watched<T>(
        &self,
        at: usize,
        began: Instant,
        running: impl Future<Output = T>,
    ) -> (T, Instant) {
        let mut running = pin!(running);
        let mut pace = Pace::new();
        let mut looked = began;
        loop {
            tokio::select! {
                biased;
                answer = &mut running => return (answer, looked),
                () = tokio::time::sleep(pace.pause()) => {}
            }
            let sent = Instant::now();
            tokio::select! {
                biased;
                // A look that is in flight then shows the statement, or its end: nobody knows.
                answer = &mut running => return (answer, looked),
                seen = self.lookout.look() => match seen {
                    Ok(seen) => {
                        let mut state = self.recorder.state();
                        let (from, to) = (state.ms(looked), state.ms(Instant::now()));
                        state.record.sample(at, &seen, from, to);
                        looked = sent;
                    }
                    Err(error) => {
                        self.recorder.lose_sight(&error);
                        return (running.await, looked);
                    }
                },
            }
            pace.looked(sent.elapsed(), began.elapsed());
        }
    }

    /// A script's own BEGIN and COMMIT.
    fn control(&self, statement: &PlannedStatement, seen: &Seen, ended: Instant) {
        let control = match statement.tag.as_str() {
            "BEGIN" | "START TRANSACTION" | "COMMIT" | "ROLLBACK" | "PREPARE TRANSACTION" => {
                stopover_sql::classify(&statement.text).control
            }
            _ => return,
        };
        let mut state = self.recorder.state();
        let at = state.ms(ended);
        let end = match control {
            Some(TransactionControl::Begin) => return state.record.begin(seen),
            Some(TransactionControl::Commit) => End::Committed,
            Some(TransactionControl::Rollback | TransactionControl::PrepareTransaction) => {
                End::RolledBack
            }
            _ => return,
        };
        state.record.end_transaction(end, at);
        if statement.chains() {
            state.record.begin(seen);
        }
    }

    /// What a statement changed that no transaction surrounded.
    async fn settle_alone(&self, statement: &PlannedStatement, at: usize) {
        let changes = !statement.is_session_setting();
        let found = if changes { self.lookout.everything().await } else { Ok(Vec::new()) };
        match found {
            Ok(found) => self.recorder.state().record.settle_alone(at, found),
            Err(error) => self.recorder.lose_sight(&error),
        }
    }

    /// What the server counted for the statements whose statistics it has by now.
    async fn count(&self) {
        let due = self.recorder.state().record.statistics_due();
        let Some(tables) = due else { return };
        match self.lookout.statistics(&tables).await {
            Ok(statistics) => self.recorder.count(&statistics),
            Err(error) => self.recorder.lose_sight(&error),
        }
    }

    /// One look, and what is to be looked up besides; `None` where nothing is seen any more.
    async fn look(&self) -> Option<Seen> {
        if !self.recorder.sees() {
            return None;
        }
        let oids = self.recorder.state().record.to_look_up();
        self.count().await;
        let looked: Result<Seen, Error> = match oids {
            None => self.lookout.look().await,
            Some(oids) => {
                let (found, seen) = tokio::join!(self.lookout.resolve(&oids), self.lookout.look());
                found.and_then(|found| {
                    self.recorder.state().record.looked_up(found);
                    seen
                })
            }
        };
        let mut seen = looked.inspect_err(|error| self.recorder.lose_sight(error)).ok()?;
        // A reader's cleaning up is WAL, too.
        if self.recorder.state().traffic.is_some() {
            seen.wal = None;
        }
        Some(seen)
    }
}

/// Whether a refused statement had begun its work: it met data that it does not fit.
fn refusal(error: &BackendError) -> Outcome {
    let is_of_data = |it: &stopover_model::DatabaseError| {
        it.sqlstate.as_deref().is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
    };
    if error.refused().is_some_and(is_of_data) { Outcome::Failed } else { Outcome::Refused }
}
