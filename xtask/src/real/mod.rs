//! `cargo xtask real`, `heal`, `dump` and `memory`: the tool on projects and backups that were not
//! made for it, and beside the tools that it takes the place of.
//!
//! `real` takes any project's folder of migrations and goes both ways: Stopover's and the
//! project's own, and then rehearses on backups of an older state. It judges by what PostgreSQL's
//! own programs say of the two databases, not by anything of Stopover's. It knows no project:
//! what must be said of one is said by its options.

mod backups;
mod big;
mod heal;
mod memory;
mod older;
mod options;
mod peer;
mod program;
mod rehearsals;
mod results;
mod server;
mod size;
mod tool;
mod truth;
mod ways;

use std::process::ExitCode;

use anyhow::Context;

use self::options::{Options, Request};
use self::rehearsals::Stage;
use self::results::Results;
use self::server::Server;
use self::tool::Tool;

pub(crate) use self::tool::built;

/// What the commands of this module are called like.
pub(crate) const USAGE: &str = "\
\x20 real      apply a project's migrations by Stopover and by the project's own way, compare, and
            rehearse on backups of an older state (by sqlx as well, where that is the peer):
            real --migrations DIR [--layout pairs|sqlx|diesel] [--peer sqlx|psql|none]
                 [--ledger stopover|sqlx|diesel] [--older N|half] [--rows N] [--superuser]
                 [--sqlx PATH] [--stopover PATH]
  heal      have sqlx apply migrations, edit them, heal by Stopover, and ask sqlx again, on
            PostgreSQL and SQLite: heal [--sqlx PATH] [--stopover PATH]
  dump      make a big backup with a ledger: dump --size 200M --out FILE.sql.gz
  memory    rehearse on a big backup and measure the tool's memory:
            memory --size 200M [--limit 256M] [--backup FILE] [--stopover PATH]
";

/// Runs one of the commands; bad arguments give exit code 5.
pub(crate) fn run(command: &str, arguments: &[&str]) -> anyhow::Result<ExitCode> {
    match Request::read(command, arguments) {
        Ok(Request::Real(options)) => real(&options),
        Ok(Request::Heal(request)) => heal::run(&request),
        Ok(Request::Dump(request)) => big::run(&request),
        Ok(Request::Memory(request)) => memory::run(&request),
        Err(error) => {
            eprint!("error: {error:#}\n\n{USAGE}");
            Ok(ExitCode::from(5))
        }
    }
}

/// Both ways, then the rehearsals; 0 when nothing differs, else 1.
fn real(options: &Options) -> anyhow::Result<ExitCode> {
    let tool = Tool::find(options.stopover.as_deref())?;
    let server = Server::start(options.rights)?;
    let work = tempfile::tempdir().context("no temporary folder can be made")?;
    let tool = tool.with_folder(work.path());
    let mut results = Results::new(work.path());
    println!("{} on PostgreSQL {}", options.migrations.display(), server.version());
    let newest = ways::compare(options, &server, &tool, &mut results)?;
    if let Some(newest) = newest {
        let stage = Stage { options, server: &server, tool: &tool, newest: &newest };
        rehearsals::compare(&stage, &mut results)?;
    }
    results.print();
    Ok(if results.all_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
