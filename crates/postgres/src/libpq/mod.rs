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
    if is_set(config, extras, key) {
        return Ok(());
    }
    match key {
        "host" => {
            for host in value.split(',') {
                config.host(host);
            }
        }
        "hostaddr" => {
            let address = value.parse().map_err(|_| wrong("hostaddr is no address".to_owned()))?;
            config.hostaddr(address);
        }
        "port" => ports(config, value)?,
        "dbname" => {
            config.dbname(value);
        }
        "user" => {
            config.user(value);
        }
        "password" => {
            config.password(value);
        }
        "options" => {
            config.options(value);
        }
        "application_name" => {
            config.application_name(value);
        }
        "connect_timeout" => connect_timeout(config, value)?,
        "sslmode" | "sslrootcert" | "passfile" => {
            extras.insert(key.to_owned(), value.to_owned());
        }
        ignored if IGNORED.contains(&ignored) => {}
        unknown => return Err(wrong(format!("the option `{unknown}` is not known"))),
    }
    Ok(())
}

/// Whether something stronger has said it.
fn is_set(config: &Config, extras: &Extras, key: &str) -> bool {
    match key {
        "host" => !config.get_hosts().is_empty(),
        "hostaddr" => !config.get_hostaddrs().is_empty(),
        "port" => !config.get_ports().is_empty(),
        "dbname" => config.get_dbname().is_some(),
        "user" => config.get_user().is_some(),
        "password" => config.get_password().is_some(),
        "options" => config.get_options().is_some(),
        "application_name" => config.get_application_name().is_some(),
        "connect_timeout" => config.get_connect_timeout().is_some(),
        other => extras.contains_key(other),
    }
}

fn ports(config: &mut Config, value: &str) -> Result<(), TargetError> {
    for port in value.split(',') {
        let number = port.trim().parse().map_err(|_| wrong(format!("port `{port}` is no port")))?;
        config.port(number);
    }
    Ok(())
}

/// 0 is no limit; 1 is taken for 2, as libpq does.
fn connect_timeout(config: &mut Config, value: &str) -> Result<(), TargetError> {
    match value.trim().parse() {
        Ok(0) => {}
        Ok(seconds) => {
            config.connect_timeout(Duration::from_secs(u64::max(seconds, 2)));
        }
        Err(_) => return Err(wrong(format!("connect_timeout `{value}` is no number"))),
    }
    Ok(())
}

const fn wrong(reason: String) -> TargetError {
    TargetError { reason }
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
