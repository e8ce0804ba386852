//! `cargo xtask bench rehearsal`: a backup restored and rehearsed, beside what everybody does by
//! hand, and what the parts of a rehearsal take.
//!
//! Everything happens on private servers and in folders of this run's own; a database of the wanted
//! size is made and dumped for it.

mod cold;
pub(super) mod database;
mod options;
mod ours;
mod start;
mod trace;
mod warm;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context;

use self::database::Dumps;
use self::options::Case;
use super::form::Form;
use super::peers::{self, Installed, Peer};
use super::server::Server;
use super::{options as common, page};

pub(super) use self::options::Options;

/// What our program reads where it is started. The ledger of the dump is empty: its tables were made
/// without migrations.
const SETTINGS: &str = "keep_base = \"always\"\n\n[policy]\nempty_ledger = \"allow\"\n";

/// Where a rehearsal of ours keeps its things.
#[derive(Debug)]
struct Place {
    /// Of bases and prepared data folders.
    cache: PathBuf,
    /// Of the private server; `None` is the system's temporary folder.
    scratch: Option<PathBuf>,
}

/// Everything that the cases need.
struct Bench<'a> {
    options: &'a Options,
    /// Our program.
    ours: &'a Path,
    sqlx: Option<&'a Installed>,
    /// The one that others restore into.
    server: &'a Server,
    work: &'a Path,
    dumps: &'a Dumps,
    migrations: PathBuf,
    usual: Place,
    clones: Option<Place>,
}

/// Measures, prints, and writes where that is asked for.
pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let ours = common::stopover(options.stopover.as_deref())?;
    let peers = peers::find(&[Peer::Sqlx], &options.named);
    let server = Server::start()?;
    let work = tempfile::tempdir().context("no temporary folder can be made")?;
    // Next to each other: a base is copied where the scratch is.
    let folder = options.folder.clone().unwrap_or_else(|| work.path().join("dumps"));
    let dumps = Dumps::take(&folder, options.megabytes, &server)?;
    let clones = match &options.clones {
        Some(folder) => Some(Place::make(folder, Some(folder.join("scratch")))?),
        None => None,
    };
    let migrations = work.path().join("migrations");
    Form::Sqlx.write(&migrations, &database::migrations())?;
    fs::write(work.path().join("stopover.toml"), SETTINGS)?;
    let bench = Bench {
        options,
        ours: &ours,
        sqlx: peers.installed.first(),
        server: &server,
        work: work.path(),
        dumps: &dumps,
        migrations,
        usual: Place::make(work.path(), None)?,
        clones,
    };
    let text = page::tables(&bench.run()?, &peers.missing);
    println!("\n{text}");
    if options.write {
        let conditions = format!("PostgreSQL {}, {} turns.", server.version(), options.runs);
        page::write("rehearsal", &conditions, &text)?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Place {
    fn make(folder: &Path, scratch: Option<PathBuf>) -> anyhow::Result<Self> {
        let cache = folder.join("cache");
        for folder in scratch.iter().chain([&cache]) {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        Ok(Self { cache, scratch })
    }
}

impl Bench<'_> {
    fn run(&self) -> anyhow::Result<Vec<super::figures::Table>> {
        let mut tables = Vec::new();
        if self.options.wants(Case::Cold) {
            tables.extend(self.cold()?);
        }
        if self.options.wants(Case::Warm) {
            tables.push(self.warm()?);
        }
        if self.options.wants(Case::Start) {
            tables.push(self.start()?);
        }
        if self.options.wants(Case::Trace) {
            tables.push(self.trace()?);
        }
        Ok(tables)
    }

    /// What applies the migrations after a restore by hand.
    fn migrator(&self, database: &str) -> anyhow::Result<Command> {
        if let Some(sqlx) = self.sqlx {
            let url = self.server.url(database);
            return Ok(sqlx.peer.command(&sqlx.program, &self.migrations, &url));
        }
        let mut psql = self.server.client("psql", database);
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1"]);
        let files: Result<Vec<_>, _> = fs::read_dir(&self.migrations)?.collect();
        let mut files: Vec<PathBuf> = files?.iter().map(fs::DirEntry::path).collect();
        files.sort();
        for file in files {
            psql.arg("-f").arg(file);
        }
        Ok(psql)
    }

    fn migrator_name(&self) -> String {
        let sqlx = self.sqlx.map(|it| format!("`sqlx migrate run` ({})", it.version));
        sqlx.unwrap_or_else(|| "`psql -f` (sqlx is not there)".to_owned())
    }
}
