//! `cargo xtask versions`: the tests that a server's version could break, on one major after the
//! other.
//!
//! It fetches no servers: whoever calls it brings them. It is no part of CI, which has one major.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};
use stopover_scratch::binaries::{BINARIES_VARIABLE, Binaries, Program};

/// What the command of this module is called like.
pub(crate) const USAGE: &str = "\
  versions  run the tests that depend on the server's version on PostgreSQL of several majors:
            versions --servers DIR [--only MAJOR]
            DIR holds a folder for each, with postgres, initdb, pg_dump, pg_restore and psql in
            its folder bin
";

/// Crate, test program, and the tests of it (all, where it is empty) that ask PostgreSQL's
/// catalogs, its locks, its dumps or its messages.
const SUITES: [(&str, &str, &str); 10] = [
    ("stopover-postgres", "contract", ""),
    ("stopover-postgres", "census", ""),
    ("stopover-postgres", "trace", ""),
    ("stopover-postgres", "heals", ""),
    ("stopover-engine", "harness", ""),
    ("stopover-carry", "carry", ""),
    ("stopover-scratch", "restore", ""),
    ("stopover-cli", "acceptance", "harness"),
    ("stopover-cli", "acceptance", "receipts"),
    ("stopover-cli", "acceptance", "rehearsals"),
];

/// The programs that the tests need beside the server's own.
const CLIENTS: [Program; 3] = [Program::PgDump, Program::PgRestore, Program::Psql];

struct Server {
    major: u32,
    bin: PathBuf,
    number: String,
    /// The version that `pg_dump --version` tells: a newer major than the server's is used where
    /// that is what is there.
    pg_dump: String,
}

/// What one suite came to on one server.
#[derive(Default)]
struct Outcome {
    passed: usize,
    failed: usize,
    /// Those that need a newer server, and say so. They are not among the passed.
    left_out: usize,
    /// Whether it ended as a suite ends: one that did not build or was killed tells no counts.
    whole: bool,
}

impl Outcome {
    fn good(&self) -> bool {
        self.whole && self.failed == 0 && self.passed > 0
    }
}

/// Runs the suites; 1 when one fails or has no test, 5 for bad arguments.
pub(crate) fn run(arguments: &[&str]) -> anyhow::Result<ExitCode> {
    let (folder, only) = match parse(arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            eprint!("error: {error:#}\n\n{USAGE}");
            return Ok(ExitCode::from(5));
        }
    };
    let servers = servers(&folder, only)?;
    println!(
        "| server | pg_dump | suite | passed | failed | left out |\n|---|---|---|---|---|---|"
    );
    let mut good = true;
    for server in &servers {
        for (package, program, tests) in SUITES {
            let (outcome, said) = hold(server, package, program, tests)?;
            let failed = match outcome.whole {
                true => outcome.failed.to_string(),
                false => "did not run to its end".to_owned(),
            };
            println!(
                "| {} | {} | {package} {program} {tests} | {} | {failed} | {} |",
                server.number, server.pg_dump, outcome.passed, outcome.left_out
            );
            if !outcome.good() {
                good = false;
                eprintln!("{said}");
            }
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn parse(arguments: &[&str]) -> anyhow::Result<(PathBuf, Option<u32>)> {
    let (mut folder, mut only) = (None, None);
    for pair in arguments.chunks(2) {
        let [flag, value] = pair else { bail!("{} needs a value", pair.join(" ")) };
        match *flag {
            "--servers" => folder = Some(PathBuf::from(value)),
            "--only" => only = Some(value.parse().with_context(|| format!("{value}: no major"))?),
            _ => bail!("no such option: {flag}"),
        }
    }
    Ok((folder.context("--servers is missing")?, only))
}

/// The servers of the folder, oldest first. One that is not complete is an error: a suite must
/// not look passed because nothing ran.
fn servers(folder: &Path, only: Option<u32>) -> anyhow::Result<Vec<Server>> {
    let entries = fs::read_dir(folder).with_context(|| format!("no {}", folder.display()))?;
    let mut servers = Vec::new();
    for entry in entries {
        let bin = entry?.path().join("bin");
        if !bin.is_dir() {
            continue;
        }
        let bin = std::path::absolute(bin)?;
        let binaries = Binaries::in_folder(&bin)?;
        let major = binaries.version().major();
        if only.is_some_and(|only| only != major) {
            continue;
        }
        for program in CLIENTS {
            if !binaries.has(program) {
                bail!("{program} is missing in {}", bin.display());
            }
        }
        let number = binaries.version().number().to_owned();
        let pg_dump = version_of(&binaries.path(Program::PgDump))?;
        servers.push(Server { major, bin, number, pg_dump });
    }
    if servers.is_empty() {
        bail!("no server in {}: it holds MAJOR/bin for each", folder.display());
    }
    servers.sort_by_key(|server| server.major);
    Ok(servers)
}

/// `18.4` of `pg_dump (PostgreSQL) 18.4 (Debian …)`.
fn version_of(program: &Path) -> anyhow::Result<String> {
    let said = Command::new(program).arg("--version").output()?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let version = text.split_whitespace().nth(2);
    version.map(str::to_owned).with_context(|| format!("{}: no version", program.display()))
}

fn hold(
    server: &Server,
    package: &str,
    program: &str,
    tests: &str,
) -> anyhow::Result<(Outcome, String)> {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    command.current_dir(crate::root()?).env(BINARIES_VARIABLE, &server.bin);
    command.args(["test", "--no-fail-fast", "-p", package, "--test", program]);
    // What is left out is said by tests that pass, too.
    command.args(["--", "--show-output"]);
    if !tests.is_empty() {
        // As the start of a module's name.
        command.arg(format!("{tests}::"));
    }
    let said = command.output().context("cargo does not start")?;
    let text = String::from_utf8_lossy(&said.stdout);
    let mut outcome = counted(&text);
    // Tests may all pass and the program still fail at its end.
    outcome.whole &= said.status.success() || outcome.failed > 0;
    Ok((outcome, format!("{text}{}", String::from_utf8_lossy(&said.stderr))))
}

/// The counts of libtest's last line: `test result: ok. 3 passed; 0 failed; …`.
fn counted(text: &str) -> Outcome {
    let mut outcome = Outcome::default();
    for line in text.lines().filter_map(|line| line.strip_prefix("test result: ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let before = |word: &str| {
            let place = words.iter().position(|it| it.trim_end_matches(';') == word)?;
            words.get(place.checked_sub(1)?)?.parse::<usize>().ok()
        };
        if let (Some(passed), Some(failed)) = (before("passed"), before("failed")) {
            outcome.passed += passed;
            outcome.failed += failed;
            outcome.whole = true;
        }
    }
    outcome.left_out = text.lines().filter(|line| line.starts_with("left out: ")).count();
    outcome.passed = outcome.passed.saturating_sub(outcome.left_out);
    outcome
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn a_suite_without_a_last_line_is_not_good() {
        assert!(!counted("running 3 tests\ntest a ... ok\n").good());
    }

    #[test]
    fn a_suite_without_tests_is_not_good() {
        assert!(!counted("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured\n").good());
    }

    #[test]
    fn what_is_left_out_has_not_passed() {
        let outcome = counted(
            "---- a stdout ----\nleft out: it needs PostgreSQL 15, this is 14.23: counts\n\n\
             test result: ok. 3 passed; 0 failed; 0 ignored\n",
        );
        assert_eq!((outcome.passed, outcome.failed, outcome.left_out), (2, 0, 1));
    }

    #[test]
    fn counts_are_those_of_the_last_line() {
        let outcome =
            counted("test result: FAILED. 74 passed; 4 failed; 0 ignored; finished in 1s");
        assert_eq!((outcome.passed, outcome.failed, outcome.whole), (74, 4, true));
        assert!(!outcome.good());
    }
}
