//! `cargo xtask dump`: a big backup of made-up data, with a ledger, one migration behind.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use stopover_scratch::binaries::Program;

use super::options::Dump;
use super::program;
use super::server::{Rights, Server};
use super::size;
use super::tool::{self, Tool};

/// The migrations that the backup is made by, and rehearsed with: all but the last are applied.
pub(super) fn migrations() -> anyhow::Result<PathBuf> {
    Ok(crate::root()?.join("xtask/src/real/big/migrations"))
}

/// Makes the backup that was asked for.
pub(super) fn run(request: &Dump) -> anyhow::Result<ExitCode> {
    make(&Tool::find(request.stopover.as_deref())?, request.size, &request.out)?;
    Ok(ExitCode::SUCCESS)
}

/// Makes a backup of about `size` bytes, compressed.
pub(super) fn make(tool: &Tool, size: u64, out: &Path) -> anyhow::Result<()> {
    let start = Instant::now();
    let server = Server::start(Rights::Owner)?;
    let database = server.database("big")?;
    let mut apply = tool.command("apply", &migrations()?);
    apply.args(["--steps", "1"]).env("DATABASE_URL", database.url());
    let applied = tool::answer(program::run(&mut apply)?)?;
    anyhow::ensure!(applied.said.good(), "stopover apply: {}", applied.complaint());
    let filler = crate::root()?.join("xtask/src/real/big/fill.sql");
    let bytes = format!("bytes={size}");
    database.psql(&["-v", &bytes, "-f", &filler.to_string_lossy()])?.or_fail("the filler")?;
    let mut dump = database.command(Program::PgDump);
    program::run(dump.args(["-Z", "6", "-f"]).arg(out))?.or_fail("pg_dump")?;
    let made = out.metadata()?.len();
    println!("{}: {}, made in {:.0?}", out.display(), size::shown(made), start.elapsed());
    Ok(())
}
