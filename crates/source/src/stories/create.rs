//! `stopover new`: the next migration's files.

use super::{Source, errors};
use crate::{NewMigration, Numbering, Reversibility, SourceError, create};
use jiff::Timestamp;
use stopover_model::Layout;

fn request(name: &str) -> NewMigration<'_> {
    let now: Timestamp = "2026-07-30T14:00:05.9Z".parse().unwrap();
    NewMigration { name, layout: None, numbering: None, reversibility: None, now }
}

/// What is created beside `files`, relative to the folder.
fn created(files: &[&str], request: &NewMigration<'_>) -> Vec<String> {
    let source = Source::named(files);
    let paths = create(source.path(), request).unwrap();
    let layout = request.layout;
    let set = crate::read_folder(source.path(), layout).unwrap();
    assert_eq!(errors(&set), Vec::<&str>::new());
    let newest = set.migrations.last().unwrap();
    assert_eq!(newest.up.path, paths[0].display().to_string(), "the new one is the highest");
    source.relative(&paths)
}

#[test]
fn sequence_numbers_go_on_in_their_width() {
    let name = request("add index");
    for (last, next) in [("0009", "0010"), ("9", "10"), ("099", "100"), ("999", "1000")] {
        let file = format!("{last}_a.up.sql");
        let expected = [format!("{next}_add_index.up.sql"), format!("{next}_add_index.down.sql")];
        assert_eq!(created(&["0001_x.up.sql", &file], &name), expected);
    }
}

#[test]
fn timestamps_go_on_as_timestamps_higher_than_every_other() {
    let name = request("b");
    assert_eq!(created(&["20260101000000_a.sql"], &name), ["20260730140005_b.sql"]);
    assert_eq!(created(&["20260730140005_a.sql"], &name), ["20260730140006_b.sql"]);
    assert_eq!(created(&["1_z.sql", "20990101000000_a.sql"], &name), ["20990101000001_b.sql"]);
    let sequence = NewMigration { numbering: Some(Numbering::Sequence), ..name };
    assert_eq!(created(&["20260101000000_a.sql"], &sequence), ["20260101000001_b.sql"]);
    let time = NewMigration { numbering: Some(Numbering::Timestamp), ..name };
    assert_eq!(created(&["0007_a.sql"], &time), ["20260730140005_b.sql"]);
}

#[test]
fn diesels_folders_go_on_higher_as_text() {
    let name = request("b c");
    let files = |version: &str| ["up", "down"].map(|end| format!("{version}_b_c/{end}.sql"));
    assert_eq!(created(&["20200101000000_a/up.sql"], &name), files("2026-07-30-140005"));
    assert_eq!(created(&["2026-07-30-140005-0001_a/up.sql"], &name), files("2026-07-30-140006"));
    assert_eq!(created(&["2099-12-31-235959_a/up.sql"], &name), files("2100-01-01-000000"));
    assert_eq!(created(&["9999_a/up.sql"], &name), files("99990"));
    let up_only = NewMigration { reversibility: Some(Reversibility::UpOnly), ..name };
    assert_eq!(created(&["2020_a/up.sql"], &up_only), files("2026-07-30-140005")[..1]);
}

#[test]
fn a_first_migration_makes_the_folder_and_has_a_timestamp() {
    let source = Source::named(&[]);
    let root = source.path().join("db/migrations");
    let paths = create(&root, &request("first")).unwrap();
    assert_eq!(
        source.relative(&paths),
        ["up", "down"].map(|end| format!("db/migrations/20260730140005_first.{end}.sql"))
    );
    let sqlx = NewMigration { layout: Some(Layout::Sqlx), ..request("first") };
    assert_eq!(created(&[], &sqlx), ["20260730140005_first.sql"]);
    let diesel = NewMigration { layout: Some(Layout::Diesel), ..request("first") };
    assert_eq!(created(&[], &diesel)[0], "2026-07-30-140005_first/up.sql");
    let sequence = NewMigration { numbering: Some(Numbering::Sequence), ..request("first") };
    assert_eq!(created(&[], &sequence)[0], "0001_first.up.sql");
}

#[test]
fn names_that_cannot_be_files_are_refused_and_nothing_is_made() {
    for name in ["", "  ", "a/b", "..\\x", "a\u{7}", "a.sql", "a.UP"] {
        let source = Source::named(&["1_a.up.sql"]);
        let error = create(source.path(), &request(name)).unwrap_err();
        assert!(matches!(error, SourceError::BadNewName { .. }), "{name:?}: {error}");
        assert_eq!(std::fs::read_dir(source.path()).unwrap().count(), 1);
    }
}

#[test]
fn what_has_no_form_is_refused_with_the_reason() {
    let source = Source::named(&["1_a.sql"]);
    let reversible =
        NewMigration { reversibility: Some(Reversibility::Reversible), ..request("b") };
    let error = create(source.path(), &reversible).unwrap_err().to_string();
    assert!(error.contains("down scripts"), "{error}");
    let full = Source::named(&["9223372036854775807_a.sql"]);
    let error = create(full.path(), &request("b")).unwrap_err().to_string();
    assert!(error.contains("9223372036854775807"), "{error}");
}

#[test]
fn nothing_is_overwritten_and_half_a_migration_is_taken_back() {
    let source = Source::named(&["0001_a.up.sql"]);
    source.write("0002_b.down.sql/", b"");
    let error = create(source.path(), &request("b")).unwrap_err();
    assert!(matches!(error, SourceError::NotWritten { .. }), "{error}");
    assert!(!source.path().join("0002_b.up.sql").exists());
}
