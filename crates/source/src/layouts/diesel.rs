//! `VERSION_name/up.sql` and `down.sql`, with settings in `metadata.toml`: Diesel's.
//!
//! The version is the folder's name up to the first `_` without its hyphens, compared as text
//! (`version_from_string` in diesel's `migrations_internals`). Diesel takes any text there; here
//! it must start with a digit, so that a folder of another kind is not taken for a migration.

use stopover_model::{Finding, TransactionMark, Version};

use super::{Candidate, Direction, Sorted};
use crate::folder::{Entry, Folder, Kind};
use crate::names;
use crate::script;

pub(super) const EXAMPLE: &str = "2026-07-30-120000_create_orders/up.sql";

const FOLDER_EXAMPLE: &str = "2026-07-30-120000_create_orders";
const UP: &str = "up.sql";
const DOWN: &str = "down.sql";
const SETTINGS: &str = "metadata.toml";

/// Width of the ledger's column: `version VARCHAR(50)`.
const VERSION_LIMIT: usize = 50;

pub(super) fn witness(folder: &Folder<'_>) -> Option<String> {
    folder.entries.iter().filter(|entry| entry.kind == Kind::Folder && !entry.is_hidden()).find_map(
        |entry| {
            let inner = folder.inside(entry).ok()?;
            let script = inner.entries.iter().find(|it| it.name == UP || it.name == DOWN)?;
            Some(format!("{}/{}", entry.shown_name(), script.shown_name()))
        },
    )
}

pub(super) fn sort(folder: &Folder<'_>) -> Sorted {
    let mut sorted = Sorted::default();
    for entry in &folder.entries {
        if entry.kind == Kind::Folder && !entry.is_hidden() {
            sort_migration(folder, entry, &mut sorted);
        } else {
            sorted.findings.push(names::not_a_migration(entry));
        }
    }
    sorted
}

/// Looks into one folder of the source.
fn sort_migration(root: &Folder<'_>, entry: &Entry, sorted: &mut Sorted) {
    let folder = match root.inside(entry) {
        Ok(folder) => folder,
        Err(error) => {
            let finding = names::unreadable(&entry.shown_path(), &error.to_string());
            return sorted.findings.push(finding);
        }
    };
    let has_script = folder.entries.iter().any(|it| it.name == UP || it.name == DOWN);
    match version_of(entry) {
        Ok((version, name)) => {
            if !has_script {
                sorted.findings.push(missing_up(entry));
            }
            sort_scripts(&folder, &version, &name, sorted);
        }
        Err(reason) if has_script || entry.name.to_str().is_none() => {
            sorted.findings.push(names::bad_name(entry, &reason, FOLDER_EXAMPLE));
        }
        Err(_) => sorted.findings.push(names::not_a_migration(entry)),
    }
}

/// Tells the files of one migration apart.
fn sort_scripts(folder: &Folder<'_>, version: &Version, name: &str, sorted: &mut Sorted) {
    let mark = read_settings(folder, &mut sorted.findings);
    for file in &folder.entries {
        let direction = match file.name.to_str() {
            Some(UP) => Direction::Up,
            Some(DOWN) => Direction::Down,
            Some(SETTINGS) => continue,
            _ => {
                sorted.findings.push(other_file(file));
                continue;
            }
        };
        match names::not_a_file(file) {
            Some(finding) => sorted.findings.push(finding),
            None => sorted.candidates.push(Candidate {
                mark: mark.clone(),
                ..Candidate::new(version.clone(), name.to_owned(), direction, file.path())
            }),
        }
    }
}

fn version_of(entry: &Entry) -> Result<(Version, String), String> {
    let Some(folder) = entry.name.to_str() else {
        return Err("the name is not UTF-8".to_owned());
    };
    let (version, name) = folder.split_once('_').unwrap_or((folder, ""));
    let version = version.replace('-', "");
    if !version.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("it must start with a version, not with {version:?}"));
    }
    // `diesel migration generate` appends a hexadecimal number to tell folders of one second
    // apart, so letters are possible.
    if !version.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(format!("the version {version:?} must be made of digits and hyphens"));
    }
    if version.len() > VERSION_LIMIT {
        return Err(format!(
            "the version has {} characters, Diesel's ledger holds {VERSION_LIMIT}",
            version.len()
        ));
    }
    Ok((Version::Text(version), name.to_owned()))
}

fn missing_up(entry: &Entry) -> Finding {
    Finding::error(
        "missing-up",
        entry.shown_path(),
        format!("{} has the name of a migration and no {UP}", entry.shown_name()),
        format!("add {UP}, or remove the folder (Diesel refuses the whole source)"),
    )
}

/// A file in a migration's folder that is none of Diesel's.
fn other_file(file: &Entry) -> Finding {
    let lower = file.shown_name().to_ascii_lowercase();
    if lower == UP || lower == DOWN {
        return names::bad_name(file, &format!("it must be spelled {lower}"), &lower);
    }
    names::not_a_migration(file)
}

/// Reads `run_in_transaction` from the settings, if they are there.
///
/// Where the file is there and does not set it, Diesel runs the migration without a transaction
/// (the default of a missing boolean), against its own documentation. Here the documented default
/// holds, and a warning says so: a statement that cannot run in a transaction is found anyway.
fn read_settings(folder: &Folder<'_>, findings: &mut Vec<Finding>) -> TransactionMark {
    let Some(file) = folder.entries.iter().find(|it| it.name == SETTINGS) else {
        return TransactionMark::Unmarked;
    };
    let path = file.shown_path();
    let text = match names::not_a_file(file) {
        Some(finding) => Err(finding),
        None => script::read(folder.store, &file.path()).map_err(|finding| *finding),
    };
    let table = text.and_then(|text| {
        text.parse::<toml::Table>().map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
            let line = before.matches('\n').count() + 1;
            bad_settings(&format!("{path}:{line}"), error.message())
        })
    });
    let value = table.map(|table| table.get("run_in_transaction").cloned());
    match value {
        Ok(Some(toml::Value::Boolean(true))) => {}
        Ok(Some(toml::Value::Boolean(false))) => {
            let mark = format!("{SETTINGS}: run_in_transaction = false");
            return TransactionMark::NoTransaction(mark);
        }
        Ok(Some(other)) => {
            let reason = format!("run_in_transaction must be true or false, not {other}");
            findings.push(bad_settings(&path, &reason));
        }
        Ok(None) => findings.push(unset_transaction(&path)),
        Err(finding) => findings.push(finding),
    }
    TransactionMark::Unmarked
}

fn bad_settings(place: &str, reason: &str) -> Finding {
    Finding::error(
        "bad-directive",
        place,
        format!("{place}: {reason}"),
        "write run_in_transaction = false or run_in_transaction = true, or remove the file",
    )
}

fn unset_transaction(path: &str) -> Finding {
    Finding::warning(
        "unset-transaction",
        path,
        format!(
            "{path} does not set run_in_transaction: the migration runs in a transaction here, \
             and without one under Diesel"
        ),
        "set run_in_transaction to true or false",
    )
}
