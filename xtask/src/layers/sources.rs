//! What the sources of pure crates name, against what a pure crate may name.
//!
//! This finds mistakes, not malice: an alias of `std` is refused, but a macro of another package
//! that expands to file access is not seen.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Violation;
use super::paths::{NamedPath, paths};
use super::rooms::Room;

/// A path that pure code must not name, and why. `*` at the end of what is written counts as a
/// match: it may bring the name in.
struct OutOfReach {
    path: &'static [&'static str],
    why: &'static str,
}

const FILES: &str = "a pure function's result depends on its arguments, not on files";
const NETWORK: &str = "a pure function talks to nobody";
const SYSTEM: &str = "a pure function does not see the machine that it runs on";
const CLOCK: &str = "a pure function gives the same result tomorrow: take the time as an argument";
const TERMINAL: &str = "values are shown by the report crate: return them";

const OUT_OF_REACH: &[OutOfReach] = &[
    OutOfReach { path: &["std", "fs"], why: FILES },
    OutOfReach { path: &["std", "net"], why: NETWORK },
    OutOfReach { path: &["std", "process"], why: SYSTEM },
    OutOfReach { path: &["std", "env"], why: SYSTEM },
    OutOfReach { path: &["std", "os"], why: SYSTEM },
    OutOfReach { path: &["std", "thread"], why: SYSTEM },
    OutOfReach { path: &["std", "time", "SystemTime"], why: CLOCK },
    OutOfReach { path: &["std", "time", "Instant"], why: CLOCK },
    OutOfReach { path: &["Timestamp", "now"], why: CLOCK },
    OutOfReach { path: &["Zoned", "now"], why: CLOCK },
    OutOfReach { path: &["TimeZone", "system"], why: SYSTEM },
    OutOfReach { path: &["std", "io", "stdin"], why: TERMINAL },
    OutOfReach { path: &["std", "io", "stdout"], why: TERMINAL },
    OutOfReach { path: &["std", "io", "stderr"], why: TERMINAL },
    OutOfReach { path: &["print", "!"], why: TERMINAL },
    OutOfReach { path: &["println", "!"], why: TERMINAL },
    OutOfReach { path: &["eprint", "!"], why: TERMINAL },
    OutOfReach { path: &["eprintln", "!"], why: TERMINAL },
    OutOfReach { path: &["std", "self"], why: "an alias of std hides what is used of it" },
    OutOfReach { path: &["std", "*"], why: "everything of std hides what is used of it" },
];

/// Looks through `src/` of every pure crate in `crates`.
pub(super) fn violations(crates: &Path, rooms: &[Room]) -> anyhow::Result<Vec<Violation>> {
    let mut found = Vec::new();
    for room in rooms.iter().filter(|room| room.is_pure()) {
        let mut files = Vec::new();
        rust_files(&crates.join(room.name).join("src"), &mut files)?;
        files.sort();
        for file in files {
            let text = fs::read_to_string(&file)
                .with_context(|| format!("{} cannot be read", file.display()))?;
            let shown = file.strip_prefix(crates).unwrap_or(&file);
            found.extend(of_text(&format!("crates/{}", shown.display()), room.name, &text));
        }
    }
    Ok(found)
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder);
    for entry in entries.with_context(|| format!("{} cannot be listed", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn of_text(place: &str, room: &str, text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    for path in paths(text) {
        let Some(rule) = OUT_OF_REACH.iter().find(|rule| rule.fits(&path)) else { continue };
        found.push(Violation {
            place: format!("{place}:{}", path.line),
            what: format!("{room} is pure and names {}", path.names.join("::")),
            why: rule.why.to_owned(),
            remedy: "take it in as a value, or move the code to a crate that may reach outside"
                .to_owned(),
        });
    }
    found
}

impl OutOfReach {
    fn fits(&self, path: &NamedPath) -> bool {
        let written: Vec<&str> = path.names.iter().map(String::as_str).collect();
        // `jiff::Timestamp::now` and `Timestamp::now` are the same; std's paths begin with it.
        let from_start = self.path[0] == "std";
        let starts = if from_start { 0..1 } else { 0..written.len() };
        starts.into_iter().any(|start| {
            let here = &written[start..];
            let glob = here.last() == Some(&"*")
                && here.len() > 1
                && self.path.len() >= here.len()
                && self.path[..here.len() - 1] == here[..here.len() - 1];
            here.starts_with(self.path) || glob
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::rooms::Reach;
    use super::*;

    fn named(text: &str) -> Vec<String> {
        of_text("x.rs", "pure", text).into_iter().map(|it| it.what).collect()
    }

    #[test]
    fn what_reaches_outside_is_found_however_it_is_written() {
        let cases = [
            ("use std::fs;", "std::fs"),
            ("use std::{fmt, fs::File};", "std::fs::File"),
            ("let x = ::std::env::var(\"X\");", "std::env::var"),
            ("use std::time::{Duration, Instant};", "std::time::Instant"),
            ("use std::time::*;", "std::time::*"),
            ("use std::{self as s};", "std::self"),
            ("use std::net::TcpStream as T;", "std::net::TcpStream"),
            ("jiff::Timestamp::now()", "jiff::Timestamp::now"),
            ("fn f() { println!(\"{x}\"); }", "println::!"),
        ];
        for (text, path) in cases {
            assert_eq!(named(text), [format!("pure is pure and names {path}")], "{text}");
        }
    }

    #[test]
    fn what_is_pure_is_left_alone() {
        let text = "use std::{collections::BTreeMap, fmt, io, time::Duration};\n\
                    // std::fs::read is not called\n\
                    fn now() -> &'static str { \"std::fs\" }";
        assert_eq!(named(text), Vec::<String>::new());
    }

    #[test]
    fn a_violation_is_found_in_a_folder_with_its_line() {
        let folder = std::env::temp_dir().join(format!("stopover-layers-{}", std::process::id()));
        let inner = folder.join("pure/src/inner");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("planted.rs"), "//! Planted.\n\nuse std::fs::File;\n").unwrap();
        let room = Room { name: "pure", reach: Reach::Pure, may_use: &[], purpose: "" };
        let found = violations(&folder, &[room]).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].place, "crates/pure/src/inner/planted.rs:3");
    }
}
