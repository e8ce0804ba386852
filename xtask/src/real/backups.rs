//! Backups of one database in every form that a rehearsal reads.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use stopover_scratch::binaries::Program;

use super::program;
use super::server::Database;

/// A backup, and what its form is called.
pub(super) struct Backup {
    pub(super) form: &'static str,
    pub(super) path: PathBuf,
}

impl Backup {
    /// Its size on disk; a folder's files together.
    pub(super) fn bytes(&self) -> anyhow::Result<u64> {
        if !self.path.is_dir() {
            return Ok(self.path.metadata()?.len());
        }
        let files = self.path.read_dir()?.collect::<Result<Vec<_>, _>>()?;
        files.iter().map(|file| Ok(file.metadata()?.len())).sum()
    }
}

/// Makes all of them in the folder. Zstandard's is left out where its program is not installed.
pub(super) fn make(database: &Database<'_>, folder: &Path) -> anyhow::Result<Vec<Backup>> {
    let forms: [(&str, &str, &[&str]); 4] = [
        (".sql", "older.sql", &[]),
        (".sql.gz", "older.sql.gz", &["-Z", "6"]),
        ("-Fc", "older.dump", &["-Fc"]),
        ("-Fd", "older.folder", &["-Fd"]),
    ];
    let mut backups = Vec::new();
    for (form, name, arguments) in forms {
        let path = folder.join(name);
        let mut dump = database.command(Program::PgDump);
        program::run(dump.args(arguments).arg("-f").arg(&path))?.or_fail("pg_dump")?;
        backups.push(Backup { form, path });
    }
    let plain = backups.first().context("a plain dump")?.path.clone();
    let path = folder.join("older.sql.zst");
    let mut zstd = Command::new("zstd");
    zstd.args(["-q", "-o"]).arg(&path).arg(&plain);
    match program::run(&mut zstd) {
        Ok(said) => drop(said.or_fail("zstd")?),
        Err(_) => {
            println!("zstd is not installed: no .sql.zst is tried");
            return Ok(backups);
        }
    }
    backups.push(Backup { form: ".sql.zst", path });
    Ok(backups)
}
