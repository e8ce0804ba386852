//! What libpq adds to a connection string: the service file, `PG*` variables, the password file.
//!
//! Order of strength, as in libpq: what the string says, the service, the variables, the
//! defaults. Source: PostgreSQL's documentation, "Environment Variables", "The Connection Service
//! File", "The Password File". What is read here is only ever put into a [`Config`]; nothing of it
//! is shown.

mod passfile;
mod service;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::target::TargetError;

/// Options of a string that `tokio_postgres::Config` does not know, by name.
pub(crate) type Extras = BTreeMap<String, String>;

/// What surrounds the process: its variables and its home folder.
pub(crate) struct Surroundings<'a> {
    /// The value of a variable.
    pub(crate) variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Surroundings<'_> {
    /// The value of a variable that is set to something.
    fn set(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    fn home(&self) -> Option<PathBuf> {
        self.set("HOME").map(PathBuf::from)
    }
}

/// Fills in what `config` and `extras` leave open.
pub(crate) fn complete(
    config: &mut Config,
    extras: &mut Extras,
    around: &Surroundings<'_>,
) -> Result<(), TargetError> {
    let name = extras.get("service").cloned().or_else(|| around.set("PGSERVICE"));
    if let Some(name) = name {
        for (key, value) in service::read(&name, around)? {
            fill(config, extras, &key, &value)?;
        }
    }
    for (variable, key) in VARIABLES {
        if let Some(value) = around.set(variable) {
            fill(config, extras, key, &value)?;
        }
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        config.host(default_host());
    }
    if config.get_password().is_none()
        && let Some(password) = passfile::find(config, extras, around)
    {
        config.password(password);
    }
    Ok(())
}

/// Variables, and the options that they stand for.
const VARIABLES: [(&str, &str); 12] = [
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGDATABASE", "dbname"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGPASSFILE", "passfile"),
    ("PGOPTIONS", "options"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGAPPNAME", "application_name"),
];

/// Options that change nothing for us: of libraries and features that are not used here.
const IGNORED: [&str; 9] = [
    "client_encoding",
    "fallback_application_name",
    "gssencmode",
    "gsslib",
    "krbsrvname",
    "requirepeer",
    "sslcompression",
    "sslsni",
    "tcp_user_timeout",
];

/// Sets one option, unless something stronger has set it.
fn fill(
    config: &mut Config,
    extras: &mut Extras,
    key: &str,
    value: &str,
) -> Result<(), TargetError> {
    let reason = |text: String| Err(TargetError { reason: text });
    match key {
        "host" if config.get_hosts().is_empty() => {
            for host in value.split(',') {
                config.host(host);
            }
        }
        "hostaddr" if config.get_hostaddrs().is_empty() => match value.parse() {
            Ok(address) => {
                config.hostaddr(address);
            }
            Err(_) => return reason("hostaddr is no address".to_owned()),
        },
        "port" if config.get_ports().is_empty() => {
            for port in value.split(',') {
                match port.trim().parse() {
                    Ok(port) => config.port(port),
                    Err(_) => return reason(format!("port `{port}` is no port")),
                };
            }
        }
        "dbname" if config.get_dbname().is_none() => {
            config.dbname(value);
        }
        "user" if config.get_user().is_none() => {
            config.user(value);
        }
        "password" if config.get_password().is_none() => {
            config.password(value);
        }
        "options" if config.get_options().is_none() => {
            config.options(value);
        }
        "application_name" if config.get_application_name().is_none() => {
            config.application_name(value);
        }
        "connect_timeout" if config.get_connect_timeout().is_none() => {
            match value.trim().parse() {
                // 0 is no limit; 1 is taken for 2, as libpq does.
                Ok(0) => {}
                Ok(seconds) => {
                    config.connect_timeout(Duration::from_secs(u64::max(seconds, 2)));
                }
                Err(_) => return reason(format!("connect_timeout `{value}` is no number")),
            }
        }
        "sslmode" | "sslrootcert" | "passfile" => {
            extras.entry(key.to_owned()).or_insert_with(|| value.to_owned());
        }
        "host" | "hostaddr" | "port" | "dbname" | "user" | "password" | "options"
        | "application_name" | "connect_timeout" => {}
        ignored if IGNORED.contains(&ignored) => {}
        unknown => return reason(format!("the option `{unknown}` is not known")),
    }
    Ok(())
}

/// Whether an option changes nothing for us.
pub(crate) fn is_ignored(key: &str) -> bool {
    IGNORED.contains(&key)
}

/// libpq's default: the first usual socket folder that is there, else TCP to this machine.
fn default_host() -> String {
    ["/var/run/postgresql", "/tmp"]
        .into_iter()
        .find(|folder| std::path::Path::new(folder).join(".s.PGSQL.5432").exists())
        .unwrap_or("localhost")
        .to_owned()
}

/// Host, port, database and user as the password file knows them.
fn address(config: &Config) -> [String; 4] {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        #[cfg(unix)]
        Some(Host::Unix(path)) => match path.to_str() {
            // A socket in the default folder is called so in the file.
            Some("/var/run/postgresql" | "/tmp") | None => "localhost".to_owned(),
            Some(other) => other.to_owned(),
        },
        None => config.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432).to_string();
    let user = config.get_user().map_or_else(own_name, str::to_owned);
    let database = config.get_dbname().map_or_else(|| user.clone(), str::to_owned);
    [host, port, database, user]
}

/// The role where none is named: the user of this process.
fn own_name() -> String {
    ["USER", "LOGNAME"].into_iter().find_map(|it| std::env::var(it).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
