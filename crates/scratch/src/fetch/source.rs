//! Where a backup is, as people write it: a kind, a colon, and the rest.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use stopover_model::redact_urls;
use thiserror::Error;

/// Where a backup is. Shown without passwords, and a command not at all.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// `command:…`: a shell command.
    Command(String),
    /// `file:…`: a folder, or a name with `*` and `?`.
    File(String),
    /// `rsync://host/…`, or `rsync:…` with what rsync takes.
    Rsync(String),
    /// `ssh:host:/path` or `ssh://user@host:port/path`.
    Ssh(SshPlace),
    /// `s3://bucket/key`.
    S3(String),
    /// `https://…`; `http://…` on this host.
    Https(String),
}

/// A file on another host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshPlace {
    /// `host` or `user@host`, as ssh takes it.
    pub host: String,
    /// Where it listens, if that is said.
    pub port: Option<u16>,
    /// The file over there.
    pub path: String,
}

/// What is not a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SourceError {
    /// No kind that is known.
    #[error("it begins with none of command:, file:, rsync:, ssh:, s3://, https://")]
    Kind,
    /// The kind alone.
    #[error("nothing is named behind the kind")]
    Empty,
    /// No host and path.
    #[error("it must be ssh:host:/path or ssh://user@host:port/path")]
    Ssh,
    /// No bucket and key.
    #[error("it must be s3://bucket/key")]
    S3,
    /// Unencrypted.
    #[error("http:// is for this host alone: a backup must not cross a network unencrypted")]
    Unencrypted,
    /// Would be an option, or break a line.
    #[error("it begins with `-` or has a line break")]
    Unsafe,
    /// On the command line everybody could read it.
    #[error("a password does not belong there: use a key, or RSYNC_PASSWORD")]
    Password,
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let (kind, rest) = text.trim().split_once(':').ok_or(SourceError::Kind)?;
        if rest.trim_matches(['/', ' ']).is_empty() && !matches!(kind, "file") || rest.is_empty() {
            let known = ["command", "file", "rsync", "ssh", "s3", "https", "http"];
            return Err(if known.contains(&kind) { SourceError::Empty } else { SourceError::Kind });
        }
        let one_line =
            || if text.contains(['\n', '\r', '\0']) { Err(SourceError::Unsafe) } else { Ok(()) };
        let whole = || text.trim().to_owned();
        match kind {
            "command" => Ok(Self::Command(rest.trim().to_owned())),
            "file" => Ok(Self::File(rest.strip_prefix("//").unwrap_or(rest).to_owned())),
            "rsync" => one_line().and_then(|()| rsync(rest, whole())),
            "ssh" => one_line().and_then(|()| ssh(rest)).map(Self::Ssh),
            "s3" => one_line().and_then(|()| s3(rest, whole())),
            "https" => one_line().and_then(|()| web(rest, whole())),
            "http" if !is_loopback(text) => Err(SourceError::Unencrypted),
            "http" => one_line().and_then(|()| web(rest, whole())),
            _ => Err(SourceError::Kind),
        }
    }
}

fn rsync(rest: &str, whole: String) -> Result<Source, SourceError> {
    let Some(url) = rest.strip_prefix("//") else {
        return if rest.starts_with('-') {
            Err(SourceError::Unsafe)
        } else {
            Ok(Source::Rsync(rest.to_owned()))
        };
    };
    let authority = url.split('/').next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, _)) if user.contains(':') => Err(SourceError::Password),
        _ => Ok(Source::Rsync(whole)),
    }
}

fn ssh(rest: &str) -> Result<SshPlace, SourceError> {
    let (host, port, path) = match rest.strip_prefix("//") {
        Some(url) => {
            let (authority, path) = url.split_once('/').ok_or(SourceError::Ssh)?;
            if authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) {
                return Err(SourceError::Password);
            }
            match authority.rsplit_once(':') {
                Some((host, port)) => {
                    (host, Some(port.parse().map_err(|_| SourceError::Ssh)?), format!("/{path}"))
                }
                None => (authority, None, format!("/{path}")),
            }
        }
        None => {
            let (host, path) = rest.split_once(':').ok_or(SourceError::Ssh)?;
            (host, None, path.to_owned())
        }
    };
    if host.is_empty() || path.trim_matches('/').is_empty() || host.contains(char::is_whitespace) {
        return Err(SourceError::Ssh);
    }
    if host.starts_with('-') {
        return Err(SourceError::Unsafe);
    }
    Ok(SshPlace { host: host.to_owned(), port, path })
}

fn s3(rest: &str, whole: String) -> Result<Source, SourceError> {
    let place = rest.strip_prefix("//").ok_or(SourceError::S3)?;
    match place.split_once('/') {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => Ok(Source::S3(whole)),
        _ => Err(SourceError::S3),
    }
}

fn web(rest: &str, whole: String) -> Result<Source, SourceError> {
    if rest.starts_with("//") { Ok(Source::Https(whole)) } else { Err(SourceError::Kind) }
}

/// Whether a URL's host is this one.
pub(super) fn is_loopback(url: &str) -> bool {
    let rest = url.trim().split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let name = host.strip_prefix('[').map_or_else(
        || host.split(':').next().unwrap_or_default(),
        |inner| inner.split(']').next().unwrap_or_default(),
    );
    matches!(name, "localhost" | "127.0.0.1" | "::1")
}

impl Source {
    /// What a fetched backup is called: the file's own name over there, where it has one.
    pub(super) fn name(&self) -> String {
        let path = match self {
            Self::Command(_) => "",
            Self::Ssh(place) => &place.path,
            Self::File(path) | Self::Rsync(path) | Self::S3(path) | Self::Https(path) => path,
        };
        let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        let name = path.rsplit(['/', ':']).next().unwrap_or_default();
        let plain =
            |it: char| if it.is_ascii_alphanumeric() || "._-+@".contains(it) { it } else { '_' };
        let name: String = name.chars().take(100).map(plain).collect();
        if name.is_empty() { "backup".to_owned() } else { name }
    }
}

impl Display for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(_) => f.write_str("the fetch command"),
            Self::File(path) => write!(f, "file:{path}"),
            Self::Rsync(place) if place.starts_with("rsync:") => f.write_str(&redact_urls(place)),
            Self::Rsync(place) => write!(f, "rsync:{}", redact_urls(place)),
            Self::Ssh(SshPlace { host, port: Some(port), path }) => {
                write!(f, "ssh://{host}:{port}{path}")
            }
            Self::Ssh(SshPlace { host, path, .. }) => write!(f, "ssh:{host}:{path}"),
            Self::S3(url) => f.write_str(url),
            // A signature stands in the query.
            Self::Https(url) => {
                f.write_str(&redact_urls(url.split(['?', '#']).next().unwrap_or_default()))
            }
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Source({self})")
    }
}
