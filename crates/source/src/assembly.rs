//! Scripts become migrations: paired by version, read, their directives understood.

use std::collections::BTreeMap;
use std::path::Path;

use stopover_model::{
    Directives, Extent, Finding, Layout, Migration, Script, Version, detail_list,
};

use crate::directives;
use crate::environment::Environment;
use crate::folder::Folder;
use crate::layouts::one_file::Part;
use crate::layouts::{self, Candidate, Direction, Placeholders, flyway};
use crate::script::{self, Text};

/// A script's file and what it holds.
struct Loaded {
    candidate: Candidate,
    text: Text,
}

#[derive(Default)]
struct Group {
    ups: Vec<Loaded>,
    downs: Vec<Loaded>,
}

/// Makes migrations of the scripts in a folder.
pub(crate) struct Assembler<'a> {
    pub(crate) folder: &'a Folder<'a>,
    pub(crate) layout: Layout,
    pub(crate) environment: Environment<'a>,
    /// What is wrong so far.
    pub(crate) findings: Vec<Finding>,
}

impl Assembler<'_> {
    /// Migrations, ascending by version, one of each version. Every file is read, also those that
    /// collide, so that all problems are found at once.
    pub(crate) fn assemble(&mut self, candidates: Vec<Candidate>) -> Vec<Migration> {
        let paths: Vec<&Path> = candidates.iter().map(|it| it.path.as_path()).collect();
        let texts = script::read_all(self.folder.store, &paths);
        let mut groups: BTreeMap<Version, Group> = BTreeMap::new();
        for (candidate, text) in candidates.into_iter().zip(texts) {
            let group = groups.entry(candidate.version.clone()).or_default();
            let scripts = match candidate.direction {
                Direction::Up | Direction::Both => &mut group.ups,
                Direction::Down => &mut group.downs,
            };
            // Nearly always it is the only one, and there may be ten thousand groups.
            scripts.reserve_exact(1);
            scripts.push(Loaded { candidate, text });
        }
        let mut migrations = Vec::with_capacity(groups.len());
        for (version, group) in groups {
            self.findings.extend(pairing_problems(&version, &group));
            migrations.extend(self.read_group(group));
        }
        migrations
    }
}

/// What the files' names alone show to be wrong.
fn pairing_problems(version: &Version, group: &Group) -> Vec<Finding> {
    let mut findings = Vec::new();
    let colliding: Vec<String> = [&group.ups, &group.downs]
        .into_iter()
        .filter(|files| files.len() > 1)
        .flatten()
        .map(|it| shown(&it.candidate))
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
        ([], downs) => findings.extend(downs.iter().map(|it| down_without_up(&it.candidate))),
        ([up], [down]) if up.candidate.name != down.candidate.name => {
            findings.push(name_mismatch(&up.candidate, &down.candidate));
        }
        _ => {}
    }
    findings
}

fn shown(candidate: &Candidate) -> String {
    candidate.path.to_string_lossy().into_owned()
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

/// What a file, or a part of one, makes of a migration.
struct Read {
    /// As this file writes it: another may write an equal version in another way.
    version: Version,
    name: String,
    file: String,
    script: Script,
    directives: Directives,
}

/// The scripts of one version that could be read.
#[derive(Default)]
struct Scripts {
    ups: Vec<Read>,
    downs: Vec<Read>,
}

impl Scripts {
    /// The first up script makes the migration, with the down script of its name if there is one,
    /// else with the first.
    fn into_migration(mut self) -> Option<Migration> {
        if self.ups.is_empty() {
            return None;
        }
        let up = self.ups.swap_remove(0);
        let same = self.downs.iter().position(|down| down.name == up.name).unwrap_or(0);
        let down = (!self.downs.is_empty()).then(|| self.downs.swap_remove(same));
        let (down, down_directives) =
            down.map_or((None, Directives::default()), |it| (Some(it.script), it.directives));
        Some(Migration {
            version: up.version,
            name: up.name,
            file: up.file,
            up: up.script,
            down,
            directives: up.directives,
            down_directives,
        })
    }
}

impl Assembler<'_> {
    fn read_group(&mut self, group: Group) -> Option<Migration> {
        let mut scripts = Scripts::default();
        for Loaded { candidate, text } in group.downs.into_iter().chain(group.ups) {
            match text {
                Ok(text) => self.take(&candidate, text, &mut scripts),
                Err(finding) => self.findings.push(*finding),
            }
        }
        scripts.into_migration()
    }

    /// Makes a script, or two, of a file's text.
    fn take(&mut self, candidate: &Candidate, text: String, scripts: &mut Scripts) {
        let path = shown(candidate);
        if candidate.placeholders == Placeholders::Replaced {
            self.findings.extend(flyway::placeholders::find(&path, &text));
        }
        let Some(parts) = layouts::parts(self.layout, &path, &text, self.environment) else {
            let part = Part { extent: Extent::Whole, start: 0, mark: candidate.mark.clone() };
            let read = self.read(candidate, text, part);
            match candidate.direction {
                Direction::Up | Direction::Both => scripts.ups.push(read),
                Direction::Down => scripts.downs.push(read),
            }
            return;
        };
        self.findings.extend(parts.findings);
        if let Some(down) = parts.down {
            let read = self.read(candidate, text.clone(), down);
            scripts.downs.push(read);
        }
        let read = self.read(candidate, text, parts.up);
        scripts.ups.push(read);
    }

    fn read(&mut self, candidate: &Candidate, text: String, part: Part) -> Read {
        let script = Script { path: shown(candidate), text, extent: part.extent };
        let (mut directives, problems) =
            directives::read(&script, part.start, self.layout, part.mark);
        self.findings.extend(problems);
        directives.order = candidate.order;
        Read {
            version: candidate.version.clone(),
            name: candidate.name.clone(),
            file: self.folder.relative(&candidate.path),
            script,
            directives,
        }
    }
}
