//! A target as PostgreSQL's own programs are told of it: by their environment, never by arguments,
//! which everybody on the machine can read.
//!
//! Source of the names: PostgreSQL's documentation, "Environment Variables" (of libpq).

use std::ffi::OsString;

use tokio_postgres::config::{Host, TargetSessionAttrs};

use crate::target::{SslMode, Target};

impl Target {
    /// Variables by which `pg_dump` and its kind reach this database. The password is among them.
    #[must_use]
    pub fn client_environment(&self) -> Vec<(&'static str, OsString)> {
        let config = self.config();
        let mut found: Vec<(&'static str, OsString)> = Vec::new();
        let mut add = |name, value: Option<OsString>| {
            if let Some(value) = value {
                found.push((name, value));
            }
        };
        let hosts: Vec<OsString> = config
            .get_hosts()
            .iter()
            .map(|host| match host {
                Host::Tcp(name) => name.into(),
                #[cfg(unix)]
                Host::Unix(path) => path.into(),
            })
            .collect();
        add("PGHOST", joined(&hosts));
        let addresses: Vec<OsString> =
            config.get_hostaddrs().iter().map(|it| it.to_string().into()).collect();
        add("PGHOSTADDR", joined(&addresses));
        let ports: Vec<OsString> =
            config.get_ports().iter().map(|it| it.to_string().into()).collect();
        add("PGPORT", joined(&ports));
        add("PGUSER", config.get_user().map(Into::into));
        add("PGDATABASE", config.get_dbname().or(config.get_user()).map(Into::into));
        let password = config.get_password();
        add("PGPASSWORD", password.map(|it| String::from_utf8_lossy(it).into_owned().into()));
        add("PGOPTIONS", config.get_options().map(Into::into));
        // Of several hosts one may be a standby, which lags behind.
        let attributes = match config.get_target_session_attrs() {
            TargetSessionAttrs::ReadWrite => Some("read-write"),
            TargetSessionAttrs::ReadOnly => Some("read-only"),
            _ => None,
        };
        add("PGTARGETSESSIONATTRS", attributes.map(Into::into));
        let timeout = config.get_connect_timeout().map(|it| it.as_secs().max(2).to_string());
        add("PGCONNECT_TIMEOUT", timeout.map(Into::into));
        let mode = match self.ssl_mode {
            SslMode::Disable => "disable",
            SslMode::Prefer => "prefer",
            SslMode::Require => "require",
            SslMode::VerifyCa => "verify-ca",
            SslMode::VerifyFull => "verify-full",
        };
        add("PGSSLMODE", Some(mode.into()));
        add("PGSSLROOTCERT", self.root_cert.as_ref().map(Into::into));
        add("PGAPPNAME", Some("stopover".into()));
        found
    }
}

/// Several hosts stand behind each other, as in a URL.
fn joined(values: &[OsString]) -> Option<OsString> {
    (!values.is_empty()).then(|| values.join(std::ffi::OsStr::new(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_becomes_variables() {
        let url = "postgresql://me:s%20crt@db.example.org:6432/shop?sslmode=verify-full\
                   &sslrootcert=/etc/ca.pem&options=-csearch_path%3Da";
        let variables = Target::parse(url).unwrap().client_environment();
        let value = |name: &str| {
            let found = variables.iter().find(|it| it.0 == name);
            found.map(|it| it.1.to_string_lossy().into_owned())
        };
        for (name, expected) in [
            ("PGHOST", "db.example.org"),
            ("PGPORT", "6432"),
            ("PGUSER", "me"),
            ("PGDATABASE", "shop"),
            ("PGPASSWORD", "s crt"),
            ("PGOPTIONS", "-csearch_path=a"),
            ("PGSSLMODE", "verify-full"),
            ("PGSSLROOTCERT", "/etc/ca.pem"),
        ] {
            assert_eq!(value(name).as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn a_dump_was_taken_from_the_standby_that_the_url_leaves_out() {
        let url = "postgresql://me@standby,primary/shop?target_session_attrs=read-write";
        let variables = Target::parse(url).unwrap().client_environment();
        assert!(variables.contains(&("PGTARGETSESSIONATTRS", "read-write".into())));
    }
}
