//! A PostgreSQL server of our own: private, temporary, gone with this process.
//!
//! It listens on a Unix socket in a folder that nobody else may enter, has a superuser with a
//! random name and password, and is stopped and removed on every way out of this process, SIGKILL
//! included (the module `watch` says how; [`crate::sweep`] is the last net).
//!
//! It is not for data that must be kept.

mod error;
pub(crate) mod folder;
mod identity;
mod initialise;
pub(crate) mod machine;
mod options;
mod ready;
mod settle;
mod template;
pub(crate) mod templates;
mod tree;
mod tuning;
pub(crate) mod user;

use std::fs;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio_postgres::Config;

use self::folder::ScratchFolder;
use self::identity::Identity;
use self::machine::Machine;
use self::template::Template;
use self::tuning::Stage;
use self::user::ServerUser;
use crate::base::{BaseCopy, BaseError, Held};
use crate::binaries::{Binaries, Program, ServerVersion};
use crate::sweep::processes;
use crate::watch::{Environment, Guard, Guarded, StopSignal};

pub use self::error::ServerError;
pub(crate) use self::identity::secret;
pub use self::options::{Durability, Locale, Reach, ServerOptions};

/// How long sessions of a killed server may linger.
const LINGERING: Duration = Duration::from_secs(10);

/// How many bytes of a log are looked at for its last lines.
const TAIL_BYTES: u64 = 16 << 10;

/// A running private server. Dropping it stops it and removes its folder, which takes some tens
/// of milliseconds; [`PrivateServer::stop`] does the same without blocking the runtime.
#[derive(Debug)]
pub struct PrivateServer {
    launched: Launched,
    identity: Identity,
    version: ServerVersion,
    options: ServerOptions,
}

/// A server that was started, ready or not. The guard goes before the folder.
#[derive(Debug)]
struct Launched {
    guard: Guard,
    folder: ScratchFolder,
    port: u16,
    notes: Vec<String>,
    base_copy: Option<BaseCopy>,
}

/// What a server begins with.
#[derive(Debug)]
pub(crate) enum Filling {
    /// An empty cluster.
    Empty,
    /// A copy of a base.
    Base(Box<Held>),
}

impl Filling {
    /// What the server is for then.
    fn stage(&self) -> Stage {
        match self {
            Self::Empty => Stage::Restore,
            Self::Base(base) => Stage::Migrations { files: base.files() },
        }
    }
}

impl PrivateServer {
    /// Starts a server and returns when it answers.
    pub async fn start(binaries: &Binaries, options: ServerOptions) -> Result<Self, ServerError> {
        Self::start_on(binaries, options, Filling::Empty).await
    }

    /// The same, on data that are there already.
    pub(crate) async fn start_on(
        binaries: &Binaries,
        options: ServerOptions,
        filling: Filling,
    ) -> Result<Self, ServerError> {
        let version = binaries.version().clone();
        let (binaries, chosen) = (binaries.clone(), options.clone());
        let mut launched = spawn_blocking(move || Launched::launch(&binaries, &chosen, &filling))
            .await
            .map_err(|source| ServerError::CutOff { source })??;
        let log = launched.folder.log();
        ready::until_ready(&mut launched.guard, launched.folder.data(), &log).await?;
        let identity = Identity::random();
        identity
            .take(launched.folder.socket(), launched.port)
            .await
            .map_err(|source| ServerError::SetUp { log: tail(&log, 20), source })?;
        Ok(Self { launched, identity, version, options })
    }

    /// Starts it again on the same data, after it was stopped or killed: what production's servers
    /// go through, for those who look at what becomes of a client.
    pub async fn start_again(&mut self, binaries: &Binaries) -> Result<(), ServerError> {
        // What is left of the former server goes first: two on one folder would be its end.
        self.launched.guard.end();
        // A killed server's file still says `ready`, and its process id may be another's by now.
        let stale = self.data_folder().join("postmaster.pid");
        match fs::remove_file(&stale) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(ServerError::folder(&stale, "remove")(error));
            }
            _ => {}
        }
        let user = ServerUser::for_this_process()?;
        let began = Instant::now();
        loop {
            self.launched.guard = serve(binaries, &self.launched.folder, &user, &[])?;
            let Launched { guard, folder, .. } = &mut self.launched;
            match ready::until_ready(guard, folder.data(), &folder.log()).await {
                // A killed server's sessions take a moment to go, and until then nobody may start.
                Err(ServerError::EndedEarly { .. }) if began.elapsed() < LINGERING => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                other => return other,
            }
        }
    }

    /// How to connect as the superuser.
    pub fn config(&self) -> Config {
        self.config_for(&self.identity.name, &self.identity.password, "postgres")
    }

    /// How to connect as another role, to another database.
    pub fn config_for(&self, user: &str, password: &str, database: &str) -> Config {
        let mut config = Config::new();
        config.host_path(self.socket_folder()).port(self.port());
        config.user(user).password(password).dbname(database);
        config
    }

    /// The superuser's name.
    pub fn superuser(&self) -> &str {
        &self.identity.name
    }

    /// The superuser's password: only for the environment of programs like pg_restore, never for
    /// their arguments, which everybody can read.
    pub fn password(&self) -> &str {
        &self.identity.password
    }

    /// libpq's environment variables for programs that connect as the superuser.
    pub fn environment(&self, database: &str) -> Vec<(&'static str, String)> {
        vec![
            ("PGHOST", self.socket_folder().to_string_lossy().into_owned()),
            ("PGPORT", self.port().to_string()),
            ("PGUSER", self.identity.name.clone()),
            ("PGPASSWORD", self.identity.password.clone()),
            ("PGDATABASE", database.to_owned()),
        ]
    }

    /// The folder with the server's socket.
    pub fn socket_folder(&self) -> &Path {
        self.launched.folder.socket()
    }

    /// The port: part of the socket's name, and what it listens on where it does.
    pub fn port(&self) -> u16 {
        self.launched.port
    }

    /// The server's folder, which goes with it.
    pub fn folder(&self) -> &Path {
        self.launched.folder.path()
    }

    /// The server's data folder.
    pub fn data_folder(&self) -> &Path {
        self.launched.folder.data()
    }

    /// The server's version.
    pub fn version(&self) -> &ServerVersion {
        &self.version
    }

    /// Which durability the server was started with.
    pub fn durability(&self) -> Durability {
        self.options.durability
    }

    /// What the user should know about how it was started, for people to read.
    pub fn notes(&self) -> &[String] {
        &self.launched.notes
    }

    /// How its data were copied from a base; `None` where they were not.
    pub fn base_copy(&self) -> Option<BaseCopy> {
        self.launched.base_copy
    }

    /// The postmaster's process id; `None` when it has ended.
    pub fn pid(&self) -> Option<u32> {
        processes::written_pid(self.data_folder()).and_then(|pid| pid.as_raw().try_into().ok())
    }

    /// The last lines of the server's log.
    pub fn log_tail(&self, lines: usize) -> String {
        tail(&self.launched.folder.log(), lines)
    }

    /// Stops the server at once and removes its folder.
    pub async fn stop(self) -> Result<(), ServerError> {
        let folder = self.folder().to_owned();
        spawn_blocking(move || drop(self))
            .await
            .map_err(|source| ServerError::CutOff { source })?;
        if folder.exists() {
            let left = std::io::Error::other("something in it could not be removed");
            return Err(ServerError::folder(&folder, "remove")(left));
        }
        Ok(())
    }
}

impl Launched {
    fn launch(
        binaries: &Binaries,
        options: &ServerOptions,
        filling: &Filling,
    ) -> Result<Self, ServerError> {
        options.check()?;
        let user = ServerUser::for_this_process()?;
        let (base, note) = folder::base_folder(options.folder.as_deref(), &user)?;
        let mut notes = Vec::from_iter(note);
        let folder = ScratchFolder::create(&base, &user)?;
        let stage = filling.stage();
        let begun = match filling {
            Filling::Empty => {
                fill(binaries, options, &folder, &user, &mut notes)?;
                None
            }
            Filling::Base(base) => Some(base.begin_copy(folder.data(), &user)?),
        };
        let port = options.reach.port().map_err(|source| ServerError::Watch { source })?;
        configure(binaries.version().major(), options, &folder, port, stage)?;
        let environment = tuning::environment(options.durability, stage);
        let start = || serve(binaries, &folder, &user, environment);
        let (guard, base_copy) = match begun {
            None => (start()?, None),
            Some(begun) if options.durability == Durability::LikeProduction => {
                let copy = begun.finish()?;
                // Else the copy's own pages would go to the disk among those of the migrations.
                crate::base::sync(folder.data()).map_err(|source| BaseError::Folder {
                    path: folder.data().to_owned(),
                    source,
                })?;
                (start()?, Some(copy))
            }
            // It starts while its databases are copied.
            Some(begun) => (start()?, Some(begun.finish()?)),
        };
        Ok(Self { guard, folder, port, notes, base_copy })
    }
}

/// Starts the server itself.
fn serve(
    binaries: &Binaries,
    folder: &ScratchFolder,
    user: &ServerUser,
    environment: Environment,
) -> Result<Guard, ServerError> {
    let data = folder.data();
    let guarded = Guarded {
        program: binaries.path(Program::Postgres),
        arguments: vec!["-D".into(), data.into()],
        environment,
        signal: StopSignal::Immediate,
        user,
        data,
        log: folder.open_log(&folder.log())?,
    };
    Guard::start(guarded, folder.cleaner()).map_err(|source| ServerError::Watch { source })
}

/// Gets an empty data folder: from the cache, else from initdb, and then the cache gets a copy.
fn fill(
    binaries: &Binaries,
    options: &ServerOptions,
    folder: &ScratchFolder,
    user: &ServerUser,
    notes: &mut Vec<String>,
) -> Result<(), ServerError> {
    let Some(cache) = &options.template_cache else {
        return initialise::initialise(binaries, options, folder, user);
    };
    let template = Template::new(cache, binaries, options);
    let data = folder.data();
    match template.copy_to(data, user) {
        Ok(true) => return Ok(()),
        Ok(false) => {}
        Err(error) => {
            tree::empty(data).map_err(ServerError::folder(data, "empty"))?;
            notes.push(format!("the cached empty data folder could not be used: {error}"));
        }
    }
    initialise::initialise(binaries, options, folder, user)?;
    if let Err(error) = template.keep(data) {
        notes.push(format!("no empty data folder was kept in {}: {error}", cache.display()));
    }
    Ok(())
}

/// Writes the server's settings.
fn configure(
    major: u32,
    options: &ServerOptions,
    folder: &ScratchFolder,
    port: u16,
    stage: Stage,
) -> Result<(), ServerError> {
    let data = folder.data();
    let place = tuning::Place { socket: folder.socket(), port };
    let ours = tuning::configuration(options, Machine::look(), major, place, stage);
    let path = data.join("postgresql.conf");
    let failed = ServerError::folder(&path, "write");
    let text = fs::read_to_string(&path).map_err(failed)?;
    // A base has the settings of the server that restored it.
    let inherited = text.find(tuning::OURS).map_or(text.as_str(), |at| &text[..at]);
    fs::write(&path, format!("{inherited}{ours}")).map_err(failed)?;
    ServerUser::for_this_process()?.give(&path).map_err(failed)?;
    identity::write_access(data, options.reach)
}

/// The last lines of a file; empty when it cannot be read.
fn tail(path: &Path, lines: usize) -> String {
    let read = || {
        let mut file = fs::File::open(path)?;
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
