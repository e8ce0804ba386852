//! Observes one session: looks before, during and after its statements.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stopover_backend::BackendError;
use stopover_model::PlannedStatement;
use stopover_sql::TransactionControl;
use tokio_postgres::{Error, SimpleQueryRow};

use super::catalog::{Oid, Relation};
use super::lookout::{self, Lookout, Pace, Statistics};
use super::record::{End, Ended, Outcome, Seen};
use super::recorder::Recorder;
use super::traffic::Traffic;
use super::within;
use crate::connect::PostgresBackend;
use crate::lock::number;
use crate::session::{PostgresSession, text, truth};

/// How long a statement waits for the traffic on its tables.
const STARTING: Duration = Duration::from_secs(2);

impl PostgresSession {
    /// Attaches a tracer; none where nothing can be seen, which the recorder tells at the end.
    pub(crate) async fn observe(
        &mut self,
        backend: &PostgresBackend,
        recorder: &Arc<Recorder>,
    ) -> Result<(), BackendError> {
        let ability = within::ability(recorder.neighbours);
        let sets = self.rows(&format!("SELECT pg_catalog.pg_backend_pid(), {ability}")).await?;
        let row = sets.first().and_then(|rows| rows.first());
        if let Some(process) = row.and_then(|row| number(row, 0)) {
            recorder.state().looks_within = row.is_some_and(|row| truth(row, 1));
            self.tracer = recorder.attach(backend, process).await;
        }
        Ok(())
    }
}

/// Observes one session.
#[derive(Clone)]
pub(crate) struct Tracer {
    pub(super) recorder: Arc<Recorder>,
    pub(super) lookout: Arc<Lookout>,
    backend: PostgresBackend,
}

impl Tracer {
    pub(super) const fn new(
        recorder: Arc<Recorder>,
        lookout: Arc<Lookout>,
        backend: PostgresBackend,
    ) -> Self {
        Self { recorder, lookout, backend }
    }

    /// What is to be asked in the session just before its BEGIN, by itself: how much WAL there is;
    /// and statistics are to be sent on at once, which the server would keep for a second.
    /// That takes its time, and is left out where `behind` what was done there is nothing to count.
    pub(crate) fn observation(&self, major: u32, behind: &[PlannedStatement]) -> String {
        let wal = lookout::wal(self.recorder.neighbours);
        let mut state = self.recorder.state();
        state.sends = behind.is_empty() || behind.iter().any(|it| state.record.may_count(it));
        let flush = if state.sends && major >= lookout::STATISTICS_AT_ONCE {
            "pg_catalog.pg_stat_force_next_flush()"
        } else {
            "NULL"
        };
        format!("SELECT {wal}, {flush}")
    }

    /// The answer to that; a transaction is opened behind it.
    pub(crate) fn prepared(&self, answer: Option<&SimpleQueryRow>) {
        let wal = answer.and_then(|row| text(row, 0)).and_then(|it| it.parse().ok());
        self.recorder.state().prepared_wal = wal;
    }

    /// The transaction that was opened begins its work: nothing came in between. Gives whether the
    /// session can look for itself in it.
    pub(crate) fn begun(&self) -> bool {
        let mut state = self.recorder.state();
        if self.lookout.sends_statistics && state.sends {
            state.record.sent_statistics();
        }
        let wal = state.prepared_wal.take();
        state.record.begin(&Seen { wal, ..Seen::default() });
        state.looks_within && state.traffic.is_none()
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
        if within::may_revoke(statement) {
            self.recorder.state().looks_within = false;
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
        let (answer, looked) = self.watched(at, began, Duration::ZERO, running).await;
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
    /// sent, or the statement. A look counts if the statement has not ended `late` behind it.
    pub(super) async fn watched<T>(
        &self,
        at: usize,
        began: Instant,
        late: Duration,
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
            let (came, seen) = tokio::select! {
                biased;
                // A look that is in flight then shows the statement, or its end: nobody knows.
                answer = &mut running => return (answer, looked),
                believed = self.believed(late) => believed,
            };
            match seen {
                Ok(seen) => {
                    let mut state = self.recorder.state();
                    let (from, to) = (state.ms(looked), state.ms(came));
                    state.record.sample(at, &seen, from, to);
                    looked = sent;
                }
                Err(error) => {
                    self.recorder.lose_sight(&error);
                    return (running.await, looked);
                }
            }
            pace.looked(came - sent, began.elapsed());
        }
    }

    /// A look that is worth something a moment later, and when it came.
    async fn believed(&self, late: Duration) -> (Instant, Result<Seen, Error>) {
        let seen = self.lookout.look().await;
        let came = Instant::now();
        if !late.is_zero() {
            tokio::time::sleep(late).await;
        }
        (came, seen)
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

    /// Asks everything that is to be known now, at once.
    async fn look_around(&self) -> Result<Seen, Error> {
        let (_, seen) = tokio::try_join!(self.look_up(), self.lookout.look())?;
        self.count_alone(&seen);
        Ok(seen)
    }

    /// What the transactions before have changed and read, as far as a look does not show it.
    pub(super) async fn look_up(&self) -> Result<(), Error> {
        let (oids, tables) = {
            let record = &self.recorder.state().record;
            (record.to_look_up().unwrap_or_default(), record.statistics_due().unwrap_or_default())
        };
        let resolving = async {
            if oids.is_empty() { Ok(None) } else { self.lookout.resolve(&oids).await.map(Some) }
        };
        let counting = async {
            if tables.is_empty() {
                Ok(None)
            } else {
                self.lookout.statistics(&tables).await.map(Some)
            }
        };
        let (found, counted) = tokio::try_join!(resolving, counting)?;
        if let Some(found) = found {
            self.recorder.state().record.looked_up(found);
        }
        if let Some(counted) = counted {
            self.recorder.count(&counted);
        }
        Ok(())
    }

    /// What a look shows of the statistics is enough where no table could have been read.
    pub(super) fn count_alone(&self, seen: &Seen) {
        let is_due = self.recorder.state().record.statistics_due().is_some();
        if is_due {
            self.recorder.count(&Statistics { temp: seen.temp, scans: Vec::new() });
        }
    }

    /// One look, and what is to be looked up besides; `None` where nothing is seen any more.
    pub(super) async fn look(&self) -> Option<Seen> {
        if !self.recorder.sees() {
            return None;
        }
        let looked = self.look_around().await;
        let mut seen = looked.inspect_err(|error| self.recorder.lose_sight(error)).ok()?;
        // A reader's cleaning up is WAL, too.
        if self.recorder.state().traffic.is_some() {
            seen.wal = None;
        }
        Some(seen)
    }
}

/// Whether a refused statement had begun its work: it met data that it does not fit.
pub(super) fn refusal(error: &BackendError) -> Outcome {
    let is_of_data = |it: &stopover_model::DatabaseError| {
        it.sqlstate.as_deref().is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
    };
    if error.refused().is_some_and(is_of_data) { Outcome::Failed } else { Outcome::Refused }
}
