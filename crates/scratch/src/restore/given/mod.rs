//! A scratch on a server that somebody gives us: a fresh database there, or a marked one.
//!
//! What is not ours is never touched: a database is dropped only if this run made it, and emptied
//! only if it carries the mark, is not the target, and nobody else uses it. Roles are not made on
//! such a server; everything in a dump belongs to one role, and owners and rights for others are
//! known, counted errors.

mod error;
mod identity;
mod reset;

pub use error::GivenError;
pub use identity::{DatabaseIdentity, Sameness};

use std::time::Instant;

use stopover_model::EventSink;
use stopover_postgres::Target;
use stopover_postgres::literal::{identifier, literal};
use tokio_postgres::Config;

use super::crew::Crew;
use super::encoding::Encoding;
use super::error::RestoreError;
use super::footing::Footing;
use super::keeper::Keeper;
use super::session::Session;
use super::target::{Site, random_password, server_major};
use super::{Input, Restored, fill, must_fit};
use crate::backup::Backup;
use crate::binaries::Binaries;

/// A server that somebody gives us, and what this run has made there.
#[derive(Debug)]
pub struct GivenServer {
    config: Config,
    role: Role,
    database: String,
    major: u32,
    settings: Settings,
    production: Option<DatabaseIdentity>,
    made: Made,
}

/// What a report says of the server.
#[derive(Debug)]
struct Settings {
    version: String,
    fsync: bool,
}

impl Settings {
    async fn of(session: &Session) -> Result<Self, RestoreError> {
        let doing = "asking for the server's settings";
        let sql = "SELECT s.value FROM (VALUES
                       (1, pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1)),
                       (2, pg_catalog.current_setting('fsync'))) AS s (place, value) ORDER BY s.place";
        let mut values = session.names(doing, sql).await?.into_iter();
        let version = values.next().unwrap_or_default();
        Ok(Self { version, fsync: values.next().as_deref() == Some("on") })
    }
}

/// The role of the URL.
#[derive(Debug, Clone)]
struct Role {
    name: String,
    rank: Rank,
    /// Whether it may create databases.
    creates: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    Superuser,
    Ordinary,
}

/// What is there because of us.
#[derive(Debug)]
enum Made {
    Nothing,
    /// A fresh database, and maybe a role of its own; how to connect.
    Fresh {
        database: String,
        role: Option<String>,
        config: Config,
    },
    /// The marked database is taken as long as the session lasts.
    Taken {
        lock: Session,
        config: Config,
    },
}

impl GivenServer {
    /// Connects, and looks at what the role may. Nothing is changed. `production` is the database
    /// that the migrations are for, where that is known.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, or the role's rights are none to restore with.
    pub async fn open(url: &str, production: Option<DatabaseIdentity>) -> Result<Self, GivenError> {
        let target = Target::parse(url)?;
        if let Some(mode) = required_tls(url) {
            return Err(GivenError::Tls { mode });
        }
        let config = target.config().clone();
        let session = Session::open(&config).await.map_err(|error| {
            let reason = match error {
                RestoreError::Connection { reason, .. } => reason,
                RestoreError::Server { error, .. } => error.message.clone(),
                other => other.to_string(),
            };
            GivenError::Unreachable { reason }
        })?;
        let role = Role::of(&session).await?;
        let doing = "asking for the database's name";
        let name = session.names(doing, "SELECT pg_catalog.current_database()::text").await;
        let database = name.map_err(GivenError::of_step)?.concat();
        let major = server_major(&config).await.map_err(GivenError::of_step)?;
        let settings = Settings::of(&session).await.map_err(GivenError::of_step)?;
        session.close().await;
        Ok(Self { config, role, database, major, settings, production, made: Made::Nothing })
    }

    /// Makes a fresh database (or empties the marked one) and restores `backup` into it.
    ///
    /// # Errors
    ///
    /// When that is not allowed or fails. [`GivenServer::discard`] is to be called all the same.
    pub async fn restore(
        &mut self,
        backup: Backup,
        pg_restore: Option<Binaries>,
        sink: &mut dyn EventSink,
    ) -> Result<Restored, GivenError> {
        let begun = Instant::now();
        must_fit(&backup, self.major).map_err(GivenError::Restore)?;
        let input = Input::open(backup, pg_restore).await.map_err(GivenError::Restore)?;
        let encoding = input.encoding().map_err(GivenError::Restore)?;
        let site = self.prepare(&encoding).await?;
        fill(input, site, encoding, begun, sink).await.map_err(GivenError::Restore)
    }

    /// Makes a fresh database (or empties the marked one), and restores nothing.
    ///
    /// # Errors
    ///
    /// As [`GivenServer::restore`]; [`GivenServer::discard`] is to be called all the same.
    pub async fn empty(&mut self) -> Result<(), GivenError> {
        self.prepare(&Encoding::Utf8).await.map(drop)
    }

    /// How to connect to the restored database, as the role that owns everything in it.
    #[must_use]
    pub fn config(&self) -> Option<&Config> {
        match &self.made {
            Made::Nothing => None,
            Made::Fresh { config, .. } | Made::Taken { config, .. } => Some(config),
        }
    }

    /// The server's version as it says it, e.g. `15.18`.
    #[must_use]
    pub fn server_version(&self) -> &str {
        &self.settings.version
    }

    /// Whether the server waits for the disk: `fsync` is on.
    #[must_use]
    pub const fn writes_durably(&self) -> bool {
        self.settings.fsync
    }

    /// Drops what this run made. A marked database keeps its content until it is next used.
    ///
    /// # Errors
    ///
    /// When it could not be dropped: the message names it.
    pub async fn discard(&mut self) -> Result<(), GivenError> {
        match std::mem::replace(&mut self.made, Made::Nothing) {
            Made::Nothing => Ok(()),
            Made::Taken { lock, .. } => {
                reset::unlock(&lock).await;
                lock.close().await;
                Ok(())
            }
            Made::Fresh { database, role, .. } => self.drop_fresh(&database, role).await,
        }
    }

    async fn drop_fresh(&self, database: &str, role: Option<String>) -> Result<(), GivenError> {
        let session = Session::open(&self.config).await.map_err(GivenError::of_step)?;
        let run =
            async |doing, sql: String| session.run(doing, &sql).await.map_err(GivenError::of_step);
        if self.major >= 13 {
            let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(database));
            run("dropping the scratch database", sql).await?;
        } else {
            let sql = format!(
                "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
                 WHERE datname = {}",
                literal(database)
            );
            run("ending the scratch database's sessions", sql).await?;
            let sql = format!("DROP DATABASE IF EXISTS {}", identifier(database));
            run("dropping the scratch database", sql).await?;
        }
        if let Some(role) = role {
            let sql = format!("DROP ROLE IF EXISTS {}", identifier(&role));
            run("dropping the scratch role", sql).await?;
        }
        session.close().await;
        Ok(())
    }

    async fn prepare(&mut self, encoding: &Encoding) -> Result<Site, GivenError> {
        match (self.role.rank, self.role.creates) {
            (Rank::Superuser, _) => self.fresh_for_a_role(encoding).await,
            (Rank::Ordinary, true) => {
                let config = self.create(encoding, None).await?;
                self.site(&config, &self.role.name, Footing::GivenOrdinary).await
            }
            (Rank::Ordinary, false) => self.take_marked().await,
        }
    }

    /// A superuser never executes a dump: a role of its own does, which also migrates.
    async fn fresh_for_a_role(&mut self, encoding: &Encoding) -> Result<Site, GivenError> {
        let role = format!("stopover_scratch_{:016x}", rand::random::<u64>());
        let password = random_password();
        let config = self.create(encoding, Some((&role, &password))).await?;
        self.site(&config, &role, Footing::GivenSuperuser).await
    }

    /// Creates a database, and the role that is to own it where one is named.
    async fn create(
        &mut self,
        encoding: &Encoding,
        owner: Option<(&str, &str)>,
    ) -> Result<Config, GivenError> {
        let session = Session::open(&self.config).await.map_err(GivenError::of_step)?;
        let database = format!("stopover_scratch_{:016x}", rand::random::<u64>());
        let mut config = self.config.clone();
        config.dbname(&database);
        let mut clause = String::new();
        if let Some((role, password)) = owner {
            config.user(role).password(password);
            clause = format!("OWNER {}", identifier(role));
            let sql = format!("CREATE ROLE {} LOGIN PASSWORD '{password}'", identifier(role));
            session.run("making the scratch role", &sql).await.map_err(GivenError::of_step)?;
        }
        // From here on there is something to drop.
        let role = owner.map(|(role, _)| role.to_owned());
        let fresh = Made::Fresh { database: database.clone(), role, config: config.clone() };
        self.made = fresh;
        let name = identifier(&database);
        let options = encoding.database_options(self.major);
        let create = format!("CREATE DATABASE {name} {clause} TEMPLATE template0 {options}");
        let mark = format!("COMMENT ON DATABASE {name} IS {}", literal(reset::MARK));
        for sql in [create, mark] {
            let made = session.run("making the scratch database", &sql).await;
            made.map_err(GivenError::of_step)?;
        }
        session.close().await;
        Ok(config)
    }

    async fn take_marked(&mut self) -> Result<Site, GivenError> {
        let database = || format!("database \"{}\"", self.database);
        let session = Session::open(&self.config).await.map_err(GivenError::of_step)?;
        if !reset::is_marked(&session).await? {
            let role = self.role.name.clone();
            return Err(GivenError::NotMarked { database: database(), role });
        }
        if let Some(production) = self.production {
            match identity_of(&session).await?.sameness(production) {
                Sameness::Different => {}
                Sameness::Same => return Err(GivenError::IsTarget { database: database() }),
                Sameness::Unknown => {
                    return Err(GivenError::MaybeTarget { database: database() });
                }
            }
        }
        if !reset::lock(&session).await? {
            return Err(GivenError::InUse { database: database() });
        }
        reset::empty(&session).await?;
        let config = self.config.clone();
        self.made = Made::Taken { lock: session, config: config.clone() };
        self.site(&config, &self.role.name, Footing::GivenOrdinary).await
    }

    /// The sessions of a restore: the restoring role's, and ours.
    async fn site(
        &self,
        restorer: &Config,
        role: &str,
        footing: Footing,
    ) -> Result<Site, GivenError> {
        let database = restorer.get_dbname().unwrap_or(&self.database);
        let mut own = self.config.clone();
        own.dbname(database);
        let opened = async {
            if footing.is_superuser() && self.major < 15 {
                let session = Session::open(&own).await?;
                let sql = format!("ALTER SCHEMA public OWNER TO {}", identifier(role));
                session.run("giving away the schema public", &sql).await?;
                session.close().await;
            }
            let keeper = Keeper::open(&own, database, role, self.major, footing).await?;
            let session = Session::open(restorer).await?;
            // Where the server lies is not known, and data waits in memory.
            Ok(Site { session, crew: Crew::new(restorer.clone(), None), spool: None, keeper })
        };
        opened.await.map_err(GivenError::of_step)
    }
}

/// Marks the database of the URL as a scratch: an explicit decision that its content may go.
///
/// # Errors
///
/// When it is the target, or may be, or the role does not own it.
pub async fn mark_scratch(
    url: &str,
    production: Option<DatabaseIdentity>,
) -> Result<String, GivenError> {
    let given = GivenServer::open(url, production).await?;
    let session = Session::open(&given.config).await.map_err(GivenError::of_step)?;
    let database = format!("database \"{}\"", given.database);
    if let Some(production) = production {
        match identity_of(&session).await?.sameness(production) {
            Sameness::Different => {}
            Sameness::Same => return Err(GivenError::IsTarget { database }),
            Sameness::Unknown => return Err(GivenError::MaybeTarget { database }),
        }
    }
    let (name, mark) = (identifier(&given.database), literal(reset::MARK));
    let sql = format!("COMMENT ON DATABASE {name} IS {mark}");
    session.run("marking the database", &sql).await.map_err(GivenError::of_step)?;
    session.close().await;
    Ok(given.database)
}

async fn identity_of(session: &Session) -> Result<DatabaseIdentity, GivenError> {
    let identity = DatabaseIdentity::of(&session.client).await;
    identity.map_err(|error| GivenError::of_driver("asking which database it is", &error))
}

impl Role {
    /// The session's role and its rights.
    async fn of(session: &Session) -> Result<Self, GivenError> {
        let sql = "SELECT r.rolname::text, r.rolsuper, r.rolcreatedb, r.rolcreaterole OR EXISTS (
                       SELECT FROM pg_catalog.pg_roles AS p
                       WHERE p.rolname IN ('pg_execute_server_program', 'pg_read_server_files',
                               'pg_write_server_files')
                           AND pg_catalog.pg_has_role(r.oid, p.oid, 'MEMBER'))
                   FROM pg_catalog.pg_roles AS r WHERE r.rolname = session_user";
        let row = session.client.query_one(sql, &[]).await;
        let row = row.map_err(|error| GivenError::of_driver("looking at the role", &error))?;
        let (name, superuser, creates, powerful): (String, bool, bool, bool) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        match (superuser, powerful) {
            (true, _) => Ok(Self { name, rank: Rank::Superuser, creates }),
            (false, true) => Err(GivenError::TooPowerful { role: name }),
            (false, false) => Ok(Self { name, rank: Rank::Ordinary, creates }),
        }
    }
}

/// The `sslmode` of a URL that a connection without TLS does not fulfil.
fn required_tls(url: &str) -> Option<String> {
    let value = url.split("sslmode").nth(1)?.trim_start().strip_prefix('=')?.trim_start();
    let value = value.trim_start_matches('\'');
    let mode: String =
        value.chars().take_while(|it| it.is_ascii_alphabetic() || *it == '-').collect();
    ["require", "verify-ca", "verify-full"].contains(&mode.as_str()).then_some(mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_demands_tls_is_noticed_in_both_forms() {
        let mode = |url| required_tls(url);
        assert_eq!(mode("postgresql://h/d?sslmode=require").as_deref(), Some("require"));
        assert_eq!(mode("host=h sslmode = 'verify-full'").as_deref(), Some("verify-full"));
        assert_eq!(mode("postgresql://h/d?sslmode=prefer"), None);
        assert_eq!(mode("postgresql://h/d"), None);
    }
}
