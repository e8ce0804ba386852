//! A folder of migrations before a database: what the cases play on.

use std::sync::Arc;
use std::time::Duration;

use stopover_backend::{Backend, FactsRequest, Stop, StopRequest};
use stopover_engine::{Applied, Ending, EngineError, Limits, Request};
use stopover_model::report::{MigrationStatus, PlanReport, StatusReport};
use stopover_model::{
    Event, Finding, History, Layout, LedgerKind, NoHistory, Policy, SourceSet, Version,
};
use stopover_planner::Selection;
use tempfile::TempDir;

use crate::Fixture;

/// A folder of migrations, a database, and how the engine is asked.
pub struct Stage<F> {
    /// The database.
    pub database: F,
    /// How drift is judged.
    pub policy: Policy,
    /// Waits and tries: short ones.
    pub limits: Limits,
    /// Which ledger is meant.
    pub facts: FactsRequest,
    /// Which of the pending migrations.
    pub selection: Selection,
    layout: Layout,
    folder: TempDir,
    history: Arc<dyn History>,
    stop: Stop,
}

impl<F: Fixture> Stage<F> {
    /// A fresh database and an empty folder.
    pub async fn new() -> Self {
        Self::of(Layout::Pairs).await
    }

    /// The same, in another layout.
    pub async fn of(layout: Layout) -> Self {
        Self {
            database: F::fresh().await,
            policy: Policy::default(),
            limits: Limits {
                lock_wait: Duration::from_secs(30),
                lock_timeout: Duration::from_secs(5),
                statement_timeout: None,
                lock_retries: 10,
            },
            facts: FactsRequest::default(),
            selection: Selection::All,
            layout,
            folder: tempfile::tempdir().expect("a temporary folder"),
            history: Arc::new(NoHistory("its folder has no history")),
            stop: Stop::never(),
        }
    }

    /// Names the ledger that is meant.
    pub fn ledger(&mut self, kind: LedgerKind) {
        self.facts.ledger.kind = Some(kind);
    }

    /// Writes a file of the source.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    /// Writes `VERSION_NAME.up.sql`.
    pub fn up(&self, stem: &str, text: &str) {
        self.write(&format!("{stem}.up.sql"), text);
    }

    /// Writes a migration that makes a table of its name, for each of `stems`.
    pub fn makes_tables(&self, stems: &[&str]) {
        for stem in stems {
            let (_, name) = stem.split_once('_').expect("VERSION_name");
            self.up(stem, &format!("CREATE TABLE {name} (id integer PRIMARY KEY, name text);\n"));
        }
    }

    /// Removes a migration's up file.
    pub fn remove(&self, stem: &str) {
        self.discard(&format!("{stem}.up.sql"));
    }

    /// Removes a file of the source.
    pub fn discard(&self, name: &str) {
        std::fs::remove_file(self.folder.path().join(name)).expect("a file");
    }

    /// A stop that can be asked for, in the place of the one before.
    pub fn stoppable(&mut self) -> StopRequest {
        let (request, stop) = Stop::channel();
        self.stop = stop;
        request
    }

    /// The source as it is now.
    pub fn source(&self) -> SourceSet {
        stopover_source::read_folder(self.folder.path(), Some(self.layout)).expect("a source")
    }

    /// The request as it is now.
    pub fn request<'a>(&'a self, source: &'a SourceSet) -> Request<'a> {
        Request {
            source,
            policy: &self.policy,
            facts: self.facts.clone(),
            selection: self.selection.clone(),
            limits: self.limits.clone(),
            history: Arc::clone(&self.history),
            gate: stopover_model::Gate::default(),
            stop: self.stop.clone(),
        }
    }

    /// Applies as whoever migrates; what was told comes too.
    pub async fn try_apply(&self) -> (Result<Applied, EngineError>, Vec<Event>) {
        self.apply_by(&self.database.backend()).await
    }

    /// Applies by a backend.
    pub async fn apply_by<B: Backend>(
        &self,
        backend: &B,
    ) -> (Result<Applied, EngineError>, Vec<Event>) {
        let mut events = Vec::new();
        let source = self.source();
        let mut sink = |event: Event| events.push(event);
        let applied = stopover_engine::apply(backend, &self.request(&source), &mut sink).await;
        (applied, events)
    }

    /// Applies as whoever migrates, and lets `hear` have each event when it is told.
    pub async fn apply_heard(
        &self,
        hear: impl FnMut(Event) + Send,
    ) -> Result<Applied, EngineError> {
        let (source, backend) = (self.source(), self.database.backend());
        let mut sink = hear;
        stopover_engine::apply(&backend, &self.request(&source), &mut sink).await
    }

    /// Applies everything, and wants it to end well.
    pub async fn apply(&self) -> Applied {
        let applied = self.try_apply().await.0.expect("an apply that begins");
        assert!(matches!(applied.ending, Ending::Complete), "{:?}", applied.ending);
        applied
    }

    /// Applies, and wants it to be refused before anything ran.
    pub async fn refused(&self) -> Vec<Finding> {
        match self.try_apply().await.0 {
            Err(EngineError::Refused(findings)) => findings,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Status, as whoever migrates.
    pub async fn status(&self) -> StatusReport {
        let (source, backend) = (self.source(), self.database.backend());
        let status = stopover_engine::status(&backend, &self.request(&source)).await;
        status.expect("a status")
    }

    /// The plan, as whoever migrates.
    pub async fn plan(&self) -> PlanReport {
        let (source, backend) = (self.source(), self.database.backend());
        let plan = stopover_engine::plan(&backend, &self.request(&source)).await;
        plan.expect("a plan")
    }

    /// The versions that the ledger has, and nothing else that is wrong.
    pub async fn applied(&self) -> Vec<i64> {
        let status = self.status().await;
        status.applied.iter().filter_map(|it| it.version.as_integer()).collect()
    }

    /// Whether there is a table of this name.
    pub async fn has(&self, table: &str) -> bool {
        self.database.tables().await.iter().any(|it| it == table)
    }
}

/// The versions with a status, as integers.
pub fn numbers(applied: &Applied, status: MigrationStatus) -> Vec<i64> {
    applied.versions(status).iter().filter_map(Version::as_integer).collect()
}

/// The codes of findings, in order.
pub fn told(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|it| it.code.as_str()).collect()
}
