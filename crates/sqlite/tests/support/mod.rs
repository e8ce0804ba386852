//! A folder with migrations and, perhaps, a database.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use stopover_backend::{FactsRequest, Stop};
use stopover_engine::{Applied, EngineError, Limits, Request};
use stopover_model::report::{PlanReport, StatusReport};
use stopover_model::{EmptyLedger, NoHistory, Policy, Silent, SourceSet};
use stopover_planner::Selection;
use stopover_sqlite::{SqliteBackend, Target};
use tempfile::TempDir;

/// A database with tables and no ledger is taken as it is.
pub(crate) const ALLOW: EmptyLedger = EmptyLedger::Allow;

/// A test's own folder.
pub(crate) struct Folder {
    path: PathBuf,
    /// `None` where it is another process's to remove.
    _owned: Option<TempDir>,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("migrations")).expect("a folder");
        Self { path: folder.path().to_owned(), _owned: Some(folder) }
    }

    /// A folder that another process made.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path, _owned: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path().join("app.db")
    }

    pub(crate) fn migrations(&self) -> PathBuf {
        self.path().join("migrations")
    }

    pub(crate) fn migration(&self, name: &str, text: &str) {
        std::fs::write(self.migrations().join(name), text).expect("a migration");
    }

    pub(crate) fn source(&self) -> SourceSet {
        stopover_source::read_folder(&self.migrations(), Some(stopover_model::Layout::Pairs))
            .expect("a source")
    }

    /// The names of the files, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("a folder");
        let mut names: Vec<String> = entries
            .map(|it| it.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn run(&self, sql: &str) {
        let connection = Connection::open(self.database()).expect("the database");
        connection.execute_batch(sql).expect("statements");
    }

    /// The first value of a query's first row, as text.
    pub(crate) fn value(&self, sql: &str) -> String {
        let connection = Connection::open(self.database()).expect("the database");
        let value: rusqlite::types::Value =
            connection.query_row(sql, [], |row| row.get(0)).expect("a row");
        match value {
            rusqlite::types::Value::Null => "NULL".to_owned(),
            rusqlite::types::Value::Integer(it) => it.to_string(),
            rusqlite::types::Value::Real(it) => it.to_string(),
            rusqlite::types::Value::Text(it) => it,
            rusqlite::types::Value::Blob(it) => format!("{} bytes", it.len()),
        }
    }

    pub(crate) fn backend(&self) -> SqliteBackend {
        SqliteBackend::new(Target::file(self.database()))
    }
}

/// What can be asked differently.
pub(crate) struct Asked {
    pub(crate) policy: Policy,
    pub(crate) limits: Limits,
    pub(crate) facts: FactsRequest,
    pub(crate) stop: Stop,
}

impl Asked {
    pub(crate) fn usual() -> Self {
        Self {
            policy: Policy::default(),
            limits: Limits::default(),
            facts: FactsRequest::default(),
            stop: Stop::never(),
        }
    }

    pub(crate) fn of<'a>(&'a self, source: &'a SourceSet) -> Request<'a> {
        Request {
            source,
            policy: &self.policy,
            facts: self.facts.clone(),
            selection: Selection::All,
            limits: self.limits.clone(),
            history: Arc::new(NoHistory("the tests keep none")),
            gate: stopover_model::Gate::default(),
            stop: self.stop.clone(),
        }
    }
}

pub(crate) async fn apply(folder: &Folder) -> Result<Applied, EngineError> {
    apply_with(folder, |_| {}).await
}

pub(crate) async fn apply_with(
    folder: &Folder,
    change: impl FnOnce(&mut Asked),
) -> Result<Applied, EngineError> {
    let mut asked = Asked::usual();
    change(&mut asked);
    let source = folder.source();
    stopover_engine::apply(&folder.backend(), &asked.of(&source), &mut Silent).await
}

pub(crate) async fn apply_to(url: &str, folder: &Folder) -> Result<Applied, EngineError> {
    let backend = SqliteBackend::new(Target::parse(url).expect("a URL"));
    let source = folder.source();
    stopover_engine::apply(&backend, &Asked::usual().of(&source), &mut Silent).await
}

pub(crate) async fn status(folder: &Folder) -> Result<StatusReport, EngineError> {
    let source = folder.source();
    stopover_engine::status(&folder.backend(), &Asked::usual().of(&source)).await
}

pub(crate) async fn status_of(url: &str, folder: &Folder) -> Result<StatusReport, EngineError> {
    let backend = SqliteBackend::new(Target::parse(url).expect("a URL"));
    let source = folder.source();
    stopover_engine::status(&backend, &Asked::usual().of(&source)).await
}

pub(crate) async fn plan(folder: &Folder) -> Result<PlanReport, EngineError> {
    let source = folder.source();
    stopover_engine::plan(&folder.backend(), &Asked::usual().of(&source)).await
}
