//! The servers that trials are held on: a shared one, or one that can be killed.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use stopover_scratch::server::{Durability, ServerOptions};
use stopover_testkit::{TestDatabase, TestServer, template_cache};
use tokio_postgres::NoTls;
use tokio_postgres::config::Host;

use crate::Complaint;
use crate::moment::{Blow, Kind};

/// How long a server may take to recover by itself.
const RECOVERY: Duration = Duration::from_secs(60);

/// Where trials of one kind are held, one after the other.
#[derive(Debug)]
pub(crate) enum Ground {
    /// The server that all of this process share.
    Shared,
    /// A server of its own.
    Own(TestServer),
}

impl Ground {
    pub(crate) async fn for_kind(kind: Kind) -> Self {
        match kind {
            Kind::Tool | Kind::Network => Self::Shared,
            Kind::Server => Self::Own(own_server(100).await),
        }
    }

    /// A server for so many clients.
    pub(crate) async fn for_clients(number: usize) -> Self {
        Self::Own(own_server(number).await)
    }

    pub(crate) async fn database(&self) -> TestDatabase {
        match self {
            Self::Shared => TestDatabase::create().await,
            Self::Own(server) => TestDatabase::create_on(server).await,
        }
    }

    /// Strikes at the server; whether there was anything to strike.
    pub(crate) fn strike(&self, blow: Blow, database: &str) -> bool {
        let Self::Own(server) = self else { return false };
        let postmaster = server.server().pid().and_then(|pid| i32::try_from(pid).ok());
        let (target, signal) = match blow {
            Blow::KillServer => (postmaster, Signal::SIGKILL),
            Blow::ShutServerDown => (postmaster, Signal::SIGQUIT),
            Blow::KillBackend => (backend(database), Signal::SIGKILL),
            Blow::KillTool | Blow::Cut | Blow::Reset => (None, Signal::SIGKILL),
        };
        target.is_some_and(|pid| kill(Pid::from_raw(pid), signal).is_ok())
    }

    /// Brings the server up again after a strike.
    pub(crate) async fn recover(
        &mut self,
        blow: Blow,
        database: &TestDatabase,
    ) -> Result<(), Complaint> {
        let Self::Own(server) = self else { return Ok(()) };
        if blow != Blow::KillBackend {
            server.restart().await;
            return Ok(());
        }
        let began = Instant::now();
        while database.config().connect(NoTls).await.is_err() {
            if began.elapsed() > RECOVERY {
                let log = server.server().log_tail(20);
                return Err(Complaint::new(format!("the server does not recover:\n{log}")));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

/// Commits are as in production; only the machine itself may not fail, so nobody waits for disks.
async fn own_server(clients: usize) -> TestServer {
    let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let options = ServerOptions {
        template_cache: template_cache(),
        memory: Some(256 << 20),
        durability: Durability::LikeProduction,
        settings: vec![
            setting("fsync", "off"),
            setting("full_page_writes", "off"),
            setting("restart_after_crash", "on"),
            setting("max_connections", &clients.to_string()),
        ],
        ..ServerOptions::default()
    };
    TestServer::start_with(options).await
}

/// The process of the server that works for somebody in this database.
fn backend(database: &str) -> Option<i32> {
    let processes = std::fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|process| {
        let pid: i32 = process.file_name().to_str()?.parse().ok()?;
        let title = std::fs::read(process.path().join("cmdline")).ok()?;
        let title = String::from_utf8_lossy(&title);
        (title.starts_with("postgres:") && title.contains(database)).then_some(pid)
    })
}

/// The server's socket.
pub(crate) fn socket(database: &TestDatabase) -> Result<PathBuf, Complaint> {
    let config = database.config();
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts().first() {
        Some(Host::Unix(folder)) => Ok(folder.join(format!(".s.PGSQL.{port}"))),
        _ => Err(Complaint::new("trials need a server on a Unix socket".to_owned())),
    }
}
