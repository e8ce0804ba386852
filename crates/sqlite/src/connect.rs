//! Opening sessions.

use stopover_backend::{self as backend, Backend, BackendError, CopyError, Stop, TargetCopy};
use stopover_model::EventSink;

use crate::session::SqliteSession;
use crate::target::{Place, Target};

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

    fn access(&self) -> Option<backend::Access> {
        let Place::File(path) = self.target.place() else { return None };
        let url = format!("sqlite://{}", encoded(path.to_str()?));
        let variables = vec![("DATABASE_URL", url)];
        Some(backend::Access { variables, foreign: &[], secrets: Vec::new() })
    }

    async fn copy(
        &self,
        stop: &Stop,
        _: &mut dyn EventSink,
    ) -> Result<TargetCopy<Self>, CopyError> {
        crate::copy::copy(&self.target, stop).await
    }
}

/// What would end a URL's path, or be read as something else in it.
fn encoded(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3F").replace('#', "%23").replace(' ', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_url_is_read_back_as_the_same_file() {
        let target = Target::file("/tmp/100% of it?/a b#1.db");
        let access = SqliteBackend::new(target.clone()).access().unwrap();
        let url = &access.variables[0].1;
        assert_eq!(url, "sqlite:///tmp/100%25%20of%20it%3F/a%20b%231.db");
        assert_eq!(Target::parse(url).unwrap().place(), target.place());
    }
}
