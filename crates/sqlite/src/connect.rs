//! Opening sessions.

use stopover_backend::{Backend, BackendError, CopyError, Stop, TargetCopy};
use stopover_model::EventSink;

use crate::session::SqliteSession;
use crate::target::Target;

/// An SQLite database that sessions can be opened to.
#[derive(Debug, Clone)]
pub struct SqliteBackend {
    target: Target,
}

impl SqliteBackend {
    /// A backend for `target`. Nothing is opened yet.
    #[must_use]
    pub const fn new(target: Target) -> Self {
        Self { target }
    }

    /// What it opens.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }
}

impl Backend for SqliteBackend {
    type Session = SqliteSession;

    async fn connect(&self) -> Result<SqliteSession, BackendError> {
        SqliteSession::open(self.target.clone()).await
    }

    async fn copy(
        &self,
        stop: &Stop,
        _: &mut dyn EventSink,
    ) -> Result<TargetCopy<Self>, CopyError> {
        crate::copy::copy(&self.target, stop).await
    }
}
