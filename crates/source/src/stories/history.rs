//! What git remembers of a migration's file.

use std::fs;
use std::path::Path;
use std::process::Command;

use stopover_model::{History, Migration, Past, Script, Version};
use tempfile::TempDir;

use crate::GitHistory;

fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "core.autocrlf=false"])
        .args(arguments)
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("git runs");
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn repository() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q"]);
    folder
}

fn commit(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", "x"]);
}

fn migration(folder: &Path, name: &str) -> Migration {
    Migration {
        version: Version::Integer(1),
        name: "a".to_owned(),
        file: name.to_owned(),
        up: Script::whole(folder.join(name).display().to_string(), "now"),
        down: None,
        directives: stopover_model::Directives::default(),
        down_directives: stopover_model::Directives::default(),
    }
}

fn find(folder: &Path, name: &str, text: &str) -> Past {
    GitHistory.find(&migration(folder, name), &|it| (it == text).then(|| it.to_owned()))
}

#[test]
fn every_version_of_a_file_is_found_also_from_before_a_rename() {
    let folder = repository();
    let path = folder.path();
    commit(path, "1_a.sql", "first\n\nline\nand more of it\n");
    commit(path, "1_a.sql", "second\r\n\nline\nand more of it\n");
    fs::rename(path.join("1_a.sql"), path.join("1_b.sql")).unwrap();
    commit(path, "1_b.sql", "third\n\nline\nand more of it\n");
    for text in ["first\n", "second\r\n", "third\n"] {
        let text = format!("{text}\nline\nand more of it\n");
        let Past::Found { at, .. } = find(path, "1_b.sql", &text) else { panic!("{text:?}") };
        assert!(at.starts_with("the git history of its file, as of commit "), "{at}");
    }
    let Past::NotFound(reason) = find(path, "1_b.sql", "never") else { panic!("found") };
    assert_eq!(reason, "it is none of the 3 versions in the git history of its file");
}

#[test]
fn no_repository_and_no_version_are_reasons() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("1_a.sql"), "x").unwrap();
    let Past::NotFound(reason) = find(folder.path(), "1_a.sql", "x") else { panic!("found") };
    assert_eq!(reason, "its file is in no git repository");
    let folder = repository();
    commit(folder.path(), "other", "x");
    fs::write(folder.path().join("1_a.sql"), "x").unwrap();
    let Past::NotFound(reason) = find(folder.path(), "1_a.sql", "x") else { panic!("found") };
    assert_eq!(reason, "git has no version of its file");
}

/// A repository's own settings may name programs: none of them is run.
#[test]
fn nothing_that_the_repository_names_is_run() {
    let folder = repository();
    let path = folder.path();
    commit(path, "--output=1_a.sql", "text\n");
    let witness = path.join("witness");
    let program = path.join("program");
    fs::write(&program, format!("#!/bin/sh\ntouch '{}'\n", witness.display())).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let program = program.display().to_string();
    for key in ["core.fsmonitor", "core.pager", "diff.external", "gpg.program", "diff.x.textconv"] {
        git(path, &["config", key, &program]);
    }
    git(path, &["config", "log.showSignature", "true"]);
    git(path, &["config", "alias.log", &format!("!{program}")]);
    fs::write(path.join(".gitattributes"), "* diff=x\n").unwrap();
    assert!(matches!(find(path, "--output=1_a.sql", "text\n"), Past::Found { .. }));
    assert!(!witness.exists());
}
