//! PostgreSQL's server binaries on this machine: where they are, which versions, which to take.
//!
//! Nothing is installed and nothing is started here but `postgres --version` and
//! `pg_config --bindir`.

mod client;
mod install;
mod search;
mod version;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use client::ClientProgram;
pub use install::install_command;
pub use search::Search;
pub use version::ServerVersion;

/// The environment variable that names a folder of server binaries.
pub const BINARIES_VARIABLE: &str = "STOPOVER_PG_BIN";

/// A program of PostgreSQL's that this tool runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Program {
    /// The server.
    Postgres,
    /// Makes an empty data folder.
    Initdb,
    /// Writes backups.
    PgDump,
    /// Reads archives.
    PgRestore,
    /// The interactive client.
    Psql,
}

impl Program {
    /// The program's file name.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Initdb => "initdb",
            Self::PgDump => "pg_dump",
            Self::PgRestore => "pg_restore",
            Self::Psql => "psql",
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file_name())
    }
}

/// What every folder of server binaries must hold.
pub(crate) const SERVER_PROGRAMS: [Program; 2] = [Program::Postgres, Program::Initdb];

/// One folder with server binaries of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
    version: ServerVersion,
}

impl Binaries {
    /// Looks into one folder and nowhere else.
    pub fn in_folder(folder: &Path) -> Result<Self, BinariesError> {
        search::in_named_folder(folder, "the named folder")
    }

    pub(crate) fn new(folder: PathBuf, version: ServerVersion) -> Self {
        Self { folder, version }
    }

    /// The folder, absolute.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The server's version.
    pub fn version(&self) -> &ServerVersion {
        &self.version
    }

    /// Where the program is, or would be: only the server's own programs are sure to be there.
    pub fn path(&self, program: Program) -> PathBuf {
        self.folder.join(program.file_name())
    }

    /// Whether the program is there and may be run.
    pub fn has(&self, program: Program) -> bool {
        search::is_program(&self.path(program))
    }
}

/// The binaries to take, and what to tell the user about the choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The binaries.
    pub binaries: Binaries,
    /// Set when the wanted major version is not here.
    pub warning: Option<NewerMajor>,
}

/// The wanted major version is not here, so a newer one was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewerMajor {
    /// The major version that was asked for.
    pub wanted: u32,
    /// The major version that was taken.
    pub taken: u32,
}

impl fmt::Display for NewerMajor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, taken } = self;
        write!(
            f,
            "PostgreSQL {wanted} is not installed here: the scratch runs on PostgreSQL {taken}; \
             timings and plans may differ from production's"
        )
    }
}

/// Why no binaries could be chosen.
#[derive(Debug, thiserror::Error)]
pub enum BinariesError {
    /// None anywhere.
    #[error(
        "no PostgreSQL server binaries found; looked in {}; install them with `{install}`, \
         or name their folder with --pg-bin or STOPOVER_PG_BIN", list(.searched)
    )]
    NoBinaries {
        /// Every folder that was looked into.
        searched: Vec<PathBuf>,
        /// The command that installs them on this system.
        install: String,
    },
    /// A folder was named explicitly and holds none. Nothing else is tried then: a user who names
    /// a folder wants that one.
    #[error(
        "no PostgreSQL server binaries in {}, named by {named_by}: {} missing; \
         name the folder that holds `postgres` and `initdb`",
        folder.display(), programs(.missing)
    )]
    NotThere {
        /// The named folder.
        folder: PathBuf,
        /// What named it: the flag or the variable.
        named_by: &'static str,
        /// What is missing there.
        missing: Vec<Program>,
    },
    /// There are some, but each is older than what is wanted.
    #[error(
        "the backup needs PostgreSQL {wanted} or newer; here are only {}; \
         install it with `{install}`, or name its folder with --pg-bin", majors(.here)
    )]
    OnlyOlder {
        /// The major version that was asked for.
        wanted: u32,
        /// The major versions that are here, ascending.
        here: Vec<u32>,
        /// The command that installs the wanted one.
        install: String,
    },
    /// Servers are there, but not the client programs that the work needs.
    #[error("{} missing beside PostgreSQL's server in {}; install with `{install}`",
        programs(.missing), folder.display())]
    ProgramsMissing {
        /// The folder that would have been chosen.
        folder: PathBuf,
        /// What is missing there.
        missing: Vec<Program>,
        /// The command that installs them.
        install: String,
    },
    /// `postgres` is there but does not tell its version.
    #[error("{} --version did not tell PostgreSQL's version: {said}", program.display())]
    NoVersion {
        /// The program that was run.
        program: PathBuf,
        /// What it said instead.
        said: String,
        /// Why it could not be run, if it could not.
        #[source]
        source: Option<io::Error>,
    },
}

fn list(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn programs(missing: &[Program]) -> String {
    missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

fn majors(here: &[u32]) -> String {
    here.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
