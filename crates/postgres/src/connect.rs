//! Opening sessions.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use stopover_backend::{
    Access, Backend, BackendError, Copier, CopyError, LedgerChoice, Observer, Stop, TargetCopy,
};
use stopover_model::EventSink;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode as DriverMode;
use tokio_postgres::{Client, NoTls};

use crate::error::connect_error;
use crate::served::Served;
use crate::session::{CancelTls, PostgresSession};
use crate::target::{SslMode, Target};
use crate::tls::Encryption;
use crate::trace::{Neighbours, Recorder};

/// A PostgreSQL database that sessions can be opened to.
#[derive(Debug, Clone)]
pub struct PostgresBackend {
    target: Target,
    copier: Option<Arc<dyn Copier<PostgresBackend>>>,
    recorder: Option<Arc<Recorder>>,
    early: Early,
    programs: Option<Box<Target>>,
}

type Opened = Result<(Client, Served, CancelTls), BackendError>;

type Ready = Result<PostgresSession, BackendError>;

/// A session that is opened before it is asked for.
#[derive(Clone, Default)]
struct Early(Arc<Mutex<Option<JoinHandle<Ready>>>>);

impl fmt::Debug for Early {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Early").finish_non_exhaustive()
    }
}

impl Early {
    fn put(&self, opening: JoinHandle<Ready>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(opening);
    }

    fn take(&self) -> Option<JoinHandle<Ready>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl PostgresBackend {
    /// A backend for `target`. Nothing is connected yet.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self { target, copier: None, recorder: None, early: Early::default(), programs: None }
    }

    /// Begins to connect, and to look for ledgers, in the runtime that it is called in: the next
    /// session is opened while something else is done. What comes of it is told there.
    pub fn connect_early(&self, ledger: LedgerChoice) {
        let backend = self.clone();
        self.early.put(tokio::spawn(async move {
            let mut session = backend.session().await?;
            session.look_ahead(&ledger).await?;
            Ok(session)
        }));
    }

    /// The same, with somebody who can make copies of the database: a server makes none by itself.
    #[must_use]
    pub fn with_copier(mut self, copier: Arc<dyn Copier<Self>>) -> Self {
        self.copier = Some(copier);
        self
    }

    /// The same, with an observer of everything that its sessions do: a rehearsal's.
    #[must_use]
    pub fn traced(mut self, neighbours: Neighbours) -> Self {
        self.recorder = Some(Recorder::new(neighbours, self.target.clone()));
        self
    }

    /// The same, which programs of the user's reach in another way.
    #[must_use]
    pub fn for_programs(mut self, target: Target) -> Self {
        self.programs = Some(Box::new(target));
        self
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
        let early = match self.early.take() {
            // It breaks off only with its runtime.
            Some(opening) => opening.await.ok(),
            None => None,
        };
        let mut session = match early {
            Some(ready) => ready?,
            None => self.session().await?,
        };
        if let Some(recorder) = &self.recorder {
            session.observe(self, recorder).await?;
        }
        Ok(session)
    }

    fn observer(&self) -> Option<Arc<dyn Observer>> {
        let recorder = self.recorder.clone()?;
        Some(recorder)
    }

    fn access(&self) -> Option<Access> {
        self.programs.as_deref().unwrap_or(&self.target).access()
    }

    async fn prove_pinned(&self, session: &mut PostgresSession) -> Result<(), BackendError> {
        self.compare_sessions(session).await
    }

    async fn copy(
        &self,
        stop: &Stop,
        sink: &mut dyn EventSink,
    ) -> Result<TargetCopy<Self>, CopyError> {
        match &self.copier {
            Some(copier) => copier.copy(stop, sink).await,
            None => Err(CopyError::Impossible {
                message: "nobody here can make a copy of a PostgreSQL database".to_owned(),
                remedy: "run `stopover apply` on a machine with PostgreSQL's programs; a service \
                         switches on the feature `proof` of the crate stopover"
                    .to_owned(),
            }),
        }
    }
}

impl PostgresBackend {
    async fn session(&self) -> Ready {
        let (client, served, tls) = self.open().await?;
        Ok(PostgresSession::new(client, served, tls))
    }

    /// Opens a connection, and has it served.
    pub(crate) async fn open(&self) -> Opened {
        let mut config = self.target.config.clone();
        let failed = |error: tokio_postgres::Error| connect_error(self.target.describe(), &error);
        // As in libpq, sslmode says nothing of Unix sockets: a server offers no TLS there.
        if self.target.ssl_mode == SslMode::Disable || self.target.is_local() {
            config.ssl_mode(DriverMode::Disable);
            let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
            return Ok((client, Served::of(connection), CancelTls::Off));
        }
        config.ssl_mode(match self.target.ssl_mode {
            SslMode::Prefer => DriverMode::Prefer,
            _ => DriverMode::Require,
        });
        let tls = Encryption::of(self.target.ssl_mode, self.target.root_cert.as_deref()).map_err(
            |reason| BackendError::Settings {
                message: reason,
                remedy: "correct sslmode or sslrootcert in the database URL".to_owned(),
            },
        )?;
        let (client, connection) = config.connect(tls.clone()).await.map_err(failed)?;
        Ok((client, Served::of(connection), CancelTls::On(tls)))
    }
}
