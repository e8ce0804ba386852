//! The server that the tests of a process share, and servers of a test's own.

use std::env;
use std::fs::DirBuilder;
use std::future::Future;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use stopover_scratch::binaries::{Binaries, Program, Search};
use stopover_scratch::server::{PrivateServer, ServerOptions};
use tokio::runtime::{self, Handle, RuntimeFlavor};
use tokio_postgres::Config;

use crate::Access;

/// Names a server, by the URL of a superuser, that the tests use instead of starting one.
pub const SERVER_VARIABLE: &str = "STOPOVER_TEST_SERVER";

/// Memory that a test's server is fitted to: many of them run at once.
const MEMORY: u64 = 256 << 20;

static SHARED: OnceLock<Shared> = OnceLock::new();

struct Shared {
    access: Access,
    // Never dropped: a static's end is the process' end, which the server notices by itself.
    _server: Option<PrivateServer>,
}

/// A private server of one test, stopped and removed when dropped.
#[derive(Debug)]
pub struct TestServer {
    server: PrivateServer,
}

impl TestServer {
    /// Starts a server that nobody else uses.
    pub async fn start() -> Self {
        Self::start_with(options()).await
    }

    /// Starts a server with the options changed.
    pub async fn start_with(options: ServerOptions) -> Self {
        let server = PrivateServer::start(&binaries(), options).await;
        Self { server: server.unwrap_or_else(|error| panic!("{}", with_sources(&error))) }
    }

    /// How to get to its database `postgres` as the superuser.
    pub fn access(&self) -> Access {
        Access::new(self.server.config())
    }

    /// The URL of its database `postgres`.
    pub fn url(&self) -> String {
        self.access().url()
    }

    /// The server itself.
    pub fn server(&self) -> &PrivateServer {
        &self.server
    }

    /// Kills the server (SIGKILL to the postmaster), as a crash would.
    pub fn kill(&self) {
        let pid = self.server.pid().expect("the server is running");
        let pid = Pid::from_raw(pid.try_into().expect("a process id is a positive i32"));
        kill(pid, Signal::SIGKILL).expect("the postmaster can be killed");
    }

    /// Starts it again on the same data, whether it was killed or still runs.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn restart(&mut self) {
        let started = self.server.start_again(&binaries()).await;
        started.unwrap_or_else(|error| panic!("{}", with_sources(&error)));
    }

    /// Stops it and removes its folder.
    pub async fn stop(self) {
        self.server.stop().await.expect("the server stops and its folder goes");
    }
}

/// How to get to the server that this process' tests share, as its superuser; it is started by
/// the first that asks.
pub fn shared() -> &'static Access {
    let shared = SHARED.get_or_init(|| match env::var(SERVER_VARIABLE) {
        Ok(url) if !url.is_empty() => {
            let config: Config = url
                .parse()
                .unwrap_or_else(|error| panic!("{SERVER_VARIABLE} is no connection URL: {error}"));
            Shared { access: Access::new(config), _server: None }
        }
        _ => {
            let server = apart(async { TestServer::start().await.server });
            Shared { access: Access::new(server.config()), _server: Some(server) }
        }
    });
    &shared.access
}

/// The binaries that the tests use: `STOPOVER_PG_BIN`, else the newest here.
///
/// # Panics
/// Where there are none, with the command that installs them.
pub fn binaries() -> Binaries {
    let programs = [Program::Psql, Program::PgDump, Program::PgRestore];
    match Search::from_environment(None).choose(None, &programs) {
        Ok(choice) => choice.binaries,
        Err(error) => panic!("these tests need PostgreSQL: {error}"),
    }
}

/// Whether the server of the tests is of this major version or a newer one. Where it is not, the
/// test is left out, and says so: `cargo xtask versions` counts what is left out.
pub fn needs(major: u32, why: &str) -> bool {
    let binaries = binaries();
    let version = binaries.version();
    let has = version.major() >= major;
    if !has {
        println!("left out: it needs PostgreSQL {major}, this is {}: {why}", version.number());
    }
    has
}

/// The folder of the binaries that the tests use.
pub fn server_bin() -> PathBuf {
    binaries().folder().to_owned()
}

/// Options for servers of tests: small, and from a prepared data folder.
pub(crate) fn options() -> ServerOptions {
    ServerOptions {
        template_cache: template_cache(),
        memory: Some(MEMORY),
        ..ServerOptions::default()
    }
}

/// Where prepared data folders of tests are kept: in the target folder of the running test, else
/// in the temporary folder, one for each user.
pub fn template_cache() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let cache = match target {
        Some(target) => target.join("tmp").join("stopover-templates"),
        None => env::temp_dir().join(format!("stopover-templates-{}", geteuid())),
    };
    DirBuilder::new().mode(0o700).recursive(true).create(&cache).ok()?;
    Some(cache)
}

/// Runs a future to its end on a thread of its own: also possible inside a runtime, where
/// blocking on another is forbidden.
pub(crate) fn apart<T: Send>(future: impl Future<Output = T> + Send) -> T {
    let on_a_thread = || {
        thread::scope(|scope| {
            let run = scope.spawn(|| {
                let runtime = runtime::Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime can be built").block_on(future)
            });
            run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    };
    // A blocked worker keeps the task that is next with it. If that is the other side of a
    // connection that is being made, DROP DATABASE waits for it until the server gives it up:
    // a minute.
    match Handle::try_current().map(|it| it.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(on_a_thread),
        _ => on_a_thread(),
    }
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
