//! What a caller can choose about a private server.

use std::path::PathBuf;

use super::ServerError;
use super::folder::PORT;

/// What a caller can choose about a private server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where its folder is made. `None`: the system's temporary folder.
    pub folder: Option<PathBuf>,
    /// Where prepared empty data folders are kept, which make the start faster. `None`: nowhere.
    pub template_cache: Option<PathBuf>,
    /// How the server treats what it writes.
    pub durability: Durability,
    /// Who gets to it.
    pub reach: Reach,
    /// The cluster's encoding, by PostgreSQL's name.
    pub encoding: String,
    /// The cluster's locale.
    pub locale: Locale,
    /// Memory in bytes that the settings are fitted to. `None`: the machine's (or the container's).
    pub memory: Option<u64>,
    /// Further settings by name and plain value (unquoted); they win over all others.
    pub settings: Vec<(String, String)>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            folder: None,
            template_cache: None,
            durability: Durability::ThrowAway,
            reach: Reach::Socket,
            encoding: "UTF8".to_owned(),
            locale: Locale::Usual,
            memory: None,
            settings: Vec::new(),
        }
    }
}

/// Who gets to a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// This process, through a socket in a folder that nobody else may enter.
    #[default]
    Socket,
    /// Programs of this user's as well, through the same socket. Its port is one that nobody
    /// listens on: a driver that overlooks the socket's folder meets no other server.
    Programs,
    /// The same, and whoever knows a password, on 127.0.0.1: for drivers without sockets.
    Loopback,
}

impl Reach {
    /// The port, which is part of the socket's name.
    pub(crate) fn port(self) -> std::io::Result<u16> {
        match self {
            Self::Socket => Ok(PORT),
            Self::Programs | Self::Loopback => {
                let free = std::net::TcpListener::bind(("127.0.0.1", 0))?;
                Ok(free.local_addr()?.port())
            }
        }
    }
}

/// How the server treats what it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing need survive a crash: no fsync, no full-page writes, minimal WAL.
    ThrowAway,
    /// As in production, for timings nearer to it.
    LikeProduction,
}

/// The cluster's locale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Locale {
    /// `C.UTF-8`, or `C` where the system does not know that (or another encoding is asked for).
    Usual,
    /// This one.
    Named(String),
}

impl ServerOptions {
    /// The locales to try, best first.
    pub(crate) fn locales(&self) -> Vec<&str> {
        match &self.locale {
            Locale::Named(name) => vec![name],
            Locale::Usual if self.encoding.eq_ignore_ascii_case("UTF8") => vec!["C.UTF-8", "C"],
            Locale::Usual => vec!["C"],
        }
    }

    /// Refuses what could not be written into a configuration file or a command line as a value.
    pub(crate) fn check(&self) -> Result<(), ServerError> {
        let bad = |what, value: &str| Err(ServerError::BadOption { what, value: value.to_owned() });
        if !is_word(&self.encoding) {
            return bad("encoding", &self.encoding);
        }
        if let Locale::Named(name) = &self.locale
            && (name.is_empty() || name.starts_with('-') || name.contains(char::is_control))
        {
            return bad("locale", name);
        }
        for (name, value) in &self.settings {
            if name.is_empty() || !name.split('.').all(is_word) {
                return bad("setting's name", name);
            }
            if value.contains(['\n', '\r', '\0']) {
                return bad("setting's value", value);
            }
        }
        Ok(())
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_cannot_smuggle_in_another_line() {
        let with = |name: &str, value: &str| ServerOptions {
            settings: vec![(name.to_owned(), value.to_owned())],
            ..ServerOptions::default()
        };
        assert!(with("work_mem", "4MB").check().is_ok());
        assert!(with("auto_explain.log_min_duration", "0").check().is_ok());
        assert!(with("work_mem", "4MB\nlisten_addresses = '*'").check().is_err());
        assert!(with("a = 1\nb", "2").check().is_err());
        assert!(with("", "2").check().is_err());
    }

    #[test]
    fn the_usual_locale_follows_the_encoding() {
        let latin = ServerOptions { encoding: "LATIN1".to_owned(), ..ServerOptions::default() };
        assert_eq!(latin.locales(), ["C"]);
        assert_eq!(ServerOptions::default().locales(), ["C.UTF-8", "C"]);
    }
}
