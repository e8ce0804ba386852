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

#[test]
fn goose_and_dbmate_have_both_directions_in_one_file() {
    for (layout, up, down) in [
        (Layout::Goose, "-- +goose Up\n", "-- +goose Down\n"),
        (Layout::Dbmate, "-- migrate:up\n", "-- migrate:down\n"),
    ] {
        let source = Source::named(&[]);
        let first = NewMigration {
            layout: Some(layout),
            numbering: Some(Numbering::Sequence),
            ..request("a b")
        };
        let paths = create(source.path(), &first).unwrap();
        assert_eq!(source.relative(&paths), ["00001_a_b.sql"]);
        let text = std::fs::read_to_string(&paths[0]).unwrap();
        assert!(text.starts_with(up) && text.contains(down), "{text}");
        // From now on the folder says by itself whose it is.
        let next = create(source.path(), &request("next")).unwrap();
        assert_eq!(source.relative(&next), ["00002_next.sql"]);
        let set = source.read();
        assert_eq!((set.layout, set.findings.len()), (layout, 0));
        assert!(set.migrations.iter().all(|it| it.down.is_some()));
    }
    let goose = NewMigration {
        layout: Some(Layout::Goose),
        reversibility: Some(Reversibility::UpOnly),
        ..request("x")
    };
    assert_eq!(created(&[], &goose), ["20260730140005_x.sql"]);
}

#[test]
fn flyways_versions_go_on_at_their_depth() {
    let flyway = NewMigration { layout: Some(Layout::Flyway), ..request("add index") };
    for (last, next) in [
        ("V1__a.sql", "V2"),
        ("V1_9__a.sql", "V1.10"),
        ("V009__a.sql", "V010"),
        ("V20260101000000__a.sql", "V20260730140005"),
        ("V2026.07__a.sql", "V2026.08"),
    ] {
        assert_eq!(created(&[last], &flyway), [format!("{next}__add_index.sql")], "{last}");
    }
    assert_eq!(created(&[], &flyway), ["V1__add_index.sql"]);
    let reversible = NewMigration { reversibility: Some(Reversibility::Reversible), ..flyway };
    assert_eq!(created(&[], &reversible), ["V1__add_index.sql", "U1__add_index.sql"]);
}

#[test]
fn refinerys_files_are_numbered_and_named_as_it_reads_them() {
    let refinery = NewMigration { layout: Some(Layout::Refinery), ..request("b") };
    assert_eq!(created(&[], &refinery), ["V1__b.sql"]);
    assert_eq!(created(&["V9__a.sql"], &refinery), ["V10__b.sql"]);
    assert_eq!(created(&["V20260101000000__a.sql"], &refinery), ["V20260730140005__b.sql"]);
    let source = Source::named(&[]);
    let dashed = NewMigration { name: "with-dash", ..refinery };
    let error = create(source.path(), &dashed).unwrap_err();
    assert!(matches!(error, SourceError::BadNewName { .. }), "{error}");
    let reversible = NewMigration { reversibility: Some(Reversibility::Reversible), ..refinery };
    let error = create(source.path(), &reversible).unwrap_err();
    assert!(matches!(error, SourceError::NoSuchForm { .. }), "{error}");
}
