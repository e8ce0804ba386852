//! A scratch on a private server.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use stopover_backend::PrepareStage;
use stopover_model::report::ScratchReport;
use stopover_model::{Event, EventSink, Finding, RestorePhase};
use stopover_postgres::{Neighbours, PostgresBackend, Target};
use tokio_postgres::Config;

use crate::backup::{Backup, Kind};
use crate::base::{Facts, Restoration, Setup, Shelf, size};
use crate::binaries::{Binaries, Choice, Program};
use crate::restore::{self, RestoreTarget};
use crate::server::{Durability, Filling, PrivateServer, Reach, ServerOptions};

use super::ScratchRequest;
use super::failure::Failed;
use super::stock::Stock;

/// The database that is restored into.
const DATABASE: &str = "stopover_scratch";

/// What a backup needs of a server.
#[derive(Debug, Clone, Copy)]
struct Needs {
    major: Option<u32>,
    archive: bool,
}

impl Needs {
    fn of(backup: &Backup) -> Self {
        let archive = !matches!(backup.kind, Kind::Plain(..));
        Self { major: backup.header.server_major(), archive }
    }
}

/// A private server that was started for one rehearsal.
#[derive(Debug)]
pub(super) struct PrivateScratch {
    server: PrivateServer,
    reach: Reach,
    target: RestoreTarget,
    choice: Choice,
    stock: Option<Stock>,
    /// What is there already, because the server began with a copy of a base.
    restored: Option<Restoration>,
    /// How long starting from a base took, or keeping one.
    base_time: Option<Duration>,
    findings: Vec<Finding>,
}

impl PrivateScratch {
    /// Starts a server that fits the backup, from its base where there is one.
    pub(super) async fn start(
        request: &ScratchRequest,
        backup: &Backup,
        facts: Option<Facts>,
        sink: &mut dyn EventSink,
    ) -> Result<Self, Failed> {
        let began = Instant::now();
        let Needs { major: wanted, archive } = Needs::of(backup);
        let programs: &[Program] = if archive { &[Program::PgRestore] } else { &[] };
        let choice =
            request.search.choose(wanted, programs).map_err(|it| Failed::of_binaries(&it))?;
        let name = format!("PostgreSQL {}", choice.binaries.version());
        let options = server_options(request);
        let pg_restore = if archive { newest_pg_restore(request, &choice.binaries) } else { None };
        let mut findings = Vec::new();
        let stock = match (&request.bases, facts) {
            (Some(bases), Some(facts)) => {
                let setup = Setup::new(&choice.binaries, pg_restore.as_ref(), &options);
                let stock = Stock::open(bases, setup, facts, backup.name.clone());
                stock.map_err(|finding| findings.push(finding)).ok()
            }
            _ => None,
        };
        let mut begin = Begin { binaries: &choice.binaries, options, stock, name };
        let (server, restored) = match begin.on_base(sink).await? {
            Some((server, restored)) => (server, Some(restored)),
            None => (begin.empty(sink).await?, None),
        };
        let stock = begin.stock;
        let target = RestoreTarget {
            superuser: server.config(),
            database: DATABASE.to_owned(),
            pg_restore,
            sessions: None,
            spool: Some(server.folder().to_owned()),
        };
        let base_time = restored.is_some().then(|| began.elapsed());
        Ok(Self {
            server,
            reach: request.reach,
            target,
            choice,
            stock,
            restored,
            base_time,
            findings,
        })
    }

    pub(super) fn report(&self) -> ScratchReport {
        ScratchReport {
            kind: "private".to_owned(),
            server_version: self.server.version().to_string(),
            base_reused: self.restored.is_some(),
            base_copy: self.server.base_copy(),
            fsync: self.server.durability() == Durability::LikeProduction,
            role: None,
        }
    }

    /// Keeps the census of the base that this one is a copy of, or that was made of it.
    pub(super) fn shelf(&self) -> Option<Shelf> {
        self.stock.as_ref()?.shelf()
    }

    /// How long starting from a base took, or keeping one.
    pub(super) fn base_time(&self) -> Option<Duration> {
        self.base_time
    }

    /// Restores the backup, unless a base was there; keeps one else.
    pub(super) async fn restore(
        &mut self,
        backup: Backup,
        sink: &mut dyn EventSink,
    ) -> Result<Restoration, Failed> {
        if let Some(restored) = &self.restored {
            return Ok(restored.clone());
        }
        let restored = restore::restore(backup, &self.target, sink).await;
        let told = |error| Failed::of_restore(&error).explained_by(&self.server.log_tail(20));
        let restored = Restoration::from(restored.map_err(told)?);
        let failed = |error| Failed::of_server(&error);
        let binaries = &self.choice.binaries;
        if let Some(stock) = &mut self.stock {
            let kept = stock.keep(&mut self.server, binaries, &restored, sink).await;
            self.base_time = kept.map_err(failed)?;
        }
        if self.base_time.is_none() {
            // Else that was done together with the stop for the copy.
            self.server.turn_to_migrations(binaries).await.map_err(failed)?;
        }
        Ok(restored)
    }

    /// Reaches the restored database as the role that the migrations run as.
    pub(super) async fn backend(
        &self,
        restored: &Restoration,
        as_role: Option<&str>,
    ) -> Result<(PostgresBackend, String), Failed> {
        let role = as_role.unwrap_or(&restored.owner);
        let config = self.target.login_for(role).await.map_err(|error| {
            let message = error.to_string();
            Failed::new(PrepareStage::Reset, message, "name a role of the backup with --as-role")
        })?;
        let over_tcp = (self.reach == Reach::Loopback).then(|| self.over_tcp(&config));
        let backend = PostgresBackend::new(Target::from_config(config)).traced(Neighbours::None);
        let backend = match over_tcp {
            Some(target) => backend.for_programs(target),
            None => backend,
        };
        Ok((backend, role.to_owned()))
    }

    /// The same database and role, where the server listens for programs.
    fn over_tcp(&self, config: &Config) -> Target {
        let mut over_tcp = Config::new();
        over_tcp.host("127.0.0.1").port(self.server.port()).dbname(DATABASE);
        if let Some(user) = config.get_user() {
            over_tcp.user(user);
        }
        if let Some(password) = config.get_password() {
            over_tcp.password(password);
        }
        Target::from_config(over_tcp)
    }

    /// Reaches the restored database as the superuser, who sees every row. Unqualified names mean
    /// PostgreSQL's own: the dump may have brought functions that wait for a superuser.
    pub(super) fn auditor(&self) -> PostgresBackend {
        let mut config = self.target.superuser_config();
        config.options("-c search_path=pg_catalog");
        PostgresBackend::new(Target::from_config(config))
    }

    /// What the server and the choice of it have to say, and what the restore found.
    pub(super) fn findings(&self, restored: Vec<Finding>) -> Vec<Finding> {
        let mut findings = self.findings.clone();
        findings.extend(self.stock.iter().flat_map(|it| it.findings.clone()));
        if let Some(warning) = &self.choice.warning {
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

    /// Stops the server and removes its folder, beside whatever comes next: a verdict need not wait
    /// for gigabytes to be removed.
    pub(super) fn discard(self) -> Leaving {
        let Self { server, stock, .. } = self;
        let leaving = move || {
            let folder = server.folder().to_owned();
            drop(server);
            if folder.exists() {
                let folder = folder.display();
                tracing::warn!(
                    "{folder} could not be removed: `stopover scratch sweep` removes it"
                );
            }
            if let Some(stock) = stock {
                stock.finish();
            }
        };
        // Where there is no thread, it is done by now.
        Leaving(thread::Builder::new().name("discard".to_owned()).spawn(leaving).ok())
    }
}

/// A server that is being stopped and removed; dropping it waits for the end of that.
#[derive(Debug)]
pub(super) struct Leaving(Option<JoinHandle<()>>);

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            // However it ended, it has ended.
            let _ = thread.join();
        }
    }
}

/// What a server is started with.
struct Begin<'a> {
    binaries: &'a Binaries,
    options: ServerOptions,
    stock: Option<Stock>,
    /// The server's, for people.
    name: String,
}

impl Begin<'_> {
    /// Starts on a copy of the backup's base. A base that does not serve is thrown away; where the
    /// place of the copy does not, it stays, and nothing is restored there either.
    async fn on_base(
        &mut self,
        sink: &mut dyn EventSink,
    ) -> Result<Option<(PrivateServer, Restoration)>, Failed> {
        let Some(stock) = self.stock.as_mut() else { return Ok(None) };
        let Some(held) = stock.find(sink).await else { return Ok(None) };
        let (name, restoration) = (held.name.clone(), held.restoration().clone());
        let what = format!("a base of {}", size(held.bytes()));
        sink.emit(Event::Phase(RestorePhase::CopyingBase(what)));
        let filling = Filling::Base(held);
        match PrivateServer::start_on(self.binaries, self.options.clone(), filling).await {
            Ok(server) => Ok(Some((server, restoration))),
            Err(error) if error.is_of_base() => {
                stock.throw_away(&name, &error.to_string()).await;
                Ok(None)
            }
            Err(error) => Err(Failed::of_server(&error)),
        }
    }

    async fn empty(&mut self, sink: &mut dyn EventSink) -> Result<PrivateServer, Failed> {
        sink.emit(Event::Phase(RestorePhase::Starting(std::mem::take(&mut self.name))));
        let server = PrivateServer::start(self.binaries, self.options.clone()).await;
        server.map_err(|error| Failed::of_server(&error))
    }
}

fn server_options(request: &ScratchRequest) -> ServerOptions {
    let durability = if request.fsync { Durability::LikeProduction } else { Durability::ThrowAway };
    ServerOptions {
        folder: request.folder.clone(),
        template_cache: request.template_cache.clone(),
        durability,
        reach: request.reach,
        ..ServerOptions::default()
    }
}

/// The newest pg_restore reads the most; the server's own always fits where there is no other.
fn newest_pg_restore(request: &ScratchRequest, own: &Binaries) -> Option<Binaries> {
    let newest = request.search.choose(None, &[Program::PgRestore]).ok().map(|it| it.binaries);
    newest.or_else(|| own.has(Program::PgRestore).then(|| own.clone()))
}
