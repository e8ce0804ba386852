//! `cargo xtask layers`: proves that the picture in ARCHITECTURE.md is true.
//!
//! The picture is the table in [`rooms`]. Against it stand what Cargo says of dependencies
//! ([`graph`]) and what the sources of the pure crates name ([`paths`]).

mod graph;
mod paths;
mod picture;
mod rooms;
mod sources;
mod tokens;

use std::fmt;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, ensure};

use self::graph::Graph;
use self::rooms::ROOMS;

/// Something that breaks a rule: where, what, why it matters, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Violation {
    place: String,
    what: String,
    why: String,
    remedy: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, what, why, remedy } = self;
        write!(f, "{place}: {what}\n  why: {why}\n  do:  {remedy}")
    }
}

/// Checks the workspace in `root`.
pub(crate) fn run(root: &Path) -> anyhow::Result<ExitCode> {
    let graph = Graph::read(&metadata(root)?)?;
    let mut violations = graph.violations(ROOMS);
    violations.extend(sources::violations(&root.join("crates"), ROOMS)?);
    let page = root.join("ARCHITECTURE.md");
    let text = std::fs::read_to_string(&page)
        .with_context(|| format!("{} cannot be read", page.display()))?;
    violations.extend(picture::violation(&text, ROOMS));
    if violations.is_empty() {
        let pure = ROOMS.iter().filter(|room| room.is_pure()).count();
        println!("layers: {} crates, {pure} of them pure: every rule holds", ROOMS.len());
        return Ok(ExitCode::SUCCESS);
    }
    for violation in &violations {
        eprintln!("{violation}\n");
    }
    eprintln!("layers: {} violations", violations.len());
    Ok(ExitCode::FAILURE)
}

fn metadata(root: &Path) -> anyhow::Result<Vec<u8>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--all-features"])
        .current_dir(root)
        .output()
        .context("cargo metadata cannot be run")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo metadata failed: {}", said.trim());
    Ok(output.stdout)
}
