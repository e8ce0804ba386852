//! The private server that everything is measured on: durable, and set as a server is out of the
//! box.

use std::process::Command;
use std::time::Duration;
use std::{env, fs, thread};

use anyhow::Context;
use nix::unistd::{SysconfVar, sysconf};
use stopover_scratch::binaries::{Binaries, Program, Search};
use stopover_scratch::server::{Durability, PrivateServer, ServerOptions};
use stopover_testkit::template_cache;

/// Role, password and owner of all databases.
const ROLE: &str = "bench";

/// PostgreSQL's own values of what a private server sets for its usual work.
const OUT_OF_THE_BOX: [(&str, &str); 13] = [
    ("shared_buffers", "128MB"),
    ("effective_cache_size", "4GB"),
    ("work_mem", "4MB"),
    ("maintenance_work_mem", "64MB"),
    ("max_parallel_maintenance_workers", "2"),
    ("autovacuum", "on"),
    ("max_connections", "100"),
    ("max_locks_per_transaction", "64"),
    ("max_wal_size", "1GB"),
    ("checkpoint_timeout", "5min"),
    ("max_worker_processes", "8"),
    ("max_parallel_workers", "8"),
    ("jit", "on"),
];

/// A private server, stopped and removed when dropped.
pub(super) struct Server {
    binaries: Binaries,
    server: PrivateServer,
    /// An address of its own on the loopback: not every tool speaks Unix sockets.
    address: String,
}

impl Server {
    pub(super) fn start() -> anyhow::Result<Self> {
        let programs = [Program::Psql, Program::PgDump, Program::PgRestore];
        let binaries = Search::from_environment(None).choose(None, &programs)?.binaries;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let id = std::process::id();
        let address = format!("127.{}.{}.{}", 1 + id % 250, (id >> 8) % 256, 2 + (id >> 16) % 250);
        let mut settings: Vec<(String, String)> =
            OUT_OF_THE_BOX.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        settings.push(("listen_addresses".to_owned(), address.clone()));
        let options = ServerOptions {
            template_cache: template_cache(),
            durability: Durability::LikeProduction,
            settings,
            ..ServerOptions::default()
        };
        let started = PrivateServer::start(&binaries, options);
        let server = runtime.block_on(started).context("no private server")?;
        let started = Self { binaries, server, address };
        started.admin(&format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{ROLE}'"))?;
        started.let_in()?;
        Ok(started)
    }

    /// The role comes in by password over the loopback.
    fn let_in(&self) -> anyhow::Result<()> {
        let path = self.server.data_folder().join("pg_hba.conf");
        let rules = fs::read_to_string(&path)?;
        let rule = format!("host all {ROLE} {}/32 scram-sha-256\n", self.address);
        // Whoever connects to such an address comes from 127.0.0.1 or from the address itself.
        let other = format!("host all {ROLE} 127.0.0.1/32 scram-sha-256\n");
        fs::write(&path, format!("{rules}{rule}{other}"))?;
        self.admin("SELECT pg_reload_conf()")
    }

    pub(super) fn version(&self) -> &str {
        self.server.version().number()
    }

    /// psql itself, not a packager's wrapper.
    pub(super) fn psql(&self) -> std::path::PathBuf {
        self.binaries.path(Program::Psql)
    }

    /// A program of PostgreSQL's own, for the role and over the Unix socket.
    pub(super) fn client(&self, name: &str, database: &str) -> Command {
        let mut command = Command::new(self.binaries.folder().join(name));
        command.envs(self.role_environment(database));
        command
    }

    /// What leads such programs to a database, and the shell to them.
    pub(super) fn role_environment(&self, database: &str) -> Vec<(&'static str, String)> {
        let superuser = self.server.environment(database).into_iter();
        let role = superuser.map(|(name, value)| match name {
            "PGUSER" | "PGPASSWORD" => (name, ROLE.to_owned()),
            _ => (name, value),
        });
        let path = env::var("PATH").unwrap_or_default();
        role.chain([("PATH", format!("{}:{path}", self.binaries.folder().display()))]).collect()
    }

    /// Processor time of all of the server's processes so far, those included that have ended.
    pub(super) fn processor(&self) -> anyhow::Result<Duration> {
        // A session that its client has just left takes a moment.
        thread::sleep(Duration::from_millis(100));
        let server = self.server.pid().context("the server has ended")?;
        let mut ticks = 0;
        for entry in fs::read_dir("/proc").context("where processes tell their time")? {
            let Ok(text) = fs::read_to_string(entry?.path().join("stat")) else { continue };
            ticks += ticks_of(&text, server).unwrap_or(0);
        }
        let second = sysconf(SysconfVar::CLK_TCK)?.context("a clock's ticks")?;
        Ok(Duration::from_secs_f64(ticks as f64 / second as f64))
    }

    /// The URL of a database, for every tool.
    pub(super) fn url(&self, database: &str) -> String {
        let port = self.server.port();
        format!("postgres://{ROLE}:{ROLE}@{}:{port}/{database}?sslmode=disable", self.address)
    }

    /// A database, empty or a copy.
    pub(super) fn create(&self, name: &str, template: Option<&str>) -> anyhow::Result<()> {
        let template = template.map(|it| format!(" TEMPLATE {it}")).unwrap_or_default();
        self.admin(&format!("CREATE DATABASE {name} OWNER {ROLE}{template}"))?;
        self.ask(name, &format!("ALTER SCHEMA public OWNER TO {ROLE}")).map(drop)
    }

    pub(super) fn drop(&self, name: &str) -> anyhow::Result<()> {
        self.admin(&format!("DROP DATABASE {name} WITH (FORCE)"))
    }

    /// For preparing: commits in `database` need not wait for the disk, or wait again.
    pub(super) fn hurry(&self, database: &str, hurry: Hurry) -> anyhow::Result<()> {
        let value = match hurry {
            Hurry::Yes => "SET synchronous_commit = off",
            Hurry::No => "RESET synchronous_commit",
        };
        self.admin(&format!("ALTER DATABASE {database} {value}"))
    }

    /// The number that a query gives.
    pub(super) fn number(&self, database: &str, sql: &str) -> anyhow::Result<usize> {
        let said = self.ask(database, sql)?;
        said.trim().parse().with_context(|| format!("{sql} gave {said}"))
    }

    /// All rows of a table, as text.
    pub(super) fn rows(&self, database: &str, table: &str) -> anyhow::Result<String> {
        self.ask(database, &format!("SELECT t::text FROM {table} t ORDER BY 1"))
    }

    pub(super) fn admin(&self, sql: &str) -> anyhow::Result<()> {
        self.ask("postgres", sql).map(drop)
    }

    fn ask(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let mut psql = Command::new(self.psql());
        psql.envs(self.server.environment(database)).args(["-X", "-q", "-A", "-t"]);
        psql.args(["-v", "ON_ERROR_STOP=1"]);
        psql.args(["-c", sql]);
        let said = psql.output().context("psql cannot be run")?;
        let errors = String::from_utf8_lossy(&said.stderr);
        anyhow::ensure!(said.status.success(), "psql: {errors}");
        Ok(String::from_utf8_lossy(&said.stdout).into_owned())
    }
}

/// The ticks of a process, by proc_pid_stat(5), if it is the server or one of its own; the server's
/// with those of children that have ended.
fn ticks_of(stat: &str, server: u32) -> Option<u64> {
    // The name before is in parentheses, and may have any.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split_whitespace().collect();
    let own = stat.split_once(' ')?.0.parse() == Ok(server);
    let child = fields.get(1)?.parse() == Ok(server);
    let times = fields.get(11..if own { 15 } else { 13 })?;
    (own || child).then(|| times.iter().filter_map(|it| it.parse::<u64>().ok()).sum())
}

/// Whether commits wait for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hurry {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::ticks_of;

    #[test]
    fn a_servers_time_is_that_of_its_processes_and_of_those_that_ended() {
        let stat = |id, parent| {
            format!("{id} (a (b) c) S {parent} 1 1 0 -1 4 0 0 0 0 10 20 300 400 20 0 1 0 9")
        };
        assert_eq!(ticks_of(&stat(7, 1), 7), Some(730));
        assert_eq!(ticks_of(&stat(8, 7), 7), Some(30));
        assert_eq!(ticks_of(&stat(9, 8), 7), None);
    }
}
