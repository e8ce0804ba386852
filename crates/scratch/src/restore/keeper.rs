//! The superuser's side of a restore: roles, extensions, and the statements that need a superuser.
//!
//! Two sessions: `own` executes only what this module writes, with nothing but `pg_catalog` in its
//! search path; `elevated` executes statements of the dump that the policy has found to be free of
//! code, with the dump's search path.

use std::collections::BTreeSet;

use stopover_model::DatabaseError;
use stopover_postgres::literal::{identifier, literal};
use tokio_postgres::Config;

use super::error::{Failure, RestoreError, failure};
use super::extension::{MissingExtension, REACHING_OUT};
use super::footing::Footing;
use super::session::Session;

/// A role that exists already, or one that another restore made a moment ago.
const EXISTS: [&str; 2] = ["42710", "23505"];
/// `reserved_name`: `pg_…`, `public`, `none`.
const RESERVED: &str = "42939";

/// Schema and name.
type Name = (String, String);

#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) own: Session,
    pub(super) elevated: Session,
    pub(super) database: String,
    /// The role that restores.
    pub(super) restorer: String,
    pub(super) server_major: u32,
    pub(super) footing: Footing,
    /// Roles made for the dump, in its order.
    pub(super) roles: Vec<String>,
    known_roles: BTreeSet<String>,
    /// Looks at a table, prepared.
    pub(super) table_query: Option<tokio_postgres::Statement>,
    pub(super) extensions: Vec<String>,
    /// Extensions that are not installed; reported all at once.
    pub(super) missing: Vec<MissingExtension>,
    /// Extensions whose functions were taken away from everybody.
    pub(super) muted: Vec<String>,
}

impl Keeper {
    pub(super) async fn open(
        config: &Config,
        database: &str,
        restorer: &str,
        server_major: u32,
        footing: Footing,
    ) -> Result<Self, RestoreError> {
        let own = Session::open(config).await?;
        let elevated = Session::open(config).await?;
        for session in [&own, &elevated] {
            let sql = "SET search_path = ''; SET client_min_messages = error; \
                       SET lock_timeout = '60s'; SET standard_conforming_strings = on";
            session.run("preparing the superuser's session", sql).await?;
        }
        Ok(Self {
            own,
            elevated,
            database: database.to_owned(),
            restorer: restorer.to_owned(),
            server_major,
            footing,
            roles: Vec::new(),
            known_roles: BTreeSet::new(),
            table_query: None,
            extensions: Vec::new(),
            missing: Vec::new(),
            muted: Vec::new(),
        })
    }

    /// Makes a role without login, unless it is there, and the restoring role a member of it.
    pub(super) async fn ensure_role(&mut self, role: &str) -> Result<(), RestoreError> {
        // Reserved names are the server's own; it says itself whether it has them.
        if role.starts_with("pg_") || self.known_roles.contains(role) {
            return Ok(());
        }
        let name = identifier(role);
        let failed = |error| RestoreError::Role { role: role.to_owned(), error };
        match self.own.client.batch_execute(&format!("CREATE ROLE {name} NOLOGIN")).await {
            Ok(()) => {}
            Err(error) => match failure(&error) {
                Failure::Refused(source) if EXISTS.iter().any(|code| source.is(code)) => {
                    self.must_be_harmless(role).await?;
                }
                // `"none"`, `"public"`: the statement itself will say so.
                Failure::Refused(source) if source.is(RESERVED) => return Ok(()),
                Failure::Refused(source) => return Err(failed(source)),
                Failure::Lost(_) => return Err(RestoreError::of_server("making a role", &error)),
            },
        }
        self.grant_membership(&name, &identifier(&self.restorer)).await?;
        self.known_roles.insert(role.to_owned());
        self.roles.push(role.to_owned());
        self.let_postgres_act().await
    }

    /// In production `postgres` is a superuser nearly always, and its views and functions rely on
    /// it. Here it is not; being a member of all other roles comes close, and stays inside of the
    /// database.
    async fn let_postgres_act(&self) -> Result<(), RestoreError> {
        const POSTGRES: &str = "postgres";
        let last = self.roles.last().map(String::as_str);
        if !self.known_roles.contains(POSTGRES) {
            return Ok(());
        }
        let others = self.roles.iter().filter(|role| *role != POSTGRES);
        for role in others.filter(|role| last == Some(POSTGRES) || last == Some(role.as_str())) {
            self.grant_membership(&identifier(role), POSTGRES).await?;
        }
        Ok(())
    }

    async fn grant_membership(&self, role: &str, member: &str) -> Result<(), RestoreError> {
        let sql = format!("GRANT {role} TO {member}");
        match self.own.run("granting a role", &sql).await {
            Err(RestoreError::Server { error, .. }) if error.is(EXISTS[1]) => Ok(()),
            other => other,
        }
    }

    /// A role that was there before must not give the dump's code more than the database.
    async fn must_be_harmless(&self, role: &str) -> Result<(), RestoreError> {
        let sql = "SELECT r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication
                       OR r.rolbypassrls OR EXISTS (
                           SELECT FROM pg_catalog.pg_roles AS p
                           WHERE p.rolname LIKE 'pg\\_%' AND p.rolname <> 'pg_database_owner'
                               AND pg_catalog.pg_has_role(r.oid, p.oid, 'MEMBER'))
                   FROM pg_catalog.pg_roles AS r WHERE r.rolname = $1";
        let row = self.own.client.query_opt(sql, &[&role]).await;
        let row = row.map_err(|error| RestoreError::of_server("looking at a role", &error))?;
        if row.is_none_or(|row| row.get::<_, Option<bool>>(0) != Some(false)) {
            let message = "a role of this name is on the scratch server and has rights that a \
                           dump's objects must not get";
            return Err(RestoreError::Role {
                role: role.to_owned(),
                error: Box::new(DatabaseError::local(message)),
            });
        }
        Ok(())
    }

    /// Creates an extension, or notes that it is missing.
    pub(super) async fn create_extension(
        &mut self,
        name: &str,
        schema: Option<&str>,
    ) -> Result<(), tokio_postgres::Error> {
        let sql = "SELECT FROM pg_catalog.pg_available_extensions WHERE name = $1";
        if self.own.client.query_opt(sql, &[&name]).await?.is_none() {
            self.missing.push(MissingExtension::new(name, self.server_major));
            return Ok(());
        }
        let schema = match schema {
            Some("pg_catalog") => String::new(),
            Some(schema) => format!(" SCHEMA {}", identifier(schema)),
            None => " SCHEMA public".to_owned(),
        };
        let sql = format!("CREATE EXTENSION IF NOT EXISTS {}{schema}", identifier(name));
        self.own.client.batch_execute(&sql).await?;
        self.extensions.push(name.to_owned());
        if self.footing.is_superuser() { self.open_extension(name).await } else { Ok(()) }
    }

    /// Lets the restoring role fill the extension's configuration tables and use its wrappers, and
    /// takes away what could reach out.
    async fn open_extension(&mut self, name: &str) -> Result<(), tokio_postgres::Error> {
        let restorer = identifier(&self.restorer);
        let mut sql = String::new();
        let tables = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), c.relkind::text
             FROM pg_catalog.pg_extension AS e
             CROSS JOIN pg_catalog.unnest(e.extconfig) AS t (id)
             JOIN pg_catalog.pg_class AS c ON c.oid = t.id
             JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
             WHERE e.extname = $1";
        for row in self.own.client.query(tables, &[&name]).await? {
            let (table, kind): (String, String) = (row.get(0), row.get(1));
            let kind = if kind == "S" { "SEQUENCE" } else { "TABLE" };
            sql.push_str(&format!("GRANT ALL ON {kind} {table} TO {restorer};"));
            if kind == "TABLE" {
                sql.push_str(&format!("REVOKE TRIGGER, REFERENCES ON {table} FROM {restorer};"));
            }
        }
        for wrapper in self.wrappers(name).await? {
            sql.push_str(&mute_wrapper(&wrapper));
            sql.push_str(&format!("GRANT USAGE ON FOREIGN DATA WRAPPER {wrapper} TO {restorer};"));
        }
        if REACHING_OUT.contains(&name) {
            sql.push_str(&self.take_functions(name).await?);
            self.muted.push(name.to_owned());
        }
        self.own.client.batch_execute(&sql).await
    }

    /// The wrappers of an extension, quoted.
    async fn wrappers(&self, extension: &str) -> Result<Vec<String>, tokio_postgres::Error> {
        let sql = "SELECT pg_catalog.quote_ident(w.fdwname)
             FROM pg_catalog.pg_extension AS e
             JOIN pg_catalog.pg_depend AS d ON d.refobjid = e.oid AND d.deptype = 'e'
                 AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
                 AND d.classid = 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass
             JOIN pg_catalog.pg_foreign_data_wrapper AS w ON w.oid = d.objid
             WHERE e.extname = $1";
        let rows = self.own.client.query(sql, &[&extension]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Statements that take an extension's functions from everybody.
    async fn take_functions(&self, extension: &str) -> Result<String, tokio_postgres::Error> {
        let sql = "SELECT p.oid::pg_catalog.regprocedure::text
             FROM pg_catalog.pg_extension AS e
             JOIN pg_catalog.pg_depend AS d ON d.refobjid = e.oid AND d.deptype = 'e'
                 AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
                 AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
             JOIN pg_catalog.pg_proc AS p ON p.oid = d.objid
             WHERE e.extname = $1";
        let rows = self.own.client.query(sql, &[&extension]).await?;
        let revoke = |row: &tokio_postgres::Row| {
            format!("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC;", row.get::<_, String>(0))
        };
        Ok(rows.iter().map(revoke).collect())
    }

    /// Creates a foreign-data wrapper that does nothing. `options` is text of the dump's: a
    /// statement of its own, so that nothing can hang behind it.
    pub(super) async fn create_wrapper(
        &self,
        name: &str,
        options: &str,
    ) -> Result<(), tokio_postgres::Error> {
        let (name, restorer) = (identifier(name), identifier(&self.restorer));
        let create = format!("CREATE FOREIGN DATA WRAPPER {name} {options}");
        self.elevated.client.execute(&create, &[]).await?;
        let grant = format!("GRANT USAGE ON FOREIGN DATA WRAPPER {name} TO {restorer}");
        self.own.client.batch_execute(&grant).await
    }

    /// Creates an operator class or family, and gives it to the restoring role.
    pub(super) async fn create_operator_class(
        &self,
        text: &str,
        identity: &str,
    ) -> Result<(), tokio_postgres::Error> {
        self.elevated.client.execute(text, &[]).await?;
        let owner = format!("ALTER {identity} OWNER TO {}", identifier(&self.restorer));
        self.elevated.client.execute(&owner, &[]).await.map(drop)
    }

    /// Creates an event trigger that never fires: both statements are one transaction, and DDL on
    /// event triggers does not fire any.
    pub(super) async fn create_event_trigger(
        &self,
        text: &str,
        name: &str,
    ) -> Result<(), tokio_postgres::Error> {
        let client = &self.elevated.client;
        client.batch_execute("BEGIN").await?;
        let disable = format!("ALTER EVENT TRIGGER {} DISABLE", identifier(name));
        let result = async {
            client.execute(text, &[]).await?;
            client.execute(&disable, &[]).await
        };
        let end = match result.await {
            Ok(_) => "COMMIT",
            Err(error) => {
                client.batch_execute("ROLLBACK").await?;
                return Err(error);
            }
        };
        client.batch_execute(end).await
    }

    /// Makes a role the owner of all that the restoring role owns.
    pub(super) async fn give_all_to(&self, role: &str) -> Result<(), RestoreError> {
        let sql =
            format!("REASSIGN OWNED BY {} TO {}", identifier(&self.restorer), identifier(role));
        self.own.run("giving objects to their owner", &sql).await
    }

    /// Child and parent of all partitions and inherited tables, by schema and name.
    pub(super) async fn inherited(&self) -> Result<Vec<(Name, Name)>, RestoreError> {
        let sql = "SELECT cn.nspname::text, c.relname::text, pn.nspname::text, p.relname::text
             FROM pg_catalog.pg_inherits AS i
             JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
             JOIN pg_catalog.pg_namespace AS cn ON cn.oid = c.relnamespace
             JOIN pg_catalog.pg_class AS p ON p.oid = i.inhparent
             JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.relnamespace
             WHERE c.relkind IN ('r', 'p', 'f')";
        let rows = self.own.client.query(sql, &[]).await;
        let rows =
            rows.map_err(|error| RestoreError::of_server("looking at partitions", &error))?;
        let pair = |row: &tokio_postgres::Row| ((row.get(0), row.get(1)), (row.get(2), row.get(3)));
        Ok(rows.iter().map(pair).collect())
    }

    /// Text in another encoding, as the server itself reads it.
    pub(super) async fn decode(
        &self,
        text: &[u8],
        encoding: &str,
    ) -> Result<String, tokio_postgres::Error> {
        let sql = format!("SELECT pg_catalog.convert_from($1, {})", literal(encoding));
        Ok(self.own.client.query_one(&sql, &[&text]).await?.get(0))
    }
}

/// A wrapper without handler and validator: its foreign tables reach nothing.
pub(super) fn mute_wrapper(quoted: &str) -> String {
    format!("ALTER FOREIGN DATA WRAPPER {quoted} NO HANDLER NO VALIDATOR;")
}
