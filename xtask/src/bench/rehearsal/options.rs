//! Arguments of `bench rehearsal`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};

use crate::bench::peers::Peer;

/// Megabytes of the database and runs of each, where it is not said: in full, and to see that it
/// works.
const FULL: (u32, usize) = (2_000, 3);
const QUICK: (u32, usize) = (100, 1);

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bench) enum Case {
    /// Restore and rehearse, with no base there.
    Cold,
    /// Rehearse on a base.
    Warm,
    /// Start a private server.
    Start,
    /// Apply small migrations, traced and not.
    Trace,
}

impl Case {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Cold, "cold"),
        (Self::Warm, "warm"),
        (Self::Start, "start"),
        (Self::Trace, "trace"),
    ];

    fn named(name: &str) -> anyhow::Result<Self> {
        let found = Self::ALL.into_iter().find(|it| it.1 == name);
        let names = Self::ALL.map(|it| it.1).join(", ");
        found.map(|it| it.0).with_context(|| format!("no case {name}: there are {names}"))
    }
}

/// What was asked for.
#[derive(Debug)]
pub(in crate::bench) struct Options {
    /// The database's size, about.
    pub(super) megabytes: u32,
    /// Runs of each; cheap ones run oftener.
    pub(super) runs: usize,
    pub(super) write: bool,
    /// Only this one.
    pub(super) case: Option<Case>,
    /// Where dumps are kept, and taken from.
    pub(super) folder: Option<PathBuf>,
    /// On a file system that clones files.
    pub(super) clones: Option<PathBuf>,
    pub(super) stopover: Option<PathBuf>,
    /// Programs that are named.
    pub(super) named: BTreeMap<Peer, PathBuf>,
}

impl Options {
    pub(in crate::bench) fn read(arguments: &[&str]) -> anyhow::Result<Self> {
        let (megabytes, runs) = if arguments.contains(&"--quick") { QUICK } else { FULL };
        let mut options = Self {
            megabytes,
            runs,
            write: false,
            case: None,
            folder: None,
            clones: None,
            stopover: None,
            named: BTreeMap::new(),
        };
        let mut rest = arguments.iter();
        while let Some(&flag) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("{flag} needs a value"));
            match flag {
                "--quick" => {}
                "--write" => options.write = true,
                "--megabytes" => options.megabytes = value()?.parse().context("a number")?,
                "--runs" => options.runs = value()?.parse().context("a number")?,
                "--case" => options.case = Some(Case::named(value()?)?),
                "--folder" => options.folder = Some(value()?.into()),
                "--clones" => options.clones = Some(value()?.into()),
                "--stopover" => options.stopover = Some(value()?.into()),
                "--sqlx" => drop(options.named.insert(Peer::Sqlx, value()?.into())),
                _ => bail!("no such option: {flag}"),
            }
        }
        let least = options.runs.min(options.megabytes as usize);
        ensure!(least > 0, "--megabytes and --runs take a number from 1 on");
        Ok(options)
    }

    pub(super) fn wants(&self, case: Case) -> bool {
        self.case.is_none_or(|only| only == case)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_stronger_than_quick_wherever_it_stands() {
        let options = Options::read(&["--megabytes", "50", "--quick", "--case", "warm"]).unwrap();
        assert_eq!((options.megabytes, options.runs), (50, QUICK.1));
        assert!(options.wants(Case::Warm) && !options.wants(Case::Cold));
        for bad in [&["--fast"][..], &["--runs"], &["--runs", "0"], &["--case", "hot"]] {
            assert!(Options::read(bad).is_err(), "{bad:?}");
        }
    }
}
