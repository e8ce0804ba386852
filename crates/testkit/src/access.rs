//! How to get to one database: as a URL, as a client, through PostgreSQL's own programs.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use stopover_scratch::binaries::Program;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

use crate::server::binaries;

/// How to get to one database.
#[derive(Debug, Clone)]
pub struct Access {
    config: Config,
}

/// What a program of PostgreSQL's printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Whether it ended well.
    pub success: bool,
    /// Its standard output.
    pub output: String,
    /// Its standard error.
    pub errors: String,
}

impl Access {
    pub(crate) fn new(config: Config) -> Self {
        Self { config }
    }

    /// The same server and role, another database.
    pub fn to(&self, database: &str) -> Self {
        let mut config = self.config.clone();
        config.dbname(database);
        Self { config }
    }

    /// The same server and database, another role.
    pub fn as_role(&self, role: &str, password: &str) -> Self {
        let mut config = self.config.clone();
        config.user(role).password(password);
        Self { config }
    }

    /// The same database and role, by another way.
    pub(crate) fn through(&self, host: &str, port: u16) -> Self {
        let mut config = Config::new();
        config.host(host).port(port).dbname(self.database());
        if let Some(user) = self.config.get_user() {
            config.user(user);
        }
        if let Some(password) = self.config.get_password() {
            config.password(password);
        }
        Self { config }
    }

    /// The server's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        PathBuf::from(self.host()).join(format!(".s.PGSQL.{}", self.port()))
    }

    /// The connection's settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or("postgres")
    }

    /// libpq's URL: `postgresql://user:password@%2Ffolder:5432/database`.
    pub fn url(&self) -> String {
        format!(
            "postgresql://{}:{}@{}:{}/{}",
            encode(self.config.get_user().unwrap_or_default()),
            encode(&self.password()),
            encode(&self.host()),
            self.port(),
            encode(self.database()),
        )
    }

    /// Connects; the connection is driven by the current runtime until the client is dropped.
    pub async fn client(&self) -> Client {
        let connected = self.config.connect(NoTls).await;
        let (client, connection) =
            connected.unwrap_or_else(|error| panic!("the test's database answers: {error:?}"));
        // Its end, also by a killed server, shows at the client.
        tokio::spawn(connection);
        client
    }

    /// Runs SQL through the real psql, unaligned, tuples only, stopping at the first error, and
    /// returns what it printed.
    ///
    /// # Panics
    /// When psql fails, with what it said.
    pub fn psql(&self, sql: &str) -> String {
        let said =
            self.run(Program::Psql, &["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        assert!(said.success, "psql failed: {}", said.errors);
        said.output.trim_end().to_owned()
    }

    /// Runs pg_dump with further arguments and returns what it wrote to standard output.
    ///
    /// # Panics
    /// When pg_dump fails, with what it said.
    pub fn pg_dump(&self, arguments: &[&str]) -> String {
        let said = self.run(Program::PgDump, arguments);
        assert!(said.success, "pg_dump failed: {}", said.errors);
        said.output
    }

    /// Runs one of PostgreSQL's programs against this database.
    pub fn run(&self, program: Program, arguments: &[&str]) -> Said {
        let output = self.command(program).args(arguments).stdin(Stdio::null()).output();
        let output = output.unwrap_or_else(|error| panic!("{program} cannot be run: {error}"));
        let Output { status, stdout, stderr } = output;
        Said {
            success: status.success(),
            output: String::from_utf8_lossy(&stdout).into_owned(),
            errors: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }

    /// One of PostgreSQL's programs, set up by its environment to connect to this database.
    pub fn command(&self, program: Program) -> Command {
        let mut command = Command::new(binaries().path(program));
        command
            .env("PGHOST", self.host())
            .env("PGPORT", self.port().to_string())
            .env("PGUSER", self.config.get_user().unwrap_or_default())
            .env("PGPASSWORD", self.password())
            .env("PGDATABASE", self.database())
            .env("LC_ALL", "C");
        command
    }

    fn host(&self) -> String {
        match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(folder)) => folder.to_string_lossy().into_owned(),
            None => "localhost".to_owned(),
        }
    }

    fn port(&self) -> u16 {
        self.config.get_ports().first().copied().unwrap_or(5432)
    }

    fn password(&self) -> String {
        String::from_utf8_lossy(self.config.get_password().unwrap_or_default()).into_owned()
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_back_as_what_it_was_made_from() {
        let mut config = Config::new();
        config.host_path("/tmp/a b/sock").port(5433).user("o'neil").password("p@s:s/%").dbname("ü");
        let url = Access::new(config.clone()).url();
        let read: Config = url.parse().unwrap();
        assert_eq!(read, config, "{url}");
    }
}
