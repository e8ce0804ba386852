//! Opening sessions.

use stopover_backend::{Backend, BackendError};
use tokio_postgres::config::SslMode as DriverMode;
use tokio_postgres::{Client, NoTls};

use crate::error::connect_error;
use crate::served::Served;
use crate::session::{CancelTls, PostgresSession};
use crate::target::{SslMode, Target};
use crate::tls;

/// A PostgreSQL database that sessions can be opened to.
#[derive(Debug, Clone)]
pub struct PostgresBackend {
    target: Target,
}

impl PostgresBackend {
    /// A backend for `target`. Nothing is connected yet.
    #[must_use]
    pub const fn new(target: Target) -> Self {
        Self { target }
    }

    /// Where it connects to.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }
}

impl Backend for PostgresBackend {
    type Session = PostgresSession;

    async fn connect(&self) -> Result<PostgresSession, BackendError> {
        let (client, connection, tls) = self.open().await?;
        Ok(PostgresSession::new(client, connection, tls))
    }

    async fn prove_pinned(&self, session: &mut PostgresSession) -> Result<(), BackendError> {
        self.compare_sessions(session).await
    }
}

impl PostgresBackend {
    /// Opens a connection, and has it served.
    pub(crate) async fn open(&self) -> Result<(Client, Served, CancelTls), BackendError> {
        let mut config = self.target.config.clone();
        let failed = |error: tokio_postgres::Error| connect_error(self.target.describe(), &error);
        if self.target.ssl_mode == SslMode::Disable {
            config.ssl_mode(DriverMode::Disable);
            let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
            return Ok((client, Served::of(connection), CancelTls::Off));
        }
        config.ssl_mode(match self.target.ssl_mode {
            SslMode::Prefer => DriverMode::Prefer,
            _ => DriverMode::Require,
        });
        let tls = tls::connector(self.target.ssl_mode, self.target.root_cert.as_deref()).map_err(
            |reason| BackendError::Settings {
                message: reason,
                remedy: "correct sslmode or sslrootcert in the database URL".to_owned(),
            },
        )?;
        let (client, connection) = config.connect(tls.clone()).await.map_err(failed)?;
        Ok((client, Served::of(connection), CancelTls::Rustls(Box::new(tls))))
    }
}
