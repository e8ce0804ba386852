//! The private server that everything happens on, and its databases.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use stopover_scratch::binaries::{Binaries, Program, Search};
use stopover_scratch::server::{PrivateServer, ServerOptions};

use stopover_testkit::template_cache;

use super::program::{self, Said};

/// The role that owns the project's databases.
const ROLE: &str = "project";

/// Its password: the server is private, and listens on no network.
const PASSWORD: &str = "project";

/// What the project's role may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rights {
    /// It owns its databases, as in production.
    Owner,
    /// Everything: for projects whose migrations need it.
    Superuser,
}

/// A private server, stopped and removed when dropped.
pub(super) struct Server {
    binaries: Binaries,
    server: PrivateServer,
}

impl Server {
    /// Starts the server, with the project's role.
    pub(super) fn start(rights: Rights) -> anyhow::Result<Self> {
        let programs = [Program::Psql, Program::PgDump, Program::PgRestore];
        let binaries = Search::from_environment(None).choose(None, &programs)?.binaries;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let options =
            ServerOptions { template_cache: template_cache(), ..ServerOptions::default() };
        let started = PrivateServer::start(&binaries, options);
        let server = runtime.block_on(started).context("no private server")?;
        let started = Self { binaries, server };
        let more = if rights == Rights::Superuser { " SUPERUSER" } else { "" };
        started.admin(&format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'{more}"))?;
        Ok(started)
    }

    pub(super) fn version(&self) -> &str {
        self.server.version().number()
    }

    /// Creates an empty database that belongs to the project's role.
    pub(super) fn database(&self, name: &str) -> anyhow::Result<Database<'_>> {
        self.admin(&format!("CREATE DATABASE {name} OWNER {ROLE}"))?;
        Ok(Database { server: self, name: name.to_owned() })
    }

    fn admin(&self, sql: &str) -> anyhow::Result<()> {
        let mut psql = Command::new(self.binaries.path(Program::Psql));
        psql.envs(self.server.environment("postgres")).args(["-X", "-q", "-c", sql]);
        program::run(&mut psql)?.or_fail("psql").map(drop)
    }
}

/// One database of the project's.
pub(super) struct Database<'a> {
    server: &'a Server,
    name: String,
}

impl Database<'_> {
    /// libpq's URL.
    pub(super) fn url(&self) -> String {
        let folder = self.server.server.socket_folder().to_string_lossy().replace('/', "%2F");
        let port = self.server.server.port();
        format!("postgresql://{ROLE}:{PASSWORD}@{folder}:{port}/{}", self.name)
    }

    /// One of PostgreSQL's programs, set up by its environment to connect to this database.
    pub(super) fn command(&self, program: Program) -> Command {
        let mut command = Command::new(self.server.binaries.path(program));
        command
            .envs(self.server.server.environment(&self.name))
            .envs([("PGUSER", ROLE), ("PGPASSWORD", PASSWORD), ("LC_ALL", "C")])
            .env_remove("PGOPTIONS");
        if program == Program::Psql {
            command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
        }
        command
    }

    /// Runs psql with further arguments.
    pub(super) fn psql(&self, arguments: &[&str]) -> anyhow::Result<Said> {
        program::run(self.command(Program::Psql).args(arguments))
    }

    /// What a query prints, or an error.
    pub(super) fn query(&self, sql: &str) -> anyhow::Result<String> {
        Ok(self.psql(&["-c", sql])?.or_fail("psql")?.output)
    }

    /// Whether there is such a table.
    pub(super) fn has_table(&self, name: &str) -> anyhow::Result<bool> {
        Ok(self.query(&format!("SELECT to_regclass('{name}') IS NOT NULL"))?.trim() == "t")
    }

    /// The schema as pg_dump writes it, Stopover's own schema apart.
    pub(super) fn schema(&self) -> anyhow::Result<String> {
        let mut dump = self.command(Program::PgDump);
        dump.args(["--schema-only", "--exclude-schema=stopover"]);
        let text = program::run(&mut dump)?.or_fail("pg_dump")?.output;
        // Newer ones write a key there that is new in each run.
        let chance =
            |line: &&str| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict");
        Ok(text.lines().filter(chance).flat_map(|line| [line, "\n"]).collect())
    }

    /// Rows of every table that holds rows of its own and is no ledger: a line for each.
    pub(super) fn counts(&self) -> anyhow::Result<Vec<(String, u64)>> {
        let sql = "SELECT format('SELECT %L, count(*) FROM %I.%I', \
                       nspname || '.' || relname, nspname, relname) \
                   FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
                   WHERE relkind = 'r' \
                       AND relname NOT IN ('_sqlx_migrations', '__diesel_schema_migrations') \
                       AND nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'stopover') \
                   ORDER BY nspname, relname \\gexec\n";
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("counts.sql");
        std::fs::write(&file, sql)?;
        let said = self.psql(&["-f", &file.to_string_lossy()])?.or_fail("psql")?;
        let line = |line: &str| {
            let (name, count) = line.rsplit_once('|')?;
            Some((name.to_owned(), count.parse().ok()?))
        };
        Ok(said.output.lines().filter_map(line).collect())
    }

    /// Runs a file through psql in one transaction, or each statement alone.
    pub(super) fn run_file(
        &self,
        file: &Path,
        after: Option<&str>,
        whole: Whole,
    ) -> anyhow::Result<Said> {
        let mut psql = self.command(Program::Psql);
        if whole == Whole::OneTransaction {
            psql.arg("-1");
        }
        psql.arg("-f").arg(file);
        if let Some(sql) = after {
            psql.args(["-c", sql]);
        }
        program::run(&mut psql)
    }
}

/// How psql runs a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    /// In one transaction.
    OneTransaction,
    /// Each statement alone.
    EachAlone,
}
