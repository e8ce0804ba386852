//! Scripts become migrations: paired by version, read, their directives understood.

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
    made: Made,
}

impl Loaded {
    fn is_of_version_of(&self, other: &Self) -> bool {
        self.candidate.version.cmp(&other.candidate.version).is_eq()
    }
}

/// What a file makes of a migration.
struct Made {
    /// The file below the source's root.
    file: String,
    up: Option<Read>,
    /// Of few: it takes no place in the others.
    down: Option<Box<Read>>,
    /// What is wrong.
    findings: Vec<Finding>,
}

/// The files of one version.
#[derive(Default)]
struct Group {
    ups: Vec<Loaded>,
    downs: Vec<Loaded>,
}

impl Group {
    fn of(files: Vec<Loaded>) -> Self {
        let is_down = |it: &Loaded| it.candidate.direction == Direction::Down;
        let (downs, ups) = files.into_iter().partition(is_down);
        Self { ups, downs }
    }
}

/// Makes scripts of files: each by itself, in whatever thread.
#[derive(Clone, Copy)]
pub(crate) struct Maker<'a> {
    pub(crate) folder: &'a Folder<'a>,
    pub(crate) layout: Layout,
    pub(crate) environment: Environment<'a>,
}

/// Makes migrations of the scripts in a folder.
pub(crate) struct Assembler<'a> {
    pub(crate) maker: Maker<'a>,
    /// What is wrong so far.
    pub(crate) findings: Vec<Finding>,
}

impl Assembler<'_> {
    /// Migrations, ascending by version, one of each version. Every file is read, also those that
    /// collide, so that all problems are found at once.
    pub(crate) fn assemble(&mut self, mut candidates: Vec<Candidate>) -> Vec<Migration> {
        // Those of one version stay in the order of their names.
        candidates.sort_by(|a, b| a.version.cmp(&b.version));
        let mut migrations = Vec::with_capacity(candidates.len());
        let maker = self.maker;
        let loaded = script::each(maker.folder.store, candidates, |reader, candidate| Loaded {
            made: maker.make(&candidate, reader.read(&candidate.path)),
            candidate,
        });
        let mut files = loaded.into_iter().flatten().peekable();
        while let Some(first) = files.next() {
            let is_alone = files.peek().is_none_or(|next| !first.is_of_version_of(next));
            // As nearly all are, of which there may be ten thousand.
            if is_alone && first.candidate.direction != Direction::Down {
                migrations.extend(self.migration(std::iter::once(first)));
                continue;
            }
            let mut group = vec![first];
            while let Some(next) = files.next_if(|next| group[0].is_of_version_of(next)) {
                group.push(next);
            }
            let group = Group::of(group);
            self.findings.extend(pairing_problems(&group));
            migrations.extend(self.migration(group.downs.into_iter().chain(group.ups)));
        }
        migrations
    }

    fn migration(&mut self, files: impl Iterator<Item = Loaded>) -> Option<Migration> {
        let mut scripts = Scripts::default();
        for file in files {
            self.findings.extend(scripts.take(file));
        }
        scripts.into_migration()
    }
}

/// What the files' names alone show to be wrong.
fn pairing_problems(group: &Group) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(first) = group.downs.first().or(group.ups.first()) else { return findings };
    let version = &first.candidate.version;
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

/// What a file, or a part of one, holds.
struct Read {
    script: Script,
    directives: Directives,
}

/// The same of one version, as its file writes it: another may write an equal version, and the name,
/// in another way.
struct Written {
    version: Version,
    name: String,
    file: String,
    read: Read,
}

/// The scripts of one version that could be read.
#[derive(Default)]
struct Scripts {
    ups: Vec<Written>,
    downs: Vec<Written>,
}

impl Scripts {
    /// Takes what a file makes; gives what is wrong with it.
    fn take(&mut self, Loaded { candidate, made }: Loaded) -> Vec<Finding> {
        let Candidate { version, name, .. } = candidate;
        let Made { file, up, down, findings } = made;
        let down = down.map(|it| (version.clone(), name.clone(), file.clone(), *it));
        let written = |(version, name, file, read)| Written { version, name, file, read };
        self.downs.extend(down.map(written));
        self.ups.extend(up.map(|it| written((version, name, file, it))));
        findings
    }

    /// The first up script makes the migration, with the down script of its name if there is one,
    /// else with the first.
    fn into_migration(mut self) -> Option<Migration> {
        if self.ups.is_empty() {
            return None;
        }
        let up = self.ups.swap_remove(0);
        let same = self.downs.iter().position(|down| down.name == up.name).unwrap_or(0);
        let down = (!self.downs.is_empty()).then(|| self.downs.swap_remove(same).read);
        let (down, down_directives) =
            down.map_or((None, Directives::default()), |it| (Some(it.script), it.directives));
        Some(Migration {
            version: up.version,
            name: up.name,
            file: up.file,
            up: up.read.script,
            down,
            directives: up.read.directives,
            down_directives,
        })
    }
}

impl Maker<'_> {
    /// Makes a script, or two, of a file's text.
    fn make(&self, candidate: &Candidate, text: Text) -> Made {
        let file = self.folder.relative(&candidate.path);
        let mut made = Made { file, up: None, down: None, findings: Vec::new() };
        let text = match text {
            Ok(text) => text,
            Err(finding) => {
                made.findings.push(*finding);
                return made;
            }
        };
        let path = shown(candidate);
        if candidate.placeholders == Placeholders::Replaced {
            made.findings.extend(flyway::placeholders::find(&path, &text));
        }
        let Some(parts) = layouts::parts(self.layout, &path, &text, self.environment) else {
            let part = Part { extent: Extent::Whole, start: 0, mark: candidate.mark.clone() };
            let read = self.read(candidate, path, text, part, &mut made.findings);
            match candidate.direction {
                Direction::Up | Direction::Both => made.up = Some(read),
                Direction::Down => made.down = Some(Box::new(read)),
            }
            return made;
        };
        made.findings.extend(parts.findings);
        if let Some(down) = parts.down {
            let (path, text) = (path.clone(), text.clone());
            let down = self.read(candidate, path, text, down, &mut made.findings);
            made.down = Some(Box::new(down));
        }
        made.up = Some(self.read(candidate, path, text, parts.up, &mut made.findings));
        made
    }

    fn read(
        &self,
        candidate: &Candidate,
        path: String,
        text: String,
        part: Part,
        findings: &mut Vec<Finding>,
    ) -> Read {
        let script = Script { path, text, extent: part.extent };
        let (mut directives, problems) =
            directives::read(&script, part.start, self.layout, part.mark);
        findings.extend(problems);
        directives.order = candidate.order;
        Read { script, directives }
    }
}
