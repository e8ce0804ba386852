//! `cargo xtask bench runner`, `bench rehearsal` and `bench backup`: whole runs of the tool beside those of other
//! tools, on private servers, in one run.
//!
//! Absolute times drift from machine to machine and from minute to minute: every figure is the
//! median of runs that take turns, and what is compared is compared within a turn. It measures
//! programs as people start them; benches of single functions are not its business.

mod after;
mod backup;
mod cases;
mod contestant;
mod figures;
mod form;
mod measure;
mod options;
mod page;
mod peers;
mod rehearsal;
mod server;

use std::process::ExitCode;

use anyhow::Context;

use self::cases::Bench;
use self::options::{Options, Request};
use self::peers::Peer;
use self::server::Server;

/// What the command of this module is called like.
pub(crate) const USAGE: &str = "\
\x20 bench     measure the tool beside others, in turns on private servers:
            bench runner [--runs N] [--quick] [--write] [--after] [--case NAME]
                 [--stopover PATH] [--sqlx PATH] [--diesel PATH] [--dbmate PATH]
                 [--refinery PATH] [--sql-migrate PATH]
            bench rehearsal [--megabytes N] [--runs N] [--quick] [--write] [--case NAME]
                 [--folder DIR] [--clones DIR] [--stopover PATH] [--sqlx PATH]
            bench backup [--megabytes N] [--runs N] [--quick] [--write] [--stopover PATH]
            --write puts the tables into docs/performance.md; --after sees, and measures
            nothing, that after a run of ours each tool finds nothing to do; --megabytes is the
            size of the database, whose dumps are kept in --folder; --clones is a folder on a
            file system that clones files (btrfs, xfs)
";

/// Runs it; bad arguments give exit code 5.
pub(crate) fn run(arguments: &[&str]) -> anyhow::Result<ExitCode> {
    match Request::read(arguments) {
        Ok(Request::Usage(command)) => measure::usage_of(&command),
        Ok(Request::Runner(options)) => runner(&options),
        Ok(Request::Rehearsal(options)) => rehearsal::run(&options),
        Ok(Request::Backup(options)) => backup::run(&options),
        Err(error) => {
            eprint!("error: {error:#}\n\n{USAGE}");
            Ok(ExitCode::from(5))
        }
    }
}

fn runner(options: &Options) -> anyhow::Result<ExitCode> {
    let ours = options::stopover(options.stopover.as_deref())?;
    let peers = peers::find(&Peer::ALL, &options.named);
    let server = Server::start()?;
    let work = tempfile::tempdir().context("no temporary folder can be made")?;
    let bench = Bench { options, ours: &ours, peers: &peers, server: &server, work: work.path() };
    if options.after {
        return after::run(&bench);
    }
    let tables = bench.run()?;
    let text = page::tables(&tables, &peers.missing);
    println!("\n{text}");
    if options.write {
        let conditions = format!(
            "PostgreSQL {} over the loopback, fsync on, {} turns. The program has {} MiB.",
            server.version(),
            options.runs,
            std::fs::metadata(&ours)?.len() >> 20,
        );
        page::write("runner", &conditions, &text)?;
    }
    Ok(ExitCode::SUCCESS)
}
