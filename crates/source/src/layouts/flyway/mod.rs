//! `V1_2__name.sql`, `U1_2__name.sql` and `R__name.sql`, in the folder and those below it:
//! Flyway's.
//!
//! Names after `ResourceNameParser.java`, see [`names`]; settings of a script after
//! `SqlScriptMetadata.java`, see [`settings`]. What Flyway would run and this tool cannot is an
//! error, never passed over: callbacks, scripts in other languages, placeholders.

mod names;
pub(crate) mod placeholders;
mod settings;

use std::collections::BTreeSet;

use stopover_model::{DottedVersion, Finding, Severity, Version};

use self::names::{Event, Named};
use super::{Candidate, Direction, Sorted, refinery};
use crate::folder::{Entry, Folder};
use crate::names as common;

pub(super) const EXAMPLE: &str = "V1_2__create_orders.sql";

const CONFIG: &str = ".sql.conf";

/// A versioned or repeatable migration, in a folder where every `U` file has its `V` file (those
/// of refinery have not), or that has something of Flyway's alone.
pub(super) fn witness(folder: &Folder<'_>) -> Option<String> {
    if !folder.may_begin_with(b"VR") {
        return None;
    }
    let entries = folder.deep();
    let mut versions = BTreeSet::new();
    let mut undone = BTreeSet::new();
    let mut found = None;
    for entry in &entries {
        match names::read(entry) {
            Some(Ok(Named::Versioned(version, _))) => {
                versions.insert(version);
                found = found.or(Some(entry));
            }
            Some(Ok(Named::Repeatable(_))) => found = found.or(Some(entry)),
            Some(Ok(Named::Undo(version, _))) => {
                undone.insert(version);
            }
            _ => {}
        }
    }
    let is_ours = undone.is_subset(&versions) || only_flyway(&entries);
    found.filter(|_| is_ours).map(|entry| folder.relative(&entry.path()))
}

/// Whether there is something that Flyway has and refinery has not: then its names are Flyway's.
pub(super) fn only_flyway(entries: &[Entry]) -> bool {
    let mut versions = BTreeSet::new();
    let mut undone = Vec::new();
    for entry in entries {
        if entry.shown_name().ends_with(CONFIG) {
            return true;
        }
        let is_refinerys = matches!(refinery::parse(entry, ".sql"), Some(Ok(_)));
        match names::read(entry) {
            Some(Ok(Named::Undo(version, _))) if is_refinerys => undone.push(version),
            Some(Ok(Named::Versioned(version, _))) if is_refinerys => {
                versions.insert(version);
            }
            Some(Ok(_)) => return true,
            _ => {}
        }
    }
    undone.iter().any(|version| versions.contains(version))
}

pub(super) fn sort(folder: &Folder<'_>) -> Sorted {
    let entries = folder.deep();
    let mut sorted = Sorted::default();
    let mut baselines = Vec::new();
    for entry in &entries {
        if is_config_of_a_script(entry, &entries) {
            continue;
        }
        match names::read(entry) {
            None => sorted.findings.push(other(entry)),
            Some(Err(reason)) => {
                sorted.findings.push(common::bad_name(entry, &reason, EXAMPLE));
            }
            Some(Ok(_)) if common::not_a_file(entry).is_some() => {
                sorted.findings.extend(common::not_a_file(entry));
            }
            Some(Ok(Named::Callback(event))) => sorted.findings.push(callback(entry, event)),
            Some(Ok(Named::Baseline(version))) => baselines.push((entry, version)),
            Some(Ok(Named::Versioned(version, name))) => {
                add(folder, &mut sorted, entry, (Version::Dotted(version), name, Direction::Up));
            }
            Some(Ok(Named::Undo(version, name))) => {
                add(folder, &mut sorted, entry, (Version::Dotted(version), name, Direction::Down));
            }
            Some(Ok(Named::Repeatable(name))) => {
                let version = Version::Repeatable(name.replace('_', " "));
                add(folder, &mut sorted, entry, (version, name, Direction::Up));
            }
        }
    }
    for (entry, version) in baselines {
        let finding = baseline(entry, &version, &sorted.candidates);
        sorted.findings.push(finding);
    }
    sorted
}

fn add(
    folder: &Folder<'_>,
    sorted: &mut Sorted,
    entry: &Entry,
    (version, name, direction): (Version, String, Direction),
) {
    let settings = settings::read(folder, &entry.path(), &mut sorted.findings);
    sorted.candidates.push(Candidate {
        mark: settings.transaction,
        placeholders: settings.placeholders,
        ..Candidate::new(version, name, direction, entry.path())
    });
}

fn is_config_of_a_script(entry: &Entry, entries: &[Entry]) -> bool {
    let path = entry.path();
    let Some(script) = path.to_str().and_then(|path| path.strip_suffix(".conf")) else {
        return false;
    };
    entries.iter().any(|it| it.path().to_str() == Some(script) && names::read(it).is_some())
}

/// A file that is no SQL: nothing of Flyway's, or a migration in another language.
fn other(entry: &Entry) -> Finding {
    match names::language(entry) {
        Some(language) => common::not_sql(entry, language),
        None => common::not_a_migration(entry),
    }
}

/// SQL that Flyway runs around migrations. Where `migrate` runs it, leaving it out could change
/// what the migrations do: a role that is set, a grant that is renewed.
fn callback(entry: &Entry, event: Event) -> Finding {
    let path = entry.shown_path();
    let (severity, message, remedy) = if event.is_of_migrate {
        (
            Severity::Error,
            format!(
                "{path} is a callback: Flyway runs it at {}, and it is not run here",
                event.name
            ),
            "make it a repeatable migration (R__name.sql), or part of the migrations that need \
             it, and move the file out of the folder",
        )
    } else {
        (Severity::Note, format!("{path} is a callback of {}: left alone", event.name), "")
    };
    Finding::new(severity, "callback", path, message, remedy)
}

/// A baseline migration stands for all versions up to its own on an empty database. Where those
/// are there too they are run instead, which ends in the same place; else nothing can be done.
fn baseline(entry: &Entry, version: &DottedVersion, candidates: &[Candidate]) -> Finding {
    let path = entry.shown_path();
    let is_covered = candidates.iter().any(|it| match &it.version {
        Version::Dotted(other) => it.direction == Direction::Up && other <= version,
        _ => false,
    });
    let severity = if is_covered { Severity::Warning } else { Severity::Error };
    Finding::new(
        severity,
        "baseline-migration",
        path.clone(),
        format!(
            "{path} is a baseline migration: on an empty database Flyway runs it in place of the \
             versions up to {version}; here those versions are run"
        ),
        "keep the versioned migrations beside it; to set up empty databases from the baseline \
         alone, name it V instead of B in a folder of its own",
    )
}
