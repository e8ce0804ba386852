//! Where a backup is restored to, and as whom.

use std::path::PathBuf;

use stopover_postgres::literal::identifier;
use tokio_postgres::Config;

use super::crew::Crew;
use super::encoding::Encoding;
use super::error::RestoreError;
use super::footing::Footing;
use super::keeper::Keeper;
use super::session::Session;
use crate::binaries::Binaries;
use crate::server::secret;

/// A database to make on a server where we are superuser: a private one.
#[derive(Debug, Clone)]
pub struct RestoreTarget {
    /// How to connect as the superuser, to any database.
    pub superuser: Config,
    /// The database to make.
    pub database: String,
    /// Has `pg_restore`, for archives: the newest that is installed reads the most.
    pub pg_restore: Option<Binaries>,
    /// How many sessions load data and build indexes at once; `None` is one for each core.
    pub sessions: Option<usize>,
    /// A folder on the server's disk where data may wait, in files without a name, that the
    /// sessions have not come to yet: dumps of a few gigabytes are restored faster so. `None` is
    /// nowhere.
    pub spool: Option<PathBuf>,
}

impl RestoreTarget {
    /// How to connect to the restored database as the superuser. Such a session must set its
    /// `search_path` to nothing before it runs anything: a dump may bring functions and operators
    /// that are meant to be run by a superuser.
    #[must_use]
    pub fn superuser_config(&self) -> Config {
        let mut config = self.superuser.clone();
        config.dbname(&self.database);
        config
    }

    /// Gives a role of the dump a login with a random password, and says how to connect as it.
    ///
    /// # Errors
    ///
    /// When the server refuses, or the role is not the dump's but the server's own.
    pub async fn login_for(&self, role: &str) -> Result<Config, RestoreError> {
        let keeper = Session::open(&self.superuser).await?;
        let sql = "SELECT rolsuper OR rolname LIKE 'pg\\_%' FROM pg_catalog.pg_roles
                   WHERE rolname = $1";
        let row = keeper.client.query_opt(sql, &[&role]).await;
        let row = row.map_err(|error| RestoreError::of_server("looking at a role", &error))?;
        let reason = match row.map(|row| row.get::<_, bool>(0)) {
            Some(false) => None,
            Some(true) => Some("it is a superuser or the server's own: name an ordinary role"),
            None => Some("there is no such role in the backup"),
        };
        if let Some(reason) = reason {
            let error = Box::new(stopover_model::DatabaseError::local(reason));
            return Err(RestoreError::Role { role: role.to_owned(), error });
        }
        let password = random_password();
        let (name, secret) = (identifier(role), secret(&password));
        let sql = format!("ALTER ROLE {name} LOGIN PASSWORD '{secret}'");
        keeper.run("giving a role its login", &sql).await?;
        keeper.close().await;
        Ok(self.config_for(role, &password))
    }

    fn config_for(&self, role: &str, password: &str) -> Config {
        let mut config = self.superuser_config();
        config.user(role).password(password);
        config
    }
}

/// 192 random bits in hex digits: nothing to quote.
pub(super) fn random_password() -> String {
    rand::random::<[u64; 3]>().map(|part| format!("{part:016x}")).concat()
}

/// A database that is ready for a dump, and the sessions that restore it.
pub(super) struct Site {
    /// The restoring role's.
    pub(super) session: Session,
    /// More of its sessions, when they are needed.
    pub(super) crew: Crew,
    /// A folder where data may wait.
    pub(super) spool: Option<PathBuf>,
    pub(super) keeper: Keeper,
}

impl Site {
    /// Makes the restoring role and the database.
    pub(super) async fn prepare(
        target: &RestoreTarget,
        encoding: &Encoding,
        server_major: u32,
    ) -> Result<Self, RestoreError> {
        let restorer = format!("stopover_restore_{:016x}", rand::random::<u64>());
        let password = random_password();
        let (role, database) = (identifier(&restorer), identifier(&target.database));
        let maintenance = Session::open(&target.superuser).await?;
        // BYPASSRLS: a restore by a superuser, which this stands for, sees all rows.
        let sql = format!("CREATE ROLE {role} LOGIN BYPASSRLS PASSWORD '{password}'");
        maintenance.run("making the restoring role", &sql).await?;
        let options = encoding.database_options(server_major);
        // The order of C.UTF-8 is that of its bytes, which the server compares several times faster
        // when it knows it; what a letter is remains a matter of LC_CTYPE.
        let order = if *encoding == Encoding::Utf8 { "LC_COLLATE 'C'" } else { "" };
        let sql =
            format!("CREATE DATABASE {database} OWNER {role} TEMPLATE template0 {options} {order}");
        maintenance.run("making the scratch database", &sql).await?;
        maintenance.close().await;
        let config = target.superuser_config();
        let keeper =
            Keeper::open(&config, &target.database, &restorer, server_major, Footing::Private)
                .await?;
        if server_major < 15 {
            // Later servers give it to the database's owner by themselves.
            let sql = format!("ALTER SCHEMA public OWNER TO {role}");
            keeper.own.run("giving away the schema public", &sql).await?;
        }
        let config = target.config_for(&restorer, &password);
        let session = Session::open(&config).await?;
        let crew = Crew::new(config, target.sessions);
        Ok(Self { session, crew, spool: target.spool.clone(), keeper })
    }
}

/// The server's major version.
pub(super) async fn server_major(config: &Config) -> Result<u32, RestoreError> {
    let session = Session::open(config).await?;
    let doing = "asking for the server's version";
    let number = session.names(doing, "SELECT pg_catalog.current_setting('server_version_num')");
    let number = number.await?.into_iter().next().and_then(|it| it.parse::<u32>().ok());
    session.close().await;
    // 90624 is 9.6.24, 150018 is 15.18.
    Ok(number.map_or(0, |number| number / 10_000))
}
