//! Arguments: what was asked for.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use super::cases::Case;
use super::peers::Peer;
use super::{backup, rehearsal};

/// Runs of each program, where it is not said.
const RUNS: usize = 11;

/// What was asked for, read before anything is done.
#[derive(Debug)]
pub(super) enum Request {
    /// Measure the runner, or look at what comes after.
    Runner(Options),
    /// Measure rehearsals.
    Rehearsal(rehearsal::Options),
    /// Measure backups.
    Backup(backup::Options),
    /// This program starts itself so, to measure what one program takes.
    Usage(Vec<String>),
}

/// What `bench runner` was asked for.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) runs: usize,
    /// Smaller cases and fewer runs: to see that it works.
    pub(super) quick: bool,
    pub(super) write: bool,
    pub(super) after: bool,
    /// Only this one.
    pub(super) case: Option<Case>,
    pub(super) stopover: Option<PathBuf>,
    /// Programs that are named.
    pub(super) named: BTreeMap<Peer, PathBuf>,
}

impl Request {
    pub(super) fn read(arguments: &[&str]) -> anyhow::Result<Self> {
        match arguments {
            ["runner", rest @ ..] => Ok(Self::Runner(Options::read(rest)?)),
            ["rehearsal", rest @ ..] => Ok(Self::Rehearsal(rehearsal::Options::read(rest)?)),
            ["backup", rest @ ..] => Ok(Self::Backup(backup::Options::read(rest)?)),
            ["usage", "--", command @ ..] if !command.is_empty() => {
                Ok(Self::Usage(command.iter().map(|&it| it.to_owned()).collect()))
            }
            _ => bail!("bench knows: runner, rehearsal, backup"),
        }
    }
}

impl Options {
    fn read(arguments: &[&str]) -> anyhow::Result<Self> {
        let mut options = Self {
            runs: 0,
            quick: false,
            write: false,
            after: false,
            case: None,
            stopover: None,
            named: BTreeMap::new(),
        };
        let mut rest = arguments.iter();
        while let Some(&flag) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("{flag} needs a value"));
            match flag {
                "--quick" => options.quick = true,
                "--write" => options.write = true,
                "--after" => options.after = true,
                "--runs" => {
                    options.runs = value()?.parse().context("--runs takes a number")?;
                    ensure!(options.runs > 0, "--runs takes a number from 1 on");
                }
                "--case" => options.case = Some(Case::named(value()?)?),
                "--stopover" => options.stopover = Some(value()?.into()),
                _ => {
                    let peer = flag.strip_prefix("--").and_then(Peer::named);
                    let peer = peer.with_context(|| format!("no such option: {flag}"))?;
                    options.named.insert(peer, value()?.into());
                }
            }
        }
        if options.runs == 0 {
            options.runs = if options.quick { 3 } else { RUNS };
        }
        Ok(options)
    }
}

/// The program that is measured: the named one, else the workspace's, built now as it is
/// released.
pub(super) fn stopover(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(path) = named {
        return path.canonicalize().with_context(|| format!("no {}", path.display()));
    }
    let program = built(&["-p", "stopover-cli"])?.join("stopover");
    ensure!(program.is_file(), "no {}; name the program by --stopover", program.display());
    Ok(program)
}

/// Builds something of the workspace as it is released; gives the folder of what was built.
pub(super) fn built(what: &[&str]) -> anyhow::Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = crate::root()?;
    let mut build = Command::new(cargo);
    build.current_dir(root).args(["build", "--release", "--quiet", "--locked"]).args(what);
    let ended = build.status().context("cargo cannot be run")?;
    ensure!(ended.success(), "{} cannot be built", what.join(" "));
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_or_lacks_its_value_is_refused() {
        for bad in [&["runner", "--fast"][..], &["runner", "--runs"], &["runner", "--runs", "0"]] {
            assert!(Request::read(bad).is_err(), "{bad:?}");
        }
        let Ok(Request::Runner(options)) = Request::read(&["runner", "--sqlx", "s", "--quick"])
        else {
            panic!("it is a request")
        };
        assert_eq!((options.runs, options.named.get(&Peer::Sqlx)), (3, Some(&"s".into())));
    }
}
