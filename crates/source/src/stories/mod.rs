//! Stories of whole folders: what a story writes, and what reading it says.

mod create;
mod dbmate;
mod directives;
mod embedded;
mod flyway;
mod goose;
mod history;
mod layouts;
mod problems;
mod refinery;

use std::fs;
use std::path::{Path, PathBuf};

use crate::{SourceError, read_folder};
use stopover_model::{Finding, Layout, Severity, SourceSet};
use tempfile::TempDir;

/// A source folder that goes away at the end of the story.
pub(super) struct Source(TempDir);

impl Source {
    /// A folder with these files; a name may hold folders, and one that ends in `/` is a folder.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let source = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            source.write(name, text.as_bytes());
        }
        source
    }

    /// A folder with these files, each with one harmless statement.
    pub(super) fn named(files: &[&str]) -> Self {
        Self::of(&files.iter().map(|&name| (name, "SELECT 1;\n")).collect::<Vec<_>>())
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path().join(name);
        if name.ends_with('/') {
            return fs::create_dir_all(path).unwrap();
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn file(&self, name: &str) -> String {
        self.path().join(name).display().to_string()
    }

    pub(super) fn read(&self) -> SourceSet {
        read_folder(self.path(), None).unwrap()
    }

    pub(super) fn read_as(&self, layout: Layout) -> SourceSet {
        read_folder(self.path(), Some(layout)).unwrap()
    }

    pub(super) fn refusal(&self, layout: Option<Layout>) -> SourceError {
        read_folder(self.path(), layout).unwrap_err()
    }

    /// Paths relative to the folder.
    pub(super) fn relative(&self, paths: &[PathBuf]) -> Vec<String> {
        let short = |path: &PathBuf| path.strip_prefix(self.path()).unwrap().display().to_string();
        paths.iter().map(short).collect()
    }
}

/// `version name` of each migration.
pub(super) fn listed(set: &SourceSet) -> Vec<String> {
    set.migrations.iter().map(|it| format!("{} {}", it.version, it.name)).collect()
}

/// Codes of all findings that are errors.
pub(super) fn errors(set: &SourceSet) -> Vec<&str> {
    codes(set, Severity::Error)
}

/// Codes of all findings of a severity.
pub(super) fn codes(set: &SourceSet, severity: Severity) -> Vec<&str> {
    let wanted = set.findings.iter().filter(|it| it.severity == severity);
    wanted.map(|it| it.code.as_str()).collect()
}

/// The only finding with a code.
pub(super) fn the<'a>(set: &'a SourceSet, code: &str) -> &'a Finding {
    let found: Vec<_> = set.findings.iter().filter(|it| it.code == code).collect();
    assert_eq!(found.len(), 1, "findings {code} in {:#?}", set.findings);
    found[0]
}
