//! The superuser's name and password: random for each server, given at its first connection.

use std::fmt;
use std::fs;
use std::path::Path;

use postgres_protocol::password::scram_sha_256;
use tokio_postgres::{Client, Config, NoTls};

use super::ServerError;
use super::initialise::ANONYMOUS;
use super::options::Reach;
use super::user::own_login_name;

/// Helps to rename the superuser: nobody can rename himself.
const HELPER: &str = "stopover_helper";

/// A superuser's name and password.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl Identity {
    /// A name that no dump's role has, and a password of 192 random bits.
    pub(crate) fn random() -> Self {
        let name = format!("stopover_{:08x}", rand::random::<u32>());
        let password = rand::random::<[u64; 3]>().map(|part| format!("{part:016x}")).concat();
        Self { name, password }
    }

    /// Gives the superuser its anonymous name back, over a connection of its own, and takes every
    /// password: whoever finds the data folder cannot log in to a server on it.
    pub(crate) async fn give_back(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        let with_password = "SELECT pg_catalog.quote_ident(rolname) FROM pg_catalog.pg_authid
             WHERE rolpassword IS NOT NULL AND rolname <> current_user";
        let mut sql = String::new();
        for row in client.query(with_password, &[]).await? {
            let role: String = row.get(0);
            sql.push_str(&format!("ALTER ROLE {role} NOLOGIN PASSWORD NULL;\n"));
        }
        let name = &self.name;
        sql.push_str(&format!(
            "CREATE ROLE {HELPER} SUPERUSER;
             SET SESSION AUTHORIZATION {HELPER};
             ALTER ROLE {name} RENAME TO {ANONYMOUS};
             ALTER ROLE {ANONYMOUS} PASSWORD NULL;
             RESET SESSION AUTHORIZATION;
             DROP ROLE {HELPER};"
        ));
        client.batch_execute(&sql).await
    }

    /// Renames the anonymous superuser over the given connection's settings and sets its password.
    pub(crate) async fn take(&self, socket: &Path, port: u16) -> Result<(), tokio_postgres::Error> {
        let mut config = Config::new();
        config.host_path(socket).port(port).user(ANONYMOUS).dbname("postgres");
        let (client, connection) = config.connect(NoTls).await?;
        let driver = tokio::spawn(connection);
        let Self { name, password } = self;
        let password = secret(password);
        // Names are letters, digits and underscores: nothing to escape, as in the secret.
        let result = client
            .batch_execute(&format!(
                "CREATE ROLE {HELPER} SUPERUSER;
                 SET SESSION AUTHORIZATION {HELPER};
                 ALTER ROLE {ANONYMOUS} RENAME TO {name};
                 ALTER ROLE {name} PASSWORD '{password}';
                 RESET SESSION AUTHORIZATION;
                 DROP ROLE {HELPER};"
            ))
            .await;
        drop(client);
        let _ended = driver.await;
        result
    }
}

/// What a server keeps of a password (SCRAM-SHA-256, RFC 5803), which never gets there: a secret that
/// is made here takes the server no 4,096 rounds of hashing. Letters, digits and `+/=$:-`.
pub(crate) fn secret(password: &str) -> String {
    scram_sha_256(password.as_bytes())
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Who may connect: everybody by password, but the anonymous superuser only as this process' user.
pub(crate) fn write_access(data: &Path, reach: Reach) -> Result<(), ServerError> {
    let network = match reach {
        Reach::Socket | Reach::Programs => "",
        Reach::Loopback => "host all all 127.0.0.1/32 scram-sha-256\n",
    };
    let rules = format!(
        "local all {ANONYMOUS} peer map=stopover\n\
         local all all scram-sha-256\n{network}"
    );
    let login = own_login_name()?.replace('"', "\"\"");
    let map = format!("stopover \"{login}\" {ANONYMOUS}\n");
    for (name, text) in [("pg_hba.conf", rules), ("pg_ident.conf", map)] {
        let path = data.join(name);
        fs::write(&path, text).map_err(ServerError::folder(&path, "write"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_random_and_does_not_show_its_password() {
        let (one, other) = (Identity::random(), Identity::random());
        assert_ne!(one.password, other.password);
        assert_eq!(one.password.len(), 48);
        let shown = format!("{one:?}");
        assert!(shown.contains(&one.name) && !shown.contains(&one.password), "{shown}");
    }
}
