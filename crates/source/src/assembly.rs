//! Scripts become migrations: paired by version, read, their directives understood.

use std::collections::BTreeMap;

use stopover_model::{Finding, Layout, Migration, Script, Version, detail_list};

use crate::directives;
use crate::layouts::{Candidate, Direction};
use crate::script;

#[derive(Default)]
struct Group {
    ups: Vec<Candidate>,
    downs: Vec<Candidate>,
}

/// Makes migrations of `candidates`, ascending by version, one of each version. Every file is
/// read, also those that collide, so that all problems are found at once.
pub(crate) fn assemble(
    layout: Layout,
    candidates: Vec<Candidate>,
) -> (Vec<Migration>, Vec<Finding>) {
    let mut groups: BTreeMap<Version, Group> = BTreeMap::new();
    for candidate in candidates {
        let group = groups.entry(candidate.version.clone()).or_default();
        match candidate.direction {
            Direction::Up => group.ups.push(candidate),
            Direction::Down => group.downs.push(candidate),
        }
    }
    let mut findings = Vec::new();
    let migrations = groups
        .into_iter()
        .filter_map(|(version, group)| {
            findings.extend(pairing_problems(&version, &group));
            read_group(layout, &version, group, &mut findings)
        })
        .collect();
    (migrations, findings)
}

/// What the files' names alone show to be wrong.
fn pairing_problems(version: &Version, group: &Group) -> Vec<Finding> {
    let mut findings = Vec::new();
    let colliding: Vec<String> = [&group.ups, &group.downs]
        .into_iter()
        .filter(|files| files.len() > 1)
        .flatten()
        .map(shown)
        .collect();
    if !colliding.is_empty() {
        findings.push(Finding::error(
            "collision",
            version.to_string(),
            format!("several files have the version {version}: {}", detail_list(&colliding)),
            "give each migration a version of its own: rename the one that is applied nowhere yet",
        ));
    }
    match (group.ups.as_slice(), group.downs.as_slice()) {
        ([], downs) => findings.extend(downs.iter().map(down_without_up)),
        ([up], [down]) if up.name != down.name => findings.push(name_mismatch(up, down)),
        _ => {}
    }
    findings
}

fn shown(candidate: &Candidate) -> String {
    candidate.path.display().to_string()
}

fn down_without_up(down: &Candidate) -> Finding {
    let path = shown(down);
    Finding::error(
        "down-without-up",
        path.clone(),
        format!("{path} is a down script without an up script of version {}", down.version),
        "add the up script (was it renamed or not committed?), or remove the down script",
    )
}

fn name_mismatch(up: &Candidate, down: &Candidate) -> Finding {
    Finding::warning(
        "name-mismatch",
        shown(down),
        format!("{} belongs to {} by its version, and has another name", shown(down), shown(up)),
        "give both files of the migration one name",
    )
}

/// Reads every file of a version; the first up script makes the migration, with the down script
/// of its name if there is one, else with the first.
fn read_group(
    layout: Layout,
    version: &Version,
    group: Group,
    findings: &mut Vec<Finding>,
) -> Option<Migration> {
    let mut downs: Vec<(String, Script)> = Vec::new();
    for down in group.downs {
        match script::read(&down.path) {
            Ok(script) => {
                findings.extend(directives::read(&script, layout, down.mark).1);
                downs.push((down.name, script));
            }
            Err(finding) => findings.push(finding),
        }
    }
    let mut migration = None;
    for up in group.ups {
        let script = match script::read(&up.path) {
            Ok(script) => script,
            Err(finding) => {
                findings.push(finding);
                continue;
            }
        };
        let (directives, problems) = directives::read(&script, layout, up.mark);
        findings.extend(problems);
        if migration.is_none() {
            let same = downs.iter().position(|(name, _)| *name == up.name).unwrap_or(0);
            let down = (!downs.is_empty()).then(|| downs.swap_remove(same).1);
            let version = version.clone();
            migration = Some(Migration { version, name: up.name, up: script, down, directives });
        }
    }
    migration
}
