//! How a program of the user's reaches a database: a URL and libpq's variables.
//!
//! The URL's form is the one that most drivers read the same way. A socket's folder stands in the
//! query (`postgresql://role:password@localhost:PORT/db?host=/folder`): libpq, sqlx, pgx, lib/pq,
//! node-postgres, Prisma, SQLAlchemy, ActiveRecord and tokio-postgres take it from there. What
//! reads only `localhost` meets nobody: the port is one that nobody listens on.

use stopover_backend::Access;
use tokio_postgres::config::Host;

use crate::target::{SslMode, Target};

/// Variables that begin so are libpq's: `PGHOSTADDR` and `PGSERVICE` would lead elsewhere.
const LIBPQ: &[&str] = &["PG"];

impl Target {
    /// How a program reaches it; `None` where it is named by nothing that a URL has room for.
    pub(crate) fn access(&self) -> Option<Access> {
        let user = self.config.get_user()?;
        let database = self.config.get_dbname().unwrap_or(user);
        let port = self.config.get_ports().first().copied().unwrap_or(5432).to_string();
        let password = self.config.get_password().map(String::from_utf8_lossy);
        let Place { authority, host, mut query } = self.place()?;
        let mut variables = vec![
            ("PGHOST", host),
            ("PGPORT", port.clone()),
            ("PGUSER", user.to_owned()),
            ("PGDATABASE", database.to_owned()),
            ("PGSSLMODE", mode(self.ssl_mode).to_owned()),
        ];
        if let Some(certificate) = self.root_cert.as_deref().and_then(|it| it.to_str()) {
            query.push_str(&format!("&sslrootcert={}", in_query(certificate)));
            variables.push(("PGSSLROOTCERT", certificate.to_owned()));
        }
        let (mut login, mut secrets) = (encoded(user), Vec::new());
        if let Some(password) = password {
            login.push_str(&format!(":{}", encoded(&password)));
            secrets.extend([password.to_string(), encoded(&password)]);
            variables.push(("PGPASSWORD", password.into_owned()));
        }
        let database = encoded(database);
        let url = format!("postgresql://{login}@{authority}:{port}/{database}?{query}");
        variables.push(("DATABASE_URL", url));
        Some(Access { variables, foreign: LIBPQ, secrets })
    }

    fn place(&self) -> Option<Place> {
        let name = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            #[cfg(unix)]
            Some(Host::Unix(folder)) => {
                let host = folder.to_str()?.to_owned();
                let query = format!("host={}", in_query(&host));
                return Some(Place { authority: "localhost".to_owned(), host, query });
            }
            None => self.config.get_hostaddrs().first()?.to_string(),
        };
        let authority = if name.contains(':') { format!("[{name}]") } else { name.clone() };
        let query = format!("sslmode={}", mode(self.ssl_mode));
        Some(Place { authority, host: name, query })
    }
}

/// Where a server is: in a URL before the path, in `PGHOST`, and in the URL's query.
struct Place {
    authority: String,
    host: String,
    query: String,
}

const fn mode(mode: SslMode) -> &'static str {
    match mode {
        SslMode::Disable => "disable",
        SslMode::Prefer => "prefer",
        SslMode::Require => "require",
        SslMode::VerifyCa => "verify-ca",
        SslMode::VerifyFull => "verify-full",
    }
}

/// Percent-encoded: everything but what RFC 3986 calls unreserved.
fn encoded(text: &str) -> String {
    percent(text, b"-._~")
}

/// The same in a query, where a slash may stand.
fn in_query(text: &str) -> String {
    percent(text, b"-._~/")
}

fn percent(text: &str, plain: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable<'a>(access: &'a Access, name: &str) -> &'a str {
        access.variables.iter().find(|it| it.0 == name).map_or("", |it| it.1.as_str())
    }

    #[test]
    fn a_socket_stands_in_the_query_and_is_read_back_as_the_only_host() {
        let mut config = tokio_postgres::Config::new();
        config.host_path("/tmp/a b").port(6001).user("shop:1").password("p/w@").dbname("x");
        let access = Target::from_config(config).access().unwrap();
        let url = variable(&access, "DATABASE_URL");
        assert_eq!(url, "postgresql://shop%3A1:p%2Fw%40@localhost:6001/x?host=/tmp/a%20b");
        assert_eq!(variable(&access, "PGHOST"), "/tmp/a b");
        assert_eq!(variable(&access, "PGPASSWORD"), "p/w@");
        let read = Target::parse(url).unwrap();
        assert_eq!(read.describe(), "database x on /tmp/a b:6001 as shop:1");
        assert_eq!(read.config().get_hosts().len(), 1);
        assert_eq!(read.config().get_password(), Some(&b"p/w@"[..]));
        assert!(!format!("{access:?}").contains("p/w@"));
    }

    #[test]
    fn a_server_on_the_network_keeps_its_encryption() {
        let target = Target::parse("postgresql://u@[::1]:6000/d?sslmode=require").unwrap();
        let access = target.access().unwrap();
        let url = variable(&access, "DATABASE_URL");
        assert_eq!(url, "postgresql://u@[::1]:6000/d?sslmode=require");
        assert_eq!(variable(&access, "PGSSLMODE"), "require");
    }
}
