//! From the driver's errors to ours.

use stopover_backend::BackendError;
use stopover_model::{DatabaseError, ErrorClass, redact_urls, sqlstate};
use tokio_postgres::error::{DbError, ErrorPosition, Severity};

/// The server's error, field by field.
#[must_use]
pub fn database_error(error: &DbError) -> DatabaseError {
    let own = |text: Option<&str>| text.map(redact_urls);
    DatabaseError {
        class: class(error.code().code()),
        sqlstate: Some(error.code().code().to_owned()),
        message: redact_urls(error.message()),
        detail: own(error.detail()),
        hint: own(error.hint()),
        position: match error.position() {
            Some(ErrorPosition::Original(at)) => usize::try_from(*at).ok(),
            _ => None,
        },
        context: own(error.where_()),
        schema: error.schema().map(str::to_owned),
        table: error.table().map(str::to_owned),
        column: error.column().map(str::to_owned),
        constraint: error.constraint().map(str::to_owned),
    }
}

fn class(code: &str) -> ErrorClass {
    match code {
        sqlstate::LOCK_NOT_AVAILABLE | sqlstate::DEADLOCK_DETECTED => ErrorClass::Contention,
        sqlstate::DISK_FULL => ErrorClass::NoRoom,
        _ => ErrorClass::Final,
    }
}

/// Whether the session is gone: the socket broke, or the server ended it (FATAL, PANIC).
#[must_use]
pub fn is_lost(error: &tokio_postgres::Error) -> bool {
    match error.as_db_error() {
        Some(db) => matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic)),
        None => true,
    }
}

/// The error of a request in an open session.
pub(crate) fn request_error(error: &tokio_postgres::Error) -> BackendError {
    match error.as_db_error() {
        Some(db) if !is_lost(error) => BackendError::Refused(Box::new(database_error(db))),
        Some(db) => BackendError::Lost(redact_urls(db.message())),
        None => BackendError::Lost(redact_urls(&deepest(error))),
    }
}

/// The error of opening a session; `remedy` follows the SQLSTATE.
pub(crate) fn connect_error(target: String, error: &tokio_postgres::Error) -> BackendError {
    let code = error.as_db_error().map(|db| db.code().code());
    let remedy = match code {
        Some("28P01" | "28000") => "check user and password, and pg_hba.conf on the server",
        Some("3D000") => "create the database, or name another one in the URL",
        Some("53300") => "the server has no connection left: end some, or raise max_connections",
        Some("57P03") => "the server is starting up or shutting down: try again in a moment",
        Some(_) => "the server refused the session: see its message",
        None => {
            "check host and port, that the server runs and may be reached from here, and that a \
             password is given where one is needed (URL, PGPASSWORD, ~/.pgpass)"
        }
    };
    let reason = error.as_db_error().map_or_else(|| deepest(error), |db| db.message().to_owned());
    let (reason, remedy) = (redact_urls(&reason), remedy.to_owned());
    match code {
        Some("53300") => BackendError::Full { target, reason, remedy },
        _ => BackendError::Unreachable { target, reason, remedy },
    }
}

/// The innermost cause: the driver's outer texts say only "error communicating with the server".
fn deepest(error: &dyn std::error::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
