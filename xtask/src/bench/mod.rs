//! `cargo xtask bench runner`: whole runs of the tool beside those of other tools, on one private
//! server, in one run.
//!
//! Absolute times drift from machine to machine and from minute to minute: every figure is the
//! median of runs that take turns, and what is compared is compared within a turn. It measures
//! programs as people start them; benches of single functions are not its business.

mod after;
mod cases;
mod contestant;
mod figures;
mod form;
mod measure;
mod options;
mod page;
mod peers;
mod server;

use std::process::ExitCode;

use anyhow::Context;

use self::cases::Bench;
use self::options::{Options, Request};
use self::server::Server;

/// What the command of this module is called like.
pub(crate) const USAGE: &str = "\
\x20 bench     measure the runner beside other tools, in turns on one private server:
            bench runner [--runs N] [--quick] [--write] [--after] [--case NAME]
                 [--stopover PATH] [--sqlx PATH] [--diesel PATH] [--dbmate PATH]
                 [--refinery PATH] [--sql-migrate PATH]
            --write puts the tables into docs/performance.md; --after sees, and measures
            nothing, that after a run of ours each tool finds nothing to do
";

/// Runs it; bad arguments give exit code 5.
pub(crate) fn run(arguments: &[&str]) -> anyhow::Result<ExitCode> {
    match Request::read(arguments) {
        Ok(Request::Peak(command)) => measure::peak_of(&command),
        Ok(Request::Runner(options)) => runner(&options),
        Err(error) => {
            eprint!("error: {error:#}\n\n{USAGE}");
            Ok(ExitCode::from(5))
        }
    }
}

fn runner(options: &Options) -> anyhow::Result<ExitCode> {
    let ours = options::stopover(options)?;
    let peers = peers::find(options);
    for missing in &peers.missing {
        println!("{missing}");
    }
    let server = Server::start()?;
    let work = tempfile::tempdir().context("no temporary folder can be made")?;
    let bench = Bench { options, ours: &ours, peers: &peers, server: &server, work: work.path() };
    if options.after {
        return after::run(&bench);
    }
    let tables = bench.run()?;
    let page = page::Page { tables: &tables, peers: &peers, server: server.version(), options };
    println!("\n{}", page.tables());
    if options.write {
        page.write(&ours)?;
    }
    Ok(ExitCode::SUCCESS)
}
