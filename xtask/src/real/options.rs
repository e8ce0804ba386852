//! Arguments: what was asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::server::Rights;
use super::size;

/// What was asked for, read before anything is done.
#[derive(Debug)]
pub(super) enum Request {
    /// `real`.
    Real(Options),
    /// `heal`.
    Heal(Heal),
    /// `dump`.
    Dump(Dump),
    /// `memory`.
    Memory(Memory),
}

/// What `heal` was asked for.
#[derive(Debug)]
pub(super) struct Heal {
    /// sqlx's program.
    pub(super) sqlx: PathBuf,
    pub(super) stopover: Option<PathBuf>,
}

/// What `dump` was asked for.
#[derive(Debug)]
pub(super) struct Dump {
    /// Bytes of the compressed dump.
    pub(super) size: u64,
    pub(super) out: PathBuf,
    pub(super) stopover: Option<PathBuf>,
}

/// What `memory` was asked for.
#[derive(Debug)]
pub(super) struct Memory {
    /// Bytes of the backup that is made where none is named.
    pub(super) size: u64,
    /// Bytes that the tool may take.
    pub(super) limit: u64,
    pub(super) backup: Option<PathBuf>,
    pub(super) stopover: Option<PathBuf>,
}

impl Request {
    pub(super) fn read(command: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let flags = Flags::parse(command, arguments)?;
        let size = |name, usual| size::bytes(flags.get(name).unwrap_or(usual));
        let stopover = flags.path("stopover");
        Ok(match command {
            "heal" => Self::Heal(Heal { sqlx: sqlx(&flags), stopover }),
            "dump" => Self::Dump(Dump {
                size: size("size", "200M")?,
                out: flags.path("out").context("--out FILE.sql.gz is missing")?,
                stopover,
            }),
            "memory" => Self::Memory(Memory {
                size: size("size", "200M")?,
                limit: size("limit", "256M")?,
                backup: flags.path("backup"),
                stopover,
            }),
            _ => Self::Real(Options::from_flags(&flags)?),
        })
    }
}

/// Flags by name (without dashes), with their values; a flag without one has an empty value.
#[derive(Debug)]
struct Flags(BTreeMap<String, String>);

/// Flags that take no value.
const BARE: [&str; 1] = ["superuser"];

const KNOWN: [(&str, &[&str]); 4] = [
    ("heal", &["sqlx", "stopover"]),
    (
        "real",
        &[
            "migrations",
            "layout",
            "peer",
            "ledger",
            "older",
            "rows",
            "superuser",
            "sqlx",
            "stopover",
        ],
    ),
    ("dump", &["size", "out", "stopover"]),
    ("memory", &["size", "limit", "backup", "stopover"]),
];

impl Flags {
    /// Reads `--name value` and `--name=value`.
    fn parse(command: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let known = KNOWN.iter().find(|(name, _)| *name == command);
        let known = known.map(|(_, flags)| *flags).unwrap_or_default();
        let mut flags = BTreeMap::new();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let flag =
                argument.strip_prefix("--").with_context(|| format!("what is {argument}?"))?;
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None if BARE.contains(&flag) => (flag, String::new()),
                None => {
                    let value = rest.next().with_context(|| format!("{argument} needs a value"))?;
                    (flag, (*value).to_owned())
                }
            };
            if !known.contains(&name) {
                bail!("{command} knows no --{name}");
            }
            flags.insert(name.to_owned(), value);
        }
        Ok(Self(flags))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }
}

/// sqlx's program: the one that is named, else the one that is installed.
fn sqlx(flags: &Flags) -> PathBuf {
    flags.path("sqlx").unwrap_or_else(|| "sqlx".into())
}

/// The project's own way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Peer {
    /// `sqlx migrate run`, by this program.
    Sqlx(PathBuf),
    /// Each file through psql, in Stopover's order.
    Psql,
    /// None: only Stopover, and its rehearsals.
    None,
}

/// Which older state is rehearsed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Older {
    /// The first half is applied.
    Half,
    /// So many are applied.
    First(usize),
}

impl Older {
    /// How many migrations of so many.
    pub(super) fn of(self, total: usize) -> usize {
        match self {
            Self::Half => total / 2,
            Self::First(count) => count,
        }
    }
}

/// What `real` was asked for.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) migrations: PathBuf,
    pub(super) layout: Option<String>,
    pub(super) ledger: Option<String>,
    pub(super) peer: Peer,
    pub(super) older: Older,
    /// How many rows each table shall get.
    pub(super) rows: u32,
    /// What the project's role may do.
    pub(super) rights: Rights,
    pub(super) stopover: Option<PathBuf>,
}

impl Options {
    fn from_flags(flags: &Flags) -> anyhow::Result<Self> {
        let folder = flags.get("migrations").context("--migrations DIR is missing")?;
        let migrations = Path::new(folder)
            .canonicalize()
            .with_context(|| format!("{folder}: no such folder"))?;
        let peer = match flags.get("peer").unwrap_or("psql") {
            "sqlx" => Peer::Sqlx(sqlx(flags)),
            "psql" => Peer::Psql,
            "none" => Peer::None,
            other => bail!("--peer {other}: sqlx, psql or none"),
        };
        let ledger = flags.get("ledger").map(str::to_owned);
        let sqlx = matches!(peer, Peer::Sqlx(_)).then(|| "sqlx".to_owned());
        let older = match flags.get("older").unwrap_or("half") {
            "half" => Older::Half,
            count => Older::First(count.parse().context("--older takes a number, or half")?),
        };
        let rows = flags.get("rows").unwrap_or("40").parse().context("--rows takes a number")?;
        let rights =
            if flags.get("superuser").is_some() { Rights::Superuser } else { Rights::Owner };
        Ok(Self {
            migrations,
            layout: flags.get("layout").map(str::to_owned),
            ledger: ledger.or(sqlx),
            peer,
            older,
            rows,
            rights,
            stopover: flags.path("stopover"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_that_is_not_known_or_lacks_its_value_is_refused() {
        assert!(Flags::parse("real", &["--migrations", "m", "--superuser", "--rows=3"]).is_ok());
        assert!(Flags::parse("real", &["--migration", "m"]).is_err());
        assert!(Flags::parse("real", &["m"]).is_err());
        assert!(Flags::parse("dump", &["--size"]).is_err());
        assert!(Flags::parse("heal", &["--sqlx", "sqlx"]).is_ok());
    }

    #[test]
    fn an_older_state_is_the_half_or_a_number() {
        assert_eq!(Older::Half.of(7), 3);
        assert_eq!(Older::First(5).of(7), 5);
    }
}
