//! The one place in the command line that names a concrete backend.

use std::sync::Arc;

use stopover_backend::{BackupMaker, FactsRequest, LedgerChoice, Privileges, Stop};
use stopover_backup::{PostgresBackups, SqliteBackups};
use stopover_engine::{
    Adoption, Applied, EngineError, Postflight, Preflight, Proof, Repair, Request, Safeguards,
};
use stopover_model::report::{
    AdoptReport, PlanReport, PostflightReport, PreflightReport, RepairReport, StatusReport,
};
use stopover_model::{EventSink, Schema};
use stopover_planner::DownSelection;
use stopover_postgres::PostgresBackend;
use stopover_scratch::binaries::Search;
use stopover_scratch::copies::ScratchCopies;
use stopover_scratch::provider::{EmptyScratch, ScratchRequest};
use stopover_scratch::server::Reach;
use stopover_sqlite::{EmptyFile, Place, SqliteBackend};

use crate::console::Failure;
use crate::settings::Settings;

/// The database that the settings name. Each command is one call of the engine, whichever
/// database it is.
pub(crate) enum Database {
    /// A PostgreSQL server's.
    Postgres(Box<PostgresBackend>),
    /// An SQLite file.
    Sqlite(SqliteBackend),
}

/// The database that the settings name.
pub(crate) fn backend(settings: &Settings) -> Result<Database, Failure> {
    let Some(url) = settings.database_url.as_deref().filter(|url| !url.trim().is_empty()) else {
        return Err(Failure::usage(
            "no database is named",
            "set DATABASE_URL, or give --database-url postgresql://user@host/database or \
             sqlite:path/to/app.db",
        ));
    };
    named(url, settings)
}

/// The database that `url` names.
pub(crate) fn named(url: &str, settings: &Settings) -> Result<Database, Failure> {
    if is_sqlite(url) {
        return sqlite(url);
    }
    let target = stopover_postgres::Target::parse(url).map_err(|error| {
        Failure::usage(
            error.to_string(),
            "write postgresql://user@host:5432/database, or host=… user=… dbname=…",
        )
    })?;
    let copies = ScratchCopies::new(target.clone(), scratch_of_copies(settings));
    Ok(Database::Postgres(Box::new(PostgresBackend::new(target).with_copier(Arc::new(copies)))))
}

/// What a copy of the target is made on, for the proof before a migration is run again.
fn scratch_of_copies(settings: &Settings) -> ScratchRequest {
    ScratchRequest { as_role: None, backup: None, max_age: None, ..scratch_settings(settings) }
}

/// What a scratch is made on, as the settings say; no backup is named.
pub(crate) fn scratch_settings(settings: &Settings) -> ScratchRequest {
    ScratchRequest {
        backup: None,
        max_age: None,
        scratch_url: settings.scratch_db_url.clone(),
        target_url: settings.database_url.clone(),
        require_scratch_url: settings.require_scratch_db_url,
        search: Search::from_environment(settings.pg_bin.clone()),
        folder: settings.scratch_dir.clone(),
        template_cache: settings.cache_dir().map(|dir| dir.join("templates")),
        bases: settings.bases(),
        fsync: settings.fsync,
        reach: Reach::Socket,
        as_role: settings.as_role.clone(),
    }
}

fn is_sqlite(url: &str) -> bool {
    url.trim_start().starts_with("sqlite:")
}

fn sqlite(url: &str) -> Result<Database, Failure> {
    let form = "write sqlite:path/to/app.db, or sqlite:path/to/app.db?mode=ro";
    let target = stopover_sqlite::Target::parse(url)
        .map_err(|error| Failure::usage(error.to_string(), form))?;
    if *target.place() == Place::Memory {
        return Err(Failure::usage(
            "a database in memory is gone when the command ends",
            format!("name a file: {form}"),
        ));
    }
    Ok(Database::Sqlite(SqliteBackend::new(target)))
}

/// Whether it names a database.
pub(crate) fn parses(url: &str) -> bool {
    if is_sqlite(url) { sqlite(url).is_ok() } else { stopover_postgres::Target::parse(url).is_ok() }
}

impl Database {
    /// Begins to connect while something else is done, where connecting takes its time.
    pub(crate) fn connect_early(&self, ledger: LedgerChoice) {
        match self {
            Self::Postgres(it) => it.connect_early(ledger),
            Self::Sqlite(_) => {}
        }
    }

    /// What it is, for messages. Never a password.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Postgres(it) => it.target().describe(),
            Self::Sqlite(it) => it.target().describe(),
        }
    }

    /// Makes backups of it, as the settings say.
    pub(crate) fn backups(&self, settings: &Settings) -> Result<Box<dyn BackupMaker>, Failure> {
        let options = settings.backup_options()?;
        Ok(match self {
            Self::Postgres(it) => Box::new(PostgresBackups::new(it.target().clone(), options)),
            Self::Sqlite(it) => Box::new(SqliteBackups::new(it.clone(), options)),
        })
    }

    /// See [`stopover_engine::status`].
    pub(crate) async fn status(&self, request: &Request<'_>) -> Result<StatusReport, EngineError> {
        match self {
            Self::Postgres(it) => stopover_engine::status(&**it, request).await,
            Self::Sqlite(it) => stopover_engine::status(it, request).await,
        }
    }

    /// See [`stopover_engine::plan`].
    pub(crate) async fn plan(&self, request: &Request<'_>) -> Result<PlanReport, EngineError> {
        match self {
            Self::Postgres(it) => stopover_engine::plan(&**it, request).await,
            Self::Sqlite(it) => stopover_engine::plan(it, request).await,
        }
    }

    /// See [`stopover_engine::preflight()`].
    pub(crate) async fn preflight(
        &self,
        request: &Request<'_>,
        asked: &Preflight,
    ) -> Result<PreflightReport, EngineError> {
        match self {
            Self::Postgres(it) => stopover_engine::preflight(&**it, request, asked).await,
            Self::Sqlite(it) => stopover_engine::preflight(it, request, asked).await,
        }
    }

    /// See [`stopover_engine::postflight()`].
    pub(crate) async fn postflight(
        &self,
        request: &Request<'_>,
        asked: &Postflight<'_>,
    ) -> Result<PostflightReport, EngineError> {
        match self {
            Self::Postgres(it) => stopover_engine::postflight(&**it, request, asked).await,
            Self::Sqlite(it) => stopover_engine::postflight(it, request, asked).await,
        }
    }

    /// See [`stopover_engine::apply_safely()`].
    pub(crate) async fn apply(
        &self,
        request: &Request<'_>,
        around: &Safeguards<'_>,
        sink: &mut dyn EventSink,
    ) -> Result<Applied, EngineError> {
        match self {
            Self::Postgres(it) => stopover_engine::apply_safely(&**it, request, around, sink).await,
            Self::Sqlite(it) => stopover_engine::apply_safely(it, request, around, sink).await,
        }
    }

    /// See [`stopover_engine::schema()`].
    pub(crate) async fn schema(
        &self,
        facts: &FactsRequest,
        privileges: Privileges,
        stop: &Stop,
    ) -> Result<Schema, EngineError> {
        match self {
            Self::Postgres(it) => stopover_engine::schema(&**it, facts, privileges, stop).await,
            Self::Sqlite(it) => {
                // A file that is not there would be the same as an empty one.
                let there = SqliteBackend::new(it.target().clone().read_only());
                stopover_engine::schema(&there, facts, privileges, stop).await
            }
        }
    }

    /// See [`stopover_engine::prove()`].
    pub(crate) async fn prove(
        &self,
        request: &Request<'_>,
        adoption: &Adoption,
        scratch: ScratchRequest,
        sink: &mut dyn EventSink,
    ) -> Result<Proof, EngineError> {
        match self {
            Self::Postgres(it) => {
                let mut empty = EmptyScratch::new((**it).clone(), scratch);
                stopover_engine::prove(&**it, &mut empty, request, adoption, sink).await
            }
            Self::Sqlite(it) => {
                let mut empty = EmptyFile::new(scratch.folder);
                stopover_engine::prove(it, &mut empty, request, adoption, sink).await
            }
        }
    }

    /// See [`stopover_engine::adopt()`].
    pub(crate) async fn adopt(
        &self,
        request: &Request<'_>,
        adoption: &Adoption,
        sink: &mut dyn EventSink,
    ) -> Result<AdoptReport, EngineError> {
        match self {
            Self::Postgres(it) => stopover_engine::adopt(&**it, request, adoption, sink).await,
            Self::Sqlite(it) => stopover_engine::adopt(it, request, adoption, sink).await,
        }
    }

    /// See [`stopover_engine::rollback_safely()`].
    pub(crate) async fn rollback(
        &self,
        request: &Request<'_>,
        selection: &DownSelection,
        around: &Safeguards<'_>,
        sink: &mut dyn EventSink,
    ) -> Result<Applied, EngineError> {
        use stopover_engine::rollback_safely;
        match self {
            Self::Postgres(it) => rollback_safely(&**it, request, selection, around, sink).await,
            Self::Sqlite(it) => rollback_safely(it, request, selection, around, sink).await,
        }
    }

    /// See [`stopover_engine::repair()`].
    pub(crate) async fn repair(
        &self,
        request: &Request<'_>,
        repair: &Repair,
        sink: &mut dyn EventSink,
    ) -> Result<RepairReport, EngineError> {
        match self {
            Self::Postgres(it) => stopover_engine::repair(&**it, request, repair, sink).await,
            Self::Sqlite(it) => stopover_engine::repair(it, request, repair, sink).await,
        }
    }
}
