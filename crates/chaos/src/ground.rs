//! The servers that trials are held on: a shared one, or one that can be killed.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
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
    Own(Box<Own>),
}

/// A server that can be killed.
#[derive(Debug)]
pub(crate) struct Own {
    server: TestServer,
    /// What its log said last of being ready, before the last strike.
    ready: Mutex<Option<String>>,
}

impl Ground {
    pub(crate) async fn for_kind(kind: Kind) -> Self {
        match kind {
            // A file needs no server: the shared one starts when it is asked for.
            Kind::Tool | Kind::Network | Kind::File => Self::Shared,
            Kind::Server => Self::Own(Box::new(Own::start(100).await)),
        }
    }

    /// A server for so many clients.
    pub(crate) async fn for_clients(number: usize) -> Self {
        Self::Own(Box::new(Own::start(number).await))
    }

    pub(crate) async fn database(&self) -> TestDatabase {
        match self {
            Self::Shared => TestDatabase::create().await,
            Self::Own(own) => TestDatabase::create_on(&own.server).await,
        }
    }

    /// Strikes at the server; whether there was anything to strike.
    pub(crate) fn strike(&self, blow: Blow, database: &str) -> bool {
        let Self::Own(own) = self else { return false };
        *own.ready.lock().unwrap_or_else(PoisonError::into_inner) = own.last_ready();
        let postmaster = own.server.server().pid().and_then(|pid| i32::try_from(pid).ok());
        let (target, signal) = match blow {
            Blow::KillServer => (postmaster, Signal::SIGKILL),
            Blow::ShutServerDown => (postmaster, Signal::SIGQUIT),
            Blow::KillBackend => (backend(database), Signal::SIGKILL),
            _ => (None, Signal::SIGKILL),
        };
        target.is_some_and(|pid| kill(Pid::from_raw(pid), signal).is_ok())
    }

    /// Brings the server up again after a strike.
    pub(crate) async fn recover(
        &mut self,
        blow: Blow,
        database: &TestDatabase,
    ) -> Result<(), Complaint> {
        match self {
            Self::Shared => Ok(()),
            Self::Own(own) if blow == Blow::KillBackend => own.recovered(database).await,
            Self::Own(own) => {
                own.server.restart().await;
                Ok(())
            }
        }
    }
}

impl Own {
    async fn start(clients: usize) -> Self {
        Self { server: own_server(clients).await, ready: Mutex::new(None) }
    }

    /// What its log said last of being ready.
    fn last_ready(&self) -> Option<String> {
        let log = self.server.server().log_tail(1000);
        let ready = |line: &&str| line.contains("ready to accept connections");
        log.lines().rev().find(ready).map(str::to_owned)
    }

    /// Waits until it has recovered by itself.
    async fn recovered(&self, database: &TestDatabase) -> Result<(), Complaint> {
        let before = self.ready.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let began = Instant::now();
        // Until the postmaster has seen that a process is gone, it goes on as before.
        while self.last_ready() == before || database.config().connect(NoTls).await.is_err() {
            if began.elapsed() > RECOVERY {
                let log = self.server.server().log_tail(20);
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
