//! The one place in the command line that names a concrete backend.

use stopover_postgres::{PostgresBackend, Target};

use crate::console::Failure;
use crate::settings::Settings;

/// The database that the settings name.
pub(crate) fn backend(settings: &Settings) -> Result<PostgresBackend, Failure> {
    let Some(url) = settings.database_url.as_deref().filter(|url| !url.trim().is_empty()) else {
        return Err(Failure::usage(
            "no database is named",
            "set DATABASE_URL, or give --database-url postgresql://user@host/database",
        ));
    };
    if url.starts_with("sqlite:") {
        return Err(Failure::usage(
            "SQLite databases are not supported yet",
            "name a PostgreSQL database",
        ));
    }
    let target = Target::parse(url).map_err(|error| {
        Failure::usage(
            error.to_string(),
            "write postgresql://user@host:5432/database, or host=… user=… dbname=…",
        )
    })?;
    Ok(PostgresBackend::new(target))
}

/// Whether it names a database.
pub(crate) fn parses(url: &str) -> bool {
    Target::parse(url).is_ok()
}
