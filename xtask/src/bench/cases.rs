//! The cases, and their turns.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use super::contestant::{Contestant, WHOLE};
use super::figures::{Series, Table, Unit};
use super::form::{self, Form};
use super::measure;
use super::options::Options;
use super::peers::{Peer, Peers};
use super::server::{Hurry, Server};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// Nothing to do, with a usual history.
    Idle,
    /// Nothing to do, with a very long one.
    IdleLong,
    /// Many small migrations.
    Many,
}

impl Case {
    const ALL: [Self; 3] = [Self::Idle, Self::IdleLong, Self::Many];

    const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::IdleLong => "idle-long",
            Self::Many => "many",
        }
    }

    pub(super) fn named(name: &str) -> anyhow::Result<Self> {
        let found = Self::ALL.into_iter().find(|it| it.name() == name);
        found.with_context(|| format!("no case {name}: there are idle, idle-long and many"))
    }

    const fn migrations(self, quick: bool) -> usize {
        match (self, quick) {
            (Self::Idle, _) => 200,
            (Self::IdleLong, false) => 10_000,
            (Self::IdleLong, true) | (Self::Many, false) => 1_000,
            (Self::Many, true) => 100,
        }
    }

    /// Whose time is the measure.
    const fn goal(self) -> Option<Peer> {
        match self {
            Self::Idle => Some(Peer::Sqlx),
            Self::IdleLong => Some(Peer::Dbmate),
            Self::Many => None,
        }
    }
}

/// Everything that a bench needs.
pub(super) struct Bench<'a> {
    pub(super) options: &'a Options,
    /// Our program.
    pub(super) ours: &'a Path,
    pub(super) peers: &'a Peers,
    pub(super) server: &'a Server,
    pub(super) work: &'a Path,
}

impl Bench<'_> {
    pub(super) fn run(&self) -> anyhow::Result<Vec<Table>> {
        let chosen = |it: &Case| self.options.case.is_none_or(|only| only == *it);
        let cases = Case::ALL.into_iter().filter(chosen);
        cases.map(|case| if case == Case::Many { self.many() } else { self.idle(case) }).collect()
    }

    fn contestants(&self) -> Vec<Contestant> {
        let installed = &self.peers.installed;
        let mut all = vec![Contestant::Ours(self.ours.to_owned())];
        if installed.iter().any(|it| it.peer == Peer::Sqlx) {
            all.push(Contestant::OursOn(self.ours.to_owned(), Peer::Sqlx));
        }
        all.extend(installed.iter().cloned().map(Contestant::Peer));
        all
    }

    /// The folder with the migrations in this form, written when it is first asked for.
    pub(super) fn folder(&self, form: Form, scripts: &[String]) -> anyhow::Result<PathBuf> {
        let folder = self.work.join(format!("{form:?}-{}", scripts.len()));
        if !folder.exists() {
            form.write(&folder, scripts)?;
        }
        Ok(folder)
    }

    /// The program of a contestant; what it needs beside the folder is written.
    pub(super) fn command(
        &self,
        who: &Contestant,
        folder: &Path,
        database: &str,
    ) -> anyhow::Result<std::process::Command> {
        let url = self.server.url(database);
        if who.form() == Form::SqlMigrate {
            fs::write(folder.with_extension("yml"), Peer::settings(folder, &url))?;
        }
        Ok(who.command(folder, &url))
    }

    fn applied(&self, who: &Contestant, database: &str, count: usize) -> anyhow::Result<()> {
        let Some(ledger) = who.ledger() else { return Ok(()) };
        let rows = self.server.number(database, &format!("SELECT count(*) FROM {ledger}"))?;
        // dbmate and Diesel keep no row of their own beside the migrations' either.
        ensure!(rows == count, "{}: {rows} rows in {ledger}, not {count}", who.name());
        Ok(())
    }

    /// Each in a database in which it has applied everything itself; ours on a peer's ledger in one
    /// of the peer's. Gives the folder and the database of each.
    fn histories(
        &self,
        everybody: &[Contestant],
        count: usize,
    ) -> anyhow::Result<Vec<(PathBuf, String)>> {
        let scripts = form::history(count);
        let mut prepared = Vec::new();
        for (at, who) in everybody.iter().enumerate() {
            let folder = self.folder(who.form(), &scripts)?;
            let database = format!("idle_{count}_{at}");
            let origin = match who {
                Contestant::OursOn(_, peer) => {
                    everybody.iter().find(|it| it.is_peer(*peer)).unwrap_or(who)
                }
                _ => who,
            };
            eprintln!("{count} migrations by {} …", origin.name());
            self.server.create(&database, None)?;
            self.server.hurry(&database, Hurry::Yes)?;
            measure::time(&mut self.command(origin, &folder, &database)?, self.work)?;
            self.server.hurry(&database, Hurry::No)?;
            self.applied(who, &database, count)?;
            prepared.push((folder, database));
        }
        self.server.admin("CHECKPOINT")?;
        Ok(prepared)
    }

    /// Nothing to do.
    fn idle(&self, case: Case) -> anyhow::Result<Table> {
        let count = case.migrations(self.options.quick);
        let everybody = self.contestants();
        let prepared = self.histories(&everybody, count)?;
        let mut series = named(&everybody);
        let once = |at: usize| {
            let (folder, database) = &prepared[at];
            measure::time(&mut self.command(&everybody[at], folder, database)?, self.work)
        };
        self.turns(&everybody, once, &mut series)?;
        for (at, who) in everybody.iter().enumerate() {
            let (folder, database) = &prepared[at];
            self.applied(who, database, count)?;
            let command = self.command(who, folder, database)?;
            series[at].peak = Some(measure::usage(&command, self.work)?.peak);
            self.server.drop(database)?;
        }
        let how = format!(
            "The whole process, on a database in which each tool has applied a history of {} small \
             migrations ({} tables and their columns) itself.",
            grouped(count),
            count.div_ceil(form::PER_TABLE),
        );
        let goal = |it: &Contestant| case.goal().is_some_and(|goal| it.is_peer(goal));
        Ok(Table {
            title: format!("Nothing to do, {} applied", grouped(count)),
            how,
            reference: everybody.iter().position(goal),
            series,
            unit: Unit::Milliseconds,
        })
    }

    /// Each in a new database, in each turn.
    fn many(&self) -> anyhow::Result<Table> {
        let count = Case::Many.migrations(self.options.quick);
        let scripts = form::tables(count);
        let mut everybody = self.contestants();
        everybody.push(Contestant::Floor(self.server.psql()));
        let floor = self.work.join("floor");
        fs::create_dir_all(&floor)?;
        fs::write(floor.join(WHOLE), scripts.concat())?;
        let mut series = named(&everybody);
        self.turns(
            &everybody,
            |at| {
                let who = &everybody[at];
                let folder = match who {
                    Contestant::Floor(_) => floor.clone(),
                    _ => self.folder(who.form(), &scripts)?,
                };
                let database = "many";
                self.server.create(database, None)?;
                let took = measure::time(&mut self.command(who, &folder, database)?, self.work)?;
                self.applied(who, database, count)?;
                let sql = "SELECT count(*) FROM pg_class WHERE relname ~ '^small_[0-9]+$'";
                ensure!(self.server.number(database, sql)? == count, "{}: tables", who.name());
                self.server.drop(database)?;
                Ok(took)
            },
            &mut series,
        )?;
        Ok(Table {
            title: format!("{} small migrations", grouped(count)),
            how: format!(
                "The whole process, on an empty database: {} files, each one `CREATE TABLE` with a \
                 primary key. The floor is one `psql -f` of a file with the same statements, each \
                 in a transaction of its own as psql sends it, without any ledger.",
                grouped(count),
            ),
            reference: Some(everybody.len() - 1),
            series,
            unit: Unit::Milliseconds,
        })
    }

    /// Everybody once in each turn, in an order that changes from turn to turn; a first turn is
    /// not counted.
    fn turns(
        &self,
        everybody: &[Contestant],
        mut once: impl FnMut(usize) -> anyhow::Result<std::time::Duration>,
        series: &mut [Series],
    ) -> anyhow::Result<()> {
        let count = everybody.len();
        for turn in 0..=self.options.runs {
            let mut order: Vec<usize> = (0..count).map(|at| (at + turn) % count).collect();
            if turn % 2 == 1 {
                order.reverse();
            }
            for at in order {
                let took = once(at).with_context(|| everybody[at].name())?;
                if turn > 0 {
                    series[at].runs.push(took);
                }
            }
            eprint!("\rturn {turn} of {}", self.options.runs);
        }
        eprintln!();
        Ok(())
    }
}

fn named(everybody: &[Contestant]) -> Vec<Series> {
    let series = |who: &Contestant| Series { name: who.name(), ..Series::default() };
    everybody.iter().map(series).collect()
}

/// With a comma between thousands.
fn grouped(number: usize) -> String {
    if number < 1_000 {
        return number.to_string();
    }
    format!("{},{:03}", number / 1_000, number % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([200, 1_000, 10_000].map(grouped), ["200", "1,000", "10,000"]);
    }

    #[test]
    fn every_case_is_found_by_its_name() {
        for case in Case::ALL {
            assert_eq!(Case::named(case.name()).unwrap(), case);
        }
        assert!(Case::named("none").is_err());
    }
}
