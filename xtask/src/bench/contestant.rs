//! Who takes part in a case, and how it is started.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::form::Form;
use super::peers::{Installed, Peer};

/// One who applies migrations.
#[derive(Debug, Clone)]
pub(super) enum Contestant {
    /// Ours, on its own ledger.
    Ours(PathBuf),
    /// Ours, on a peer's ledger and files.
    OursOn(PathBuf, Peer),
    /// Another tool.
    Peer(Installed),
    /// The same statements by one `psql -f`.
    Floor(PathBuf),
}

/// The file that the floor runs, in its folder.
pub(super) const WHOLE: &str = "whole.sql";

/// Our own ledger, as a query may name it.
const OWN_LEDGER: &str = "stopover.applied_migrations";

impl Contestant {
    /// As a table names it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Ours(_) => "**Stopover**".to_owned(),
            Self::OursOn(_, peer) => format!("**Stopover** on {}'s ledger", peer.name()),
            Self::Peer(Installed { peer, version, .. }) => format!("{} {version}", peer.name()),
            Self::Floor(_) => "the floor: `psql -f`".to_owned(),
        }
    }

    /// How its files are written; ours on its own ledger reads what sqlx reads.
    pub(super) const fn form(&self) -> Form {
        match self {
            Self::Ours(_) | Self::Floor(_) => Form::Sqlx,
            Self::OursOn(_, peer) => peer.form(),
            Self::Peer(installed) => installed.peer.form(),
        }
    }

    /// Where it records; `None` where it does not.
    pub(super) const fn ledger(&self) -> Option<&'static str> {
        match self {
            Self::Ours(_) => Some(OWN_LEDGER),
            Self::OursOn(..) | Self::Peer(_) => Some(self.form().ledger()),
            Self::Floor(_) => None,
        }
    }

    pub(super) fn is_peer(&self, wanted: Peer) -> bool {
        matches!(self, Self::Peer(installed) if installed.peer == wanted)
    }

    /// The program that applies what is in `folder`, set up but for the caller's environment.
    pub(super) fn command(&self, folder: &Path, url: &str) -> Command {
        match self {
            Self::Ours(program) => ours(program, "sqlx", "stopover", folder, url),
            Self::OursOn(program, peer) => {
                let layout = peer.form().layout().unwrap_or_default();
                ours(program, layout, layout, folder, url)
            }
            Self::Peer(Installed { peer, program, .. }) => peer.command(program, folder, url),
            Self::Floor(program) => {
                let mut psql = Command::new(program);
                psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-f"]);
                psql.arg(folder.join(WHOLE));
                psql
            }
        }
    }
}

fn ours(program: &Path, layout: &str, ledger: &str, folder: &Path, url: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["apply", "--layout", layout, "--ledger", ledger, "--migrations"]).arg(folder);
    // The other tools make no backup either.
    command.env("DATABASE_URL", url).envs(crate::BARE);
    command
}
