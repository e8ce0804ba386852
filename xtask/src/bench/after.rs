//! After a run of ours on another tool's ledger, that tool must find nothing to do.

use std::process::ExitCode;

use super::cases::Bench;
use super::contestant::Contestant;
use super::form;
use super::measure;
use super::peers::Installed;

/// How many are there before, by the tool itself, and how many after, by us.
const COUNTS: (usize, usize) = (3, 7);

/// Tries each that is installed; 1 when one does something, or complains.
pub(super) fn run(bench: &Bench<'_>) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    let ledgers = bench.peers.installed.iter().filter(|it| it.peer.form().layout().is_some());
    for peer in ledgers {
        for start in [Start::Theirs, Start::Empty] {
            let what = format!("{} {}, {}", peer.peer.name(), peer.version, start.shown());
            match one(bench, peer, start) {
                Ok(()) => println!("good   {what}"),
                Err(error) => {
                    println!("WRONG  {what}: {error:#}");
                    code = ExitCode::FAILURE;
                }
            }
        }
    }
    Ok(code)
}

/// What the database is before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// The tool has applied the first ones itself.
    Theirs,
    /// Nothing is there: we make the tool's ledger.
    Empty,
}

impl Start {
    const fn shown(self) -> &'static str {
        match self {
            Self::Theirs => "after its own first ones",
            Self::Empty => "on an empty database",
        }
    }
}

fn one(bench: &Bench<'_>, installed: &Installed, start: Start) -> anyhow::Result<()> {
    let (before, all) = COUNTS;
    let (form, database) = (installed.peer.form(), "after");
    let theirs = Contestant::Peer(installed.clone());
    let ours = Contestant::OursOn(bench.ours.to_owned(), installed.peer);
    let first = bench.folder(form, &form::tables(before))?;
    let folder = bench.folder(form, &form::tables(all))?;
    bench.server.create(database, None)?;
    if start == Start::Theirs {
        measure::time(&mut bench.command(&theirs, &first, database)?, bench.work)?;
    }
    measure::time(&mut bench.command(&ours, &folder, database)?, bench.work)?;
    let recorded = bench.server.rows(database, form.ledger())?;
    anyhow::ensure!(recorded.lines().count() == all, "not {all} rows in the ledger:\n{recorded}");
    // A table is there already: running a migration once more would fail, or add a row.
    measure::time(&mut bench.command(&theirs, &folder, database)?, bench.work)?;
    let later = bench.server.rows(database, form.ledger())?;
    anyhow::ensure!(recorded == later, "it changed its ledger:\n{recorded}\nto:\n{later}");
    bench.server.drop(database)
}
