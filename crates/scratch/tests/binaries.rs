//! Which PostgreSQL is taken.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::os::unix::fs::symlink;

use stopover_scratch::binaries::{Binaries, BinariesError, NewerMajor, Program, Search};
use support::{fake_binaries, script};

fn here(majors: &[&str]) -> (tempfile::TempDir, Search) {
    let base = tempfile::tempdir().unwrap();
    for version in majors {
        fake_binaries(&base.path().join("lib").join(version).join("bin"), version);
    }
    let usual = vec![base.path().join("lib/*/bin")];
    (base, Search { usual, ..Search::default() })
}

fn taken(search: &Search, wanted: Option<u32>) -> u32 {
    search.choose(wanted, &[]).unwrap().binaries.version().major()
}

#[test]
fn the_backups_own_major_version_is_taken_where_it_is_here() {
    let (_base, search) = here(&["14.9", "15.18", "17.2"]);
    let choice = search.choose(Some(15), &[]).unwrap();
    assert_eq!(choice.binaries.version().number(), "15.18");
    assert_eq!(choice.warning, None);
}

#[test]
fn else_the_nearest_newer_one_with_a_warning() {
    let (_base, search) = here(&["14.9", "16.3", "17.2"]);
    let choice = search.choose(Some(15), &[]).unwrap();
    assert_eq!(choice.warning, Some(NewerMajor { wanted: 15, taken: 16 }));
    assert!(choice.warning.unwrap().to_string().contains("PostgreSQL 15 is not installed"));
}

#[test]
fn never_an_older_one() {
    let (_base, search) = here(&["9.6.24", "14.9", "15.18"]);
    let error = search.choose(Some(17), &[]).unwrap_err();
    let BinariesError::OnlyOlder { wanted: 17, here, .. } = &error else { panic!("{error}") };
    assert_eq!(here, &[9, 14, 15]);
    assert!(error.to_string().contains("17 or newer; here are only 9, 14, 15"), "{error}");
}

#[test]
fn without_a_wish_the_newest() {
    let (_base, search) = here(&["9.6.24", "15.18", "17beta1"]);
    assert_eq!(taken(&search, None), 17);
}

#[test]
fn a_named_folder_is_the_only_one() {
    let (base, search) = here(&["15.18", "17.2"]);
    let explicit = Some(base.path().join("lib/15.18/bin"));
    assert_eq!(taken(&Search { explicit, ..search.clone() }, None), 15);
    let variable = Some(base.path().join("lib/15.18/bin"));
    assert_eq!(taken(&Search { variable, ..search }, None), 15);
}

#[test]
fn a_named_folder_without_a_server_is_an_error_although_others_are_here() {
    let (base, search) = here(&["15.18"]);
    script(&base.path().join("postgres"), "true");
    let explicit = Some(base.path().to_owned());
    let error = Search { explicit, ..search.clone() }.choose(None, &[]).unwrap_err();
    assert!(error.to_string().contains("named by --pg-bin: initdb missing"), "{error}");
    let variable = Some(base.path().join("nowhere"));
    let error = Search { variable, ..search }.choose(None, &[]).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("named by STOPOVER_PG_BIN: postgres and initdb missing"), "{said}");
}

#[test]
fn nothing_here_says_where_it_looked_and_how_to_install() {
    let base = tempfile::tempdir().unwrap();
    let search = Search {
        path: vec![base.path().to_owned()],
        usual: vec![base.path().join("usual-*/bin")],
        ..Search::default()
    };
    let error = search.choose(Some(15), &[]).unwrap_err();
    let BinariesError::NoBinaries { searched, install } = &error else { panic!("{error}") };
    assert_eq!(searched.len(), 2);
    assert!(!install.is_empty());
    let said = error.to_string();
    assert!(said.contains("usual-*/bin") && said.contains(install.as_str()), "{said}");
}

#[test]
fn links_on_the_path_lead_to_the_real_folder() {
    let (base, _) = here(&["15.18"]);
    let real = fs::canonicalize(base.path().join("lib/15.18/bin")).unwrap();
    let links = base.path().join("links");
    fs::create_dir(&links).unwrap();
    for program in ["postgres", "initdb"] {
        symlink(real.join(program), links.join(program)).unwrap();
    }
    let search = Search { path: vec![links], ..Search::default() };
    assert_eq!(search.choose(None, &[]).unwrap().binaries.folder(), real);
}

#[test]
fn pg_config_on_the_path_tells_where_the_server_is() {
    let (base, _) = here(&["16.1"]);
    let real = fs::canonicalize(base.path().join("lib/16.1/bin")).unwrap();
    let path = base.path().join("clients");
    fs::create_dir(&path).unwrap();
    script(&path.join("pg_config"), &format!("echo {}", real.display()));
    let search = Search { path: vec![path], ..Search::default() };
    assert_eq!(search.choose(None, &[]).unwrap().binaries.folder(), real);
}

#[test]
fn needed_programs_are_looked_for_in_every_fitting_version() {
    let (base, search) = here(&["15.18", "16.3"]);
    let error = search.choose(Some(15), &[Program::PgRestore]).unwrap_err();
    assert!(error.to_string().contains("pg_restore missing"), "{error}");
    script(&base.path().join("lib/16.3/bin/pg_restore"), "true");
    let choice = search.choose(Some(15), &[Program::PgRestore]).unwrap();
    assert_eq!(choice.warning, Some(NewerMajor { wanted: 15, taken: 16 }));
    assert!(choice.binaries.has(Program::PgRestore));
}

#[test]
fn a_broken_installation_hides_no_good_one_but_a_named_one_is_told() {
    let (base, search) = here(&["15.18"]);
    let broken = fake_binaries(&base.path().join("lib/99/bin"), "99");
    script(&broken.join("postgres"), "echo 'libssl.so.1: not found' >&2; exit 127");
    assert_eq!(taken(&search, None), 15);
    let error = Binaries::in_folder(&broken).unwrap_err();
    assert!(error.to_string().contains("libssl.so.1: not found"), "{error}");
}

#[test]
fn this_machines_server_is_found() {
    let binaries = stopover_testkit::binaries();
    assert!(binaries.folder().is_absolute());
    assert!(binaries.version().major() >= 10);
}
