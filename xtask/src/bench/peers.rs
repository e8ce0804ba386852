//! The other tools: found, or told how to get them. A gap is never silent.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::form::Form;

/// A tool that is measured beside ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Peer {
    Sqlx,
    Diesel,
    Dbmate,
    Refinery,
    SqlMigrate,
}

/// A tool that is there.
#[derive(Debug, Clone)]
pub(super) struct Installed {
    pub(super) peer: Peer,
    pub(super) program: PathBuf,
    pub(super) version: String,
}

/// What is there and what is not.
#[derive(Debug)]
pub(super) struct Peers {
    pub(super) installed: Vec<Installed>,
    /// A line for each.
    pub(super) missing: Vec<String>,
}

impl Peer {
    pub(super) const ALL: [Self; 5] =
        [Self::Sqlx, Self::Diesel, Self::Dbmate, Self::Refinery, Self::SqlMigrate];

    /// As its flag and its program are called.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sqlx => "sqlx",
            Self::Diesel => "diesel",
            Self::Dbmate => "dbmate",
            Self::Refinery => "refinery",
            Self::SqlMigrate => "sql-migrate",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    pub(super) const fn form(self) -> Form {
        match self {
            Self::Sqlx => Form::Sqlx,
            Self::Diesel => Form::Diesel,
            Self::Dbmate => Form::Dbmate,
            Self::Refinery => Form::Refinery,
            Self::SqlMigrate => Form::SqlMigrate,
        }
    }

    const fn how_to_install(self) -> &'static str {
        match self {
            Self::Sqlx => "cargo install sqlx-cli --no-default-features --features postgres",
            Self::Diesel => "cargo install diesel_cli --no-default-features --features postgres",
            Self::Dbmate => "npm install -g dbmate",
            Self::Refinery => {
                "cargo install refinery_cli --no-default-features --features postgresql"
            }
            Self::SqlMigrate => "apt-get install sql-migrate",
        }
    }

    /// The program that applies everything, without its environment.
    pub(super) fn command(self, program: &Path, folder: &Path, url: &str) -> Command {
        let mut command = Command::new(program);
        match self {
            Self::Sqlx => command.args(["migrate", "run", "--no-dotenv", "--source"]).arg(folder),
            Self::Diesel => command.args(["migration", "run", "--migration-dir"]).arg(folder),
            Self::Dbmate => {
                command.args(["--no-dump-schema", "--migrations-dir"]).arg(folder).arg("migrate")
            }
            Self::Refinery => command.args(["migrate", "-e", "DATABASE_URL", "-p"]).arg(folder),
            Self::SqlMigrate => {
                // Its URL and its folder are in a file beside the folder.
                command.arg("up").arg(format!("-config={}.yml", folder.display()))
            }
        };
        command.env("DATABASE_URL", url);
        command
    }

    /// What sql-migrate reads.
    pub(super) fn settings(folder: &Path, url: &str) -> String {
        format!(
            "development:\n  dialect: postgres\n  datasource: {url}\n  dir: {}\n",
            folder.display()
        )
    }
}

/// Those of the wanted tools that are named or on the path; the others are told at once.
pub(super) fn find(wanted: &[Peer], named: &BTreeMap<Peer, PathBuf>) -> Peers {
    let mut peers = Peers { installed: Vec::new(), missing: Vec::new() };
    for &peer in wanted {
        let program = named.get(&peer).cloned().or_else(|| on_path(peer.name()));
        let version = program.as_deref().and_then(version);
        match (program, version) {
            (Some(program), Some(version)) => {
                peers.installed.push(Installed { peer, program, version });
            }
            (Some(program), None) => {
                let program = program.display();
                peers.missing.push(format!("{}: {program} cannot be run", peer.name()));
            }
            (None, _) => peers.missing.push(format!(
                "{}: not installed: {}; or --{} PATH",
                peer.name(),
                peer.how_to_install(),
                peer.name()
            )),
        }
    }
    for missing in &peers.missing {
        println!("{missing}");
    }
    peers
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|it| it.is_file())
}

/// The number that the program says of itself.
fn version(program: &Path) -> Option<String> {
    let said = Command::new(program).arg("--version").output().ok()?;
    // sql-migrate tells it as an error.
    let text = [said.stdout, said.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.');
    text.split_whitespace().find(number).map(str::to_owned)
}
