//! Keeps what was seen, over all sessions of a backend, and tells it at the end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use stopover_backend::{Observer, Pending, Trace};
use stopover_model::Event;
use tokio_postgres::Error;

use super::catalog::{Oid, Relation};
use super::counts::Scans;
use super::lookout::{Lookout, Neighbours, Statistics};
use super::outside::Watcher;
use super::record::{End, Record};
use super::told;
use super::tracer::Tracer;
use super::traffic::Traffic;
use crate::connect::PostgresBackend;
use crate::target::Target;

/// Keeps what the tracers of one backend's sessions saw.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(super) neighbours: Neighbours,
    /// Where sessions are looked at from outside.
    target: Target,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// When the observation began: with the first session.
    began: Option<Instant>,
    pub(super) record: Record,
    /// WAL when the next transaction was opened, where that came with the commit of the last one.
    pub(super) prepared_wal: Option<i64>,
    /// Whether statistics were asked for then.
    pub(super) sends: bool,
    /// Whether the session that was opened last can look for itself.
    pub(super) looks_within: bool,
    /// Of the session that was opened last.
    lookout: Option<Arc<Lookout>>,
    /// Readers and writers beside the migrations, where they are asked for.
    pub(super) traffic: Option<Traffic>,
    /// Whether there were any.
    stirred: bool,
    /// Looks from outside, where somebody else's sessions are observed.
    watcher: Option<Watcher>,
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
    pub(super) fn ms(&self, at: Instant) -> f64 {
        let began = self.began.unwrap_or(at);
        at.saturating_duration_since(began).as_secs_f64() * 1e3
    }
}

impl Recorder {
    pub(crate) fn new(neighbours: Neighbours, target: Target) -> Arc<Self> {
        Arc::new(Self { neighbours, target, state: Mutex::default() })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn sees(&self) -> bool {
        self.state().sight == Sight::Clear
    }

    /// The first reason counts.
    pub(super) fn lose_sight(&self, reason: &dyn std::fmt::Display) {
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
        Some(Tracer::new(Arc::clone(self), lookout, backend.clone()))
    }

    /// What is to be known when everything is over.
    async fn look_back(&self, lookout: &Lookout, oids: Vec<Oid>) -> Result<(), Error> {
        if !oids.is_empty() {
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

    pub(super) fn count(&self, statistics: &Statistics) {
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

    fn watch(&self) -> Pending<'_, ()> {
        Box::pin(async {
            match Watcher::start(PostgresBackend::new(self.target.clone())).await {
                Ok(watcher) => self.state().watcher = Some(watcher),
                Err(error) => self.lose_sight(&error),
            }
        })
    }

    fn finish(&self) -> Pending<'_, Trace> {
        Box::pin(async {
            let watcher = self.state().watcher.take();
            let watching = match watcher {
                Some(watcher) => watcher.finish().await.map(Some),
                None => Ok(None),
            };
            let watching = watching.unwrap_or_else(|reason| {
                self.lose_sight(&reason);
                None
            });
            let traffic = self.state().traffic.take();
            let waits = match traffic {
                Some(traffic) => Some(traffic.finish().await),
                None => None,
            };
            let (lookout, oids) = {
                let mut state = self.state();
                (state.lookout.take(), state.record.all_to_look_up())
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
                (Sight::Clear, _) if watching.is_some() => {
                    watching.map(told::outside).unwrap_or_default()
                }
                (Sight::Lost(reason), _) => told::broken(&record, waits.as_ref(), &reason),
                (Sight::Over, _) | (Sight::Clear, None) => Trace::default(),
                (Sight::Clear, Some(_)) => told::trace(&record, waits.as_ref()),
            }
        })
    }
}
