//! Where in the source tree something was found: for readers who point at a file and a line.

use stopover_model::report::{
    LockReport, MigrationReport, RehearsalReport, SessionStatementReport, StatementReport,
};
use stopover_model::{Finding, Severity, StatementError, redact_urls};

use crate::locks::{self, Effect};
use crate::outcome::{MIGRATION_FAILED, Outcome, failures};

/// Where the source tree begins, for readers who name files from there: a code host, an editor.
///
/// Paths are text here: nothing is looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceRoot {
    root: String,
    folder: String,
}

impl SourceRoot {
    /// `root` is the absolute path of the tree (the repository's), `folder` the one that the
    /// report's relative paths begin at.
    pub fn new(root: impl Into<String>, folder: impl Into<String>) -> Self {
        Self { root: root.into(), folder: folder.into() }
    }

    /// `file` from the root on; absolute where it lies elsewhere.
    #[must_use]
    pub fn relative(&self, file: &str) -> String {
        // A name that looks like a URL is not recognised any more once it is straight.
        let file = redact_urls(file);
        let file = file.as_str();
        let absolute = if file.starts_with('/') || self.folder.is_empty() {
            straight(file)
        } else {
            straight(&format!("{}/{file}", self.folder))
        };
        let root = straight(&self.root);
        let inside = absolute.strip_prefix(&root).and_then(|rest| rest.strip_prefix('/'));
        match inside {
            Some(inside) if !root.is_empty() => inside.to_owned(),
            _ => absolute,
        }
    }
}

/// A path without `.` and, as far as it can be, without `..`.
fn straight(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|it| *it != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let beginning = if path.starts_with('/') { "/" } else { "" };
    format!("{beginning}{}", parts.join("/"))
}

/// A place in a file of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file, as the report names it.
    pub(crate) file: String,
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters; `None` where only the line is known.
    pub(crate) column: Option<usize>,
}

impl Place {
    fn of_error(error: &StatementError) -> Self {
        Self {
            file: error.file.clone(),
            line: error.line.max(1),
            column: Some(error.column.max(1)),
        }
    }

    fn of_statement(migration: &MigrationReport, statement: &StatementReport) -> Self {
        Self {
            file: migration.file.clone(),
            line: statement.line.max(1),
            column: Some(statement.column.max(1)),
        }
    }

    fn of_file(file: &str, line: usize) -> Self {
        Self { file: file.to_owned(), line: line.max(1), column: None }
    }
}

/// A finding, with its place where it has one.
#[derive(Debug, Clone)]
pub(crate) struct Problem<'r> {
    pub(crate) finding: &'r Finding,
    pub(crate) place: Option<Place>,
    /// The error behind it, where a statement failed.
    pub(crate) error: Option<&'r StatementError>,
}

/// Everything that was found, the worst first.
pub(crate) fn problems(report: &RehearsalReport) -> Vec<Problem<'_>> {
    let mut problems: Vec<Problem<'_>> = report.findings.iter().map(|it| of(it, report)).collect();
    problems.sort_by_key(|it| std::cmp::Reverse(it.finding.severity));
    problems
}

/// A red verdict that no finding accounts for: a reader of findings alone must not take it for
/// green.
pub(crate) fn unexplained(report: &RehearsalReport) -> Option<Finding> {
    let explained = report.findings.iter().any(|it| it.severity == Severity::Error);
    if explained || Outcome::of(report) == Outcome::Green {
        return None;
    }
    let (first, _) = crate::outcome::detail(report);
    let message = if first.is_empty() { "the rehearsal is red".to_owned() } else { first };
    Some(Finding::error("rehearsal", "the rehearsal", message, crate::outcome::next(report)))
}

fn of<'r>(finding: &'r Finding, report: &'r RehearsalReport) -> Problem<'r> {
    let failed = finding.code == MIGRATION_FAILED;
    let error = failed.then(|| failures(&report.migrations).next()).flatten();
    let place = error.map(Place::of_error).or_else(|| place_of_subject(finding, report));
    Problem { finding, place, error }
}

/// The place that a subject names: a file, a file and a line, a migration, or a table, which stands
/// for the statement that locked it longest.
fn place_of_subject(finding: &Finding, report: &RehearsalReport) -> Option<Place> {
    let subject = finding.subject.as_str();
    if subject.is_empty() || subject == report.backup.path {
        return None;
    }
    let (path, line) = match subject.rsplit_once(':') {
        Some((path, line)) => (path, line.parse().ok()),
        None => (subject, None),
    };
    let line = line.or_else(|| line_told(&finding.message, path));
    let migration = report.migrations.iter().find(|it| is_named(it, path));
    if let Some(migration) = migration {
        return Some(Place::of_file(&migration.file, line.unwrap_or(1)));
    }
    if path.contains('/') && !path.contains(char::is_whitespace) {
        return Some(Place::of_file(path, line.unwrap_or(1)));
    }
    let (migration, statement) =
        blamed(finding, report).or_else(|| longest_lock(subject, report))?;
    Some(Place::of_statement(migration, statement))
}

/// The statement that a message blames, in the words of the check that does so.
fn blamed<'r>(
    finding: &Finding,
    report: &'r RehearsalReport,
) -> Option<(&'r MigrationReport, &'r StatementReport)> {
    let all = report.migrations.iter().flat_map(|it| it.statements.iter().map(move |on| (it, on)));
    let mut all = all.filter(|_| finding.code == "data-loss");
    all.find(|(migration, statement)| {
        let (version, tag, line) = (&migration.version, &statement.tag, statement.line);
        finding.message.ends_with(&format!("(migration {version}: {tag}, line {line})"))
    })
}

/// The line in a message that begins with `file:line`.
fn line_told(message: &str, file: &str) -> Option<usize> {
    let rest = message.strip_prefix(file)?.strip_prefix(':')?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

fn is_named(migration: &MigrationReport, subject: &str) -> bool {
    let version = migration.version.to_string();
    subject == migration.file
        || subject == version
        || subject.strip_prefix(&version).and_then(|it| it.strip_prefix(' '))
            == Some(migration.name.as_str())
}

/// The statement whose lock on `relation` shut somebody out for the longest time.
pub(crate) fn longest_lock<'r>(
    relation: &str,
    report: &'r RehearsalReport,
) -> Option<(&'r MigrationReport, &'r StatementReport)> {
    let all = report.migrations.iter().flat_map(|it| it.statements.iter().map(move |on| (it, on)));
    longest(relation, all, |it| it.1.locks.as_deref().unwrap_or_default())
}

/// The same of the statements that were seen from outside.
pub(crate) fn longest_seen<'r>(
    relation: &str,
    report: &'r RehearsalReport,
) -> Option<&'r SessionStatementReport> {
    let all = report.command.iter().flat_map(|it| it.statements.iter().flatten());
    longest(relation, all, |it| &it.locks)
}

fn longest<'r, T: Copy + 'r>(
    relation: &str,
    all: impl Iterator<Item = T>,
    taken_by: impl Fn(T) -> &'r [LockReport],
) -> Option<T> {
    let mut found: Option<(f64, T)> = None;
    for statement in all {
        for lock in taken_by(statement).iter().filter(|it| it.relation == relation) {
            let shuts = matches!(locks::effect(&lock.mode), Effect::Everybody | Effect::Writers);
            let held = lock.held_ms.unwrap_or(0.0);
            if shuts && found.is_none_or(|(longest, _)| held > longest) {
                found = Some((held, statement));
            }
        }
    }
    found.map(|it| it.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stands_in_the_subject_or_where_the_message_begins() {
        assert_eq!(line_told("db/1.sql:12: CREATE INDEX", "db/1.sql"), Some(12));
        assert_eq!(line_told("db/1.sql: CREATE INDEX", "db/1.sql"), None);
        assert_eq!(line_told("db/10.sql:3", "db/1.sql"), None);
    }

    #[test]
    fn files_are_named_from_the_root_of_the_tree_on() {
        let root = SourceRoot::new("/home/ci/shop", "/home/ci/shop/services/api");
        for (file, named) in [
            ("migrations/1_a.sql", "services/api/migrations/1_a.sql"),
            ("./migrations/1_a.sql", "services/api/migrations/1_a.sql"),
            ("../../db/1_a.sql", "db/1_a.sql"),
            ("/home/ci/shop/db/1_a.sql", "db/1_a.sql"),
            ("/home/ci/shopping/1_a.sql", "/home/ci/shopping/1_a.sql"),
            ("/var/1_a.sql", "/var/1_a.sql"),
        ] {
            assert_eq!(root.relative(file), named, "{file}");
        }
        assert_eq!(SourceRoot::default().relative("./a/../b.sql"), "b.sql");
        assert_eq!(SourceRoot::default().relative("/b.sql"), "/b.sql");
        assert_eq!(SourceRoot::new("/", "/db").relative("b.sql"), "/db/b.sql");
    }
}
