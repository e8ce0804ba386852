//! A scratch on a server that somebody gives us.

use stopover_backend::{Backend, BackendError, PrepareStage};
use stopover_model::report::ScratchReport;
use stopover_model::{Event, EventSink, Finding, RestorePhase};
use stopover_postgres::{Neighbours, PostgresBackend, Target};

use crate::backup::Backup;
use crate::base::Restoration;
use crate::binaries::Program;
use crate::restore::{DatabaseIdentity, GivenError, GivenServer};

use super::ScratchRequest;
use super::failure::Failed;

/// A given server that was opened for one rehearsal.
#[derive(Debug)]
pub(super) struct GivenScratch {
    server: GivenServer,
    shown: String,
}

impl GivenScratch {
    /// Connects and looks; nothing is changed on the server yet.
    pub(super) async fn open(
        url: &str,
        request: &ScratchRequest,
        sink: &mut dyn EventSink,
    ) -> Result<Self, Failed> {
        let shown =
            Target::parse(url).map_or_else(|_| "a given server".to_owned(), |it| it.describe());
        sink.emit(Event::Phase(RestorePhase::Starting(shown.clone())));
        let target = match request.target_url.as_deref() {
            Some(target) => Some(identity_of(target).await),
            None => None,
        };
        refuse_pooling(url).await?;
        let server = GivenServer::open(url, target).await.map_err(|it| failed(&it))?;
        Ok(Self { server, shown })
    }

    pub(super) fn report(&self) -> ScratchReport {
        ScratchReport {
            kind: "given".to_owned(),
            server_version: self.server.server_version().to_owned(),
            base_reused: false,
            base_copy: None,
            fsync: self.server.writes_durably(),
            role: None,
        }
    }

    pub(super) async fn restore(
        &mut self,
        backup: Backup,
        request: &ScratchRequest,
        sink: &mut dyn EventSink,
    ) -> Result<Restoration, Failed> {
        let newest = request.search.choose(None, &[Program::PgRestore]);
        let pg_restore = newest.ok().map(|it| it.binaries);
        let restored = self.server.restore(backup, pg_restore, sink).await;
        restored.map(Restoration::from).map_err(|error| failed(&error))
    }

    /// Reaches the restored database as the one role that owns everything in it.
    pub(super) fn backend(
        &self,
        as_role: Option<&str>,
    ) -> Result<(PostgresBackend, String), Failed> {
        let config = self.server.config().cloned().unwrap_or_default();
        let role = config.get_user().unwrap_or_default().to_owned();
        match as_role {
            Some(wanted) if wanted != role => Err(Failed::new(
                PrepareStage::Reset,
                format!(
                    "on a given server everything belongs to one role, {role}, and --as-role names {wanted}"
                ),
                "leave --as-role out, or use a private server",
            )),
            _ => Ok((
                PostgresBackend::new(Target::from_config(config)).traced(Neighbours::Some),
                role,
            )),
        }
    }

    /// Reaches the restored database as the same role, unobserved: everything is its own.
    pub(super) fn auditor(&self) -> Option<PostgresBackend> {
        self.server.config().cloned().map(|it| PostgresBackend::new(Target::from_config(it)))
    }

    /// Drops what this run made.
    pub(super) async fn discard(mut self) -> Vec<Finding> {
        match self.server.discard().await {
            Ok(()) => Vec::new(),
            Err(error) => vec![Finding::warning(
                "scratch-left",
                self.shown,
                format!("the scratch database could not be dropped: {error}"),
                "drop the databases `stopover_scratch_…` that nobody uses any more",
            )],
        }
    }
}

/// Restore and migrations need a server whose sessions are theirs. What else is wrong with the URL
/// is told by whoever connects next.
async fn refuse_pooling(url: &str) -> Result<(), Failed> {
    let Ok(target) = Target::parse(url) else { return Ok(()) };
    let backend = PostgresBackend::new(target);
    let Ok(mut session) = backend.connect().await else { return Ok(()) };
    match backend.prove_pinned(&mut session).await {
        Err(BackendError::Settings { message, remedy }) => {
            Err(Failed::new(PrepareStage::Settings, message, remedy))
        }
        _ => Ok(()),
    }
}

/// Who the target is. One that cannot be asked is nobody in particular: a marked database is
/// not emptied then, for nobody can tell that it is another one.
pub(super) async fn identity_of(url: &str) -> DatabaseIdentity {
    let unknown = DatabaseIdentity { system_identifier: None, database: 0 };
    let Ok(target) = Target::parse(url) else { return unknown };
    let Ok((client, connection)) = target.config().connect(tokio_postgres::NoTls).await else {
        return unknown;
    };
    tokio::spawn(connection);
    DatabaseIdentity::of(&client).await.unwrap_or(unknown)
}

pub(super) fn failed(error: &GivenError) -> Failed {
    match error {
        GivenError::Restore(error) => Failed::of_restore(error),
        other => Failed::new(PrepareStage::Reset, other.to_string(), other.remedy()),
    }
}
