//! Where a database is: a libpq URL or keyword string, read without ever showing its password.

use std::path::PathBuf;
use std::str::FromStr;

use stopover_model::redact_urls;
use thiserror::Error;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::libpq::{self, Extras, Surroundings};

/// How the connection is encrypted, as libpq names it.
///
/// Source: PostgreSQL's documentation, "SSL Support", table of modes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SslMode {
    /// Never.
    Disable,
    /// Where the server offers it; the certificate is not checked.
    #[default]
    Prefer,
    /// Always; the certificate is not checked.
    Require,
    /// Always; the certificate's chain is checked.
    VerifyCa,
    /// Always; chain and host name are checked.
    VerifyFull,
}

impl SslMode {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Self::Disable,
            // `allow` tries without first; a server that insists gets what `prefer` does.
            "allow" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }
}

/// A database that can be connected to.
#[derive(Clone)]
pub struct Target {
    pub(crate) config: Config,
    pub(crate) ssl_mode: SslMode,
    pub(crate) root_cert: Option<PathBuf>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({})", self.describe())
    }
}

/// A connection string that cannot be read. Holds no part of it that could be secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the database URL does not parse: {reason}")]
pub struct TargetError {
    /// Why.
    pub reason: String,
}

impl Target {
    /// Reads a URL (`postgresql://user@host:port/db?sslmode=require`) or a keyword string
    /// (`host=… user=… dbname=…`).
    ///
    /// # Errors
    /// Where it is neither, or names an option that is not known.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let variable = |name: &str| std::env::var(name).ok();
        Self::parse_with(text, &Surroundings { variable: &variable })
    }

    /// The same, in given surroundings.
    pub(crate) fn parse_with(text: &str, around: &Surroundings<'_>) -> Result<Self, TargetError> {
        let text = text.trim();
        let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
        if !is_url && (text.contains("://") || !text.contains('=')) {
            let reason = "it is neither postgresql://user@host/database nor keywords such as \
                          host=… dbname=…";
            return Err(TargetError { reason: reason.to_owned() });
        }
        let (rest, mut extras) = if is_url { split_url(text) } else { split_keywords(text)? };
        let mut config = Config::from_str(&rest)
            .map_err(|error| TargetError { reason: redact_urls(&root_cause(&error)) })?;
        libpq::complete(&mut config, &mut extras, around)?;
        Self::with_options(config, &extras)
    }

    /// A target from a ready configuration, such as a private server's.
    #[must_use]
    pub fn from_config(config: Config) -> Self {
        Self { config, ssl_mode: SslMode::Disable, root_cert: None }
    }

    fn with_options(config: Config, extras: &Extras) -> Result<Self, TargetError> {
        let mut target = Self { config, ssl_mode: SslMode::default(), root_cert: None };
        if let Some(mode) = extras.get("sslmode") {
            target.ssl_mode = SslMode::parse(mode).ok_or_else(|| TargetError {
                reason: format!(
                    "sslmode `{mode}` is none of disable, allow, prefer, require, verify-ca, \
                     verify-full"
                ),
            })?;
        }
        target.root_cert = extras.get("sslrootcert").map(PathBuf::from);
        if target.config.get_application_name().is_none() {
            target.config.application_name("stopover");
        }
        Ok(target)
    }

    /// User, host, port and database, for messages. Never the password.
    #[must_use]
    pub fn describe(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => self
                .config
                .get_hostaddrs()
                .first()
                .map_or_else(|| "localhost".to_owned(), ToString::to_string),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let user = self.config.get_user().unwrap_or("(this user)");
        let database = self.config.get_dbname().unwrap_or(user);
        format!("database {database} on {host}:{port} as {user}")
    }

    /// Whether nothing but Unix sockets is connected to.
    pub(crate) fn is_local(&self) -> bool {
        let hosts = self.config.get_hosts();
        let is_socket = |host: &Host| !matches!(host, Host::Tcp(_));
        self.config.get_hostaddrs().is_empty() && !hosts.is_empty() && hosts.iter().all(is_socket)
    }

    /// The configuration, for rooms that open connections of their own.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The same server and role, another database.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.config.dbname(name);
        other
    }
}

const OURS: [&str; 4] = ["sslmode", "sslrootcert", "service", "passfile"];

/// Moves hosts without a port into the query: `tokio_postgres::Config` would give them 5432, and
/// `PGPORT` could not tell any more that nobody named one.
fn without_default_port(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgresql", url));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (login, hosts) = match authority.rfind('@') {
        Some(at) => authority.split_at(at + 1),
        None => ("", authority),
    };
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    // As in libpq, a host of the query is stronger than the one that stands before it, whose port
    // holds all the same: `postgresql://user@localhost:6000/db?host=/folder`.
    if query.split('&').any(|it| it.starts_with("host=")) && !hosts.is_empty() {
        let port = hosts.rsplit_once(':').map(|(_, port)| port).filter(|it| !it.ends_with(']'));
        let named = query.split('&').any(|it| it.starts_with("port="));
        let port = port.filter(|_| !named).map(|it| format!("&port={it}")).unwrap_or_default();
        let path = if path.is_empty() { "/" } else { path };
        return format!("{scheme}://{login}{path}?{query}{port}");
    }
    if hosts.is_empty() || hosts.contains([':', '[']) {
        return url.to_owned();
    }
    let path = if path.is_empty() { "/" } else { path };
    let more = if query.is_empty() { String::new() } else { format!("&{query}") };
    format!("{scheme}://{login}{path}?host={hosts}{more}")
}

/// Takes the options that `tokio_postgres::Config` does not know out of a URL's query.
fn split_url(url: &str) -> (String, Extras) {
    let url = &without_default_port(url);
    // A password may hold a `?`: what stands before the first `@` is never part of the query, as
    // the driver reads it too.
    let host = url.find('@').unwrap_or(0);
    let Some(mark) = url[host..].find('?') else { return (url.to_owned(), Extras::new()) };
    let (base, query) = (&url[..host + mark], &url[host + mark + 1..]);
    let (ours, theirs): (Vec<_>, Vec<_>) = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter(|pair| !libpq::is_ignored(pair.split('=').next().unwrap_or_default()))
        .partition(|pair| OURS.contains(&pair.split('=').next().unwrap_or_default()));
    let rest =
        if theirs.is_empty() { base.to_owned() } else { format!("{base}?{}", theirs.join("&")) };
    let pairs = ours.into_iter().map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key.to_owned(), percent_decode(value))
    });
    (rest, pairs.collect())
}

fn percent_decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = (*first == b'%').then(|| tail.get(..2)).flatten();
        let code = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Takes the same options out of a keyword string.
fn split_keywords(text: &str) -> Result<(String, Extras), TargetError> {
    let mut rest = String::new();
    let mut ours = Extras::new();
    let mut input = text.trim_start();
    while !input.is_empty() {
        let (key, after) = input.split_once('=').ok_or_else(|| TargetError {
            reason: "a keyword has no `=` and no value".to_owned(),
        })?;
        let after = after.trim_start();
        let length = keyword_value_length(after);
        let (value, tail) = after.split_at(length);
        let key = key.trim();
        if OURS.contains(&key) {
            ours.insert(key.to_owned(), value.trim_matches('\'').to_owned());
        } else if !libpq::is_ignored(key) {
            rest.push_str(&format!("{key}={value} "));
        }
        input = tail.trim_start();
    }
    Ok((rest, ours))
}

fn keyword_value_length(text: &str) -> usize {
    let quoted = text.starts_with('\'');
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(usize::from(quoted)) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' if quoted => return at + 1,
            c if !quoted && c.is_whitespace() => return at,
            _ => {}
        }
    }
    text.len()
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_keywords_are_read() {
        let url =
            Target::parse("postgres://u:pw@h:6543/db?sslmode=verify-full&sslrootcert=%2Fa%20b")
                .unwrap();
        assert_eq!(url.describe(), "database db on h:6543 as u");
        assert_eq!(url.ssl_mode, SslMode::VerifyFull);
        assert_eq!(url.root_cert, Some(PathBuf::from("/a b")));
        let keywords =
            Target::parse("host=h user=u password='p w' dbname=db sslmode=disable").unwrap();
        assert_eq!(keywords.describe(), "database db on h:5432 as u");
        assert_eq!(keywords.ssl_mode, SslMode::Disable);
        assert_eq!(keywords.config.get_password(), Some("p w".as_bytes()));
    }

    #[test]
    fn a_question_mark_in_the_password_hid_the_sslmode() {
        let target = Target::parse("postgres://u:se?cret@h/db?sslmode=verify-full").unwrap();
        assert_eq!(target.ssl_mode, SslMode::VerifyFull);
        assert_eq!(target.config.get_password(), Some("se?cret".as_bytes()));
    }

    #[test]
    fn what_does_not_parse_is_said_without_the_password() {
        for text in [
            "not a url",
            "mysql://u:secret@h/db",
            "postgres://u:secret@h:port/db",
            "postgres://u:secret@h/db?sslmode=maybe",
            "host=h password=secret nonsense",
            "postgres://u:secret@h/db?nope=1",
        ] {
            let error = Target::parse(text).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
            assert!(error.starts_with("the database URL does not parse: "), "{error}");
        }
    }

    #[test]
    fn a_unix_socket_was_asked_for_tls_though_no_server_offers_it_there() {
        let local = |text| Target::parse(text).unwrap().is_local();
        assert!(local("postgres:///db?host=/run/postgresql&sslmode=require"));
        assert!(local("host=/run/postgresql user=u dbname=db"));
        assert!(!local("host=/run/postgresql,db.example.com user=u"));
        assert!(!local("host=db.example.com hostaddr=127.0.0.1"));
        assert!(!local("postgres://u@h/db?sslmode=require"));
    }

    #[test]
    fn debug_shows_no_password() {
        let target = Target::parse("postgres://u:secret@h/db").unwrap();
        assert_eq!(format!("{target:?}"), "Target(database db on h:5432 as u)");
    }
}
