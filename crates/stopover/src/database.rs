//! The one place in the library that names a concrete backend.

use stopover_engine::{Applied, EngineError, Request};
use stopover_model::EventSink;
use stopover_model::report::{PlanReport, StatusReport};
#[cfg(feature = "postgres")]
use stopover_postgres::PostgresBackend;
#[cfg(feature = "sqlite")]
use stopover_sqlite::{Place, SqliteBackend};

use crate::Error;

/// The database that a URL names. Each method is one call of the engine, whichever it is.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// A PostgreSQL server's.
    #[cfg(feature = "postgres")]
    Postgres(Box<PostgresBackend>),
    /// An SQLite file.
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteBackend),
}

impl Database {
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let url = url.trim();
        if url.is_empty() {
            return Err(refused(
                "it is empty",
                "write postgresql://user@host/database or sqlite:path/to/app.db",
            ));
        }
        if url.starts_with("sqlite:") { sqlite(url) } else { postgres(url) }
    }

    /// Where copies for a proof are made.
    #[cfg(feature = "proof")]
    pub(crate) fn scratch_url(&mut self, url: String) {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(it) => **it = with_copies(it.target().clone(), Some(url)),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => drop(url),
        }
    }

    /// See [`stopover_engine::status`].
    pub(crate) async fn status(&self, request: &Request<'_>) -> Result<StatusReport, EngineError> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(it) => stopover_engine::status(&**it, request).await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(it) => stopover_engine::status(it, request).await,
        }
    }

    /// See [`stopover_engine::plan`].
    pub(crate) async fn plan(&self, request: &Request<'_>) -> Result<PlanReport, EngineError> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(it) => stopover_engine::plan(&**it, request).await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(it) => stopover_engine::plan(it, request).await,
        }
    }

    /// See [`stopover_engine::apply()`].
    pub(crate) async fn apply(
        &self,
        request: &Request<'_>,
        sink: &mut dyn EventSink,
    ) -> Result<Applied, EngineError> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(it) => stopover_engine::apply(&**it, request, sink).await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(it) => stopover_engine::apply(it, request, sink).await,
        }
    }
}

#[cfg(feature = "postgres")]
fn postgres(url: &str) -> Result<Database, Error> {
    let target = stopover_postgres::Target::parse(url).map_err(|error| {
        refused(
            error.reason,
            "write postgresql://user@host:5432/database, or host=… user=… dbname=…",
        )
    })?;
    Ok(Database::Postgres(Box::new(with_copies(target, None))))
}

/// A backend that can make a copy of its database, where that is built in.
#[cfg(all(feature = "postgres", feature = "proof"))]
fn with_copies(target: stopover_postgres::Target, scratch_url: Option<String>) -> PostgresBackend {
    let copies = stopover_scratch::copies::ScratchCopies::of(target.clone(), scratch_url);
    PostgresBackend::new(target).with_copier(std::sync::Arc::new(copies))
}

#[cfg(all(feature = "postgres", not(feature = "proof")))]
fn with_copies(target: stopover_postgres::Target, _: Option<String>) -> PostgresBackend {
    PostgresBackend::new(target)
}

#[cfg(not(feature = "postgres"))]
fn postgres(_: &str) -> Result<Database, Error> {
    Err(refused(
        "it is no sqlite: URL, and PostgreSQL is not built in",
        "switch on the feature `postgres` of the crate stopover",
    ))
}

#[cfg(feature = "sqlite")]
fn sqlite(url: &str) -> Result<Database, Error> {
    const FORM: &str = "write sqlite:path/to/app.db, or sqlite:path/to/app.db?mode=ro";
    let target =
        stopover_sqlite::Target::parse(url).map_err(|error| refused(error.reason, FORM))?;
    if *target.place() == Place::Memory {
        return Err(refused(
            "a database in memory belongs to one connection, and is gone with the run's",
            FORM,
        ));
    }
    Ok(Database::Sqlite(SqliteBackend::new(target)))
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_: &str) -> Result<Database, Error> {
    Err(refused(
        "it names an SQLite file, and SQLite is not built in",
        "switch on the feature `sqlite` of the crate stopover",
    ))
}

fn refused(reason: impl Into<String>, remedy: &str) -> Error {
    Error::Url { reason: reason.into(), remedy: remedy.to_owned() }
}
