//! A scratch on a private server.

use stopover_backend::PrepareStage;
use stopover_model::report::ScratchReport;
use stopover_model::{Event, EventSink, Finding, RestorePhase};
use stopover_postgres::{Neighbours, PostgresBackend, Target};

use crate::backup::{Backup, Kind};
use crate::binaries::{Binaries, NewerMajor, Program};
use crate::restore::{self, RestoreTarget, Restored};
use crate::server::{Durability, PrivateServer, ServerOptions};

use super::ScratchRequest;
use super::failure::Failed;

/// The database that is restored into.
const DATABASE: &str = "stopover_scratch";

/// What a backup needs of a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs {
    major: Option<u32>,
    archive: bool,
}

impl Needs {
    pub(super) fn of(backup: &Backup) -> Self {
        let archive = !matches!(backup.kind, Kind::Plain(..));
        Self { major: backup.header.server_major(), archive }
    }
}

/// A private server that was started for one rehearsal.
#[derive(Debug)]
pub(super) struct PrivateScratch {
    server: PrivateServer,
    target: RestoreTarget,
    warning: Option<NewerMajor>,
}

impl PrivateScratch {
    /// Starts a server that fits the backup.
    pub(super) async fn start(
        request: &ScratchRequest,
        needs: Needs,
        sink: &mut dyn EventSink,
    ) -> Result<Self, Failed> {
        let Needs { major: wanted, archive } = needs;
        let programs: &[Program] = if archive { &[Program::PgRestore] } else { &[] };
        let choice =
            request.search.choose(wanted, programs).map_err(|it| Failed::of_binaries(&it))?;
        let name = format!("PostgreSQL {}", choice.binaries.version());
        sink.emit(Event::Phase(RestorePhase::Starting(name)));
        let durability =
            if request.fsync { Durability::LikeProduction } else { Durability::ThrowAway };
        let options = ServerOptions {
            folder: request.folder.clone(),
            template_cache: request.template_cache.clone(),
            durability,
            ..ServerOptions::default()
        };
        let server = PrivateServer::start(&choice.binaries, options).await;
        let server = server.map_err(|error| Failed::of_server(&error))?;
        let target = RestoreTarget {
            superuser: server.config(),
            database: DATABASE.to_owned(),
            pg_restore: newest_pg_restore(request, &choice.binaries),
        };
        Ok(Self { server, target, warning: choice.warning })
    }

    pub(super) fn report(&self) -> ScratchReport {
        ScratchReport {
            kind: "private".to_owned(),
            server_version: self.server.version().to_string(),
            base_reused: false,
            fsync: self.server.durability() == Durability::LikeProduction,
            role: None,
        }
    }

    pub(super) async fn restore(
        &self,
        backup: Backup,
        sink: &mut dyn EventSink,
    ) -> Result<Restored, Failed> {
        let restored = restore::restore(backup, &self.target, sink).await;
        restored.map_err(|error| Failed::of_restore(&error))
    }

    /// Reaches the restored database as the role that the migrations run as.
    pub(super) async fn backend(
        &self,
        restored: &Restored,
        as_role: Option<&str>,
    ) -> Result<(PostgresBackend, String), Failed> {
        let role = as_role.unwrap_or(&restored.owner);
        let config = self.target.login_for(role).await.map_err(|error| {
            let message = error.to_string();
            Failed::new(PrepareStage::Reset, message, "name a role of the backup with --as-role")
        })?;
        Ok((PostgresBackend::new(Target::from_config(config)).traced(Neighbours::None), role.to_owned()))
    }

    /// What the server and the choice of it have to say, and what the restore found.
    pub(super) fn findings(&self, restored: Vec<Finding>) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(warning) = &self.warning {
            findings.push(Finding::warning(
                "server-version",
                "the scratch server",
                warning.to_string(),
                "install production's version for a rehearsal that is nearer to it",
            ));
        }
        for note in self.server.notes() {
            findings.push(Finding::note("scratch-server", "the scratch server", note, ""));
        }
        findings.extend(restored);
        findings
    }

    /// Stops the server and removes its folder.
    pub(super) async fn discard(self) -> Vec<Finding> {
        let folder = self.server.folder().display().to_string();
        match self.server.stop().await {
            Ok(()) => Vec::new(),
            Err(error) => vec![Finding::warning(
                "scratch-left",
                folder,
                format!("the private server could not be removed: {error}"),
                "`stopover scratch sweep` removes it",
            )],
        }
    }
}

/// The newest pg_restore reads the most; the server's own always fits where there is no other.
fn newest_pg_restore(request: &ScratchRequest, own: &Binaries) -> Option<Binaries> {
    let newest = request.search.choose(None, &[Program::PgRestore]).ok().map(|it| it.binaries);
    newest.or_else(|| own.has(Program::PgRestore).then(|| own.clone()))
}
