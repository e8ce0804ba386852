//! Stopover's chores: `cargo xtask` lists them.
//!
//! Nothing here is part of the tool: these are checks of the code, run by people and by CI.

mod bench;
mod chaos;
mod layers;
mod real;
mod versions;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

const USAGE: &str = "\
Stopover's chores: cargo xtask COMMAND

  layers    check that crates depend in the allowed direction, that the pure ones
            reach nothing outside, and that ARCHITECTURE.md shows the same picture
";

/// Variables with which an apply is its steps alone: no preflight, no backup, no postflight.
const BARE: [(&str, &str); 3] = [
    ("STOPOVER_APPLY__PREFLIGHT", "false"),
    ("STOPOVER_APPLY__BACKUP", "false"),
    ("STOPOVER_APPLY__POSTFLIGHT", "false"),
];

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] | ["help" | "--help" | "-h"] => {
            let more = [real::USAGE, versions::USAGE, chaos::USAGE, bench::USAGE];
            print!("{USAGE}{}", more.concat());
            Ok(ExitCode::SUCCESS)
        }
        ["bench", rest @ ..] => bench::run(rest),
        ["chaos", rest @ ..] => chaos::run(rest),
        ["layers"] => layers::run(root()?),
        ["versions", rest @ ..] => versions::run(rest),
        [command @ ("real" | "heal" | "dump" | "memory"), rest @ ..] => real::run(command, rest),
        _ => {
            eprint!("error: no such command: {}\n\n{USAGE}{}", arguments.join(" "), real::USAGE);
            Ok(ExitCode::from(5))
        }
    }
}

/// The workspace's folder: the one above this crate's.
fn root() -> anyhow::Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the workspace's folder")
}
