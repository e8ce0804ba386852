//! Sources in a binary: the same as on disk.

use super::{Source, listed};
use crate::{SourceError, read_embedded, read_folder};
use stopover_model::SourceSet;

/// What the same files make as a folder and embedded, with the folder's name taken away.
fn both(files: &[(&str, &str)]) -> (SourceSet, SourceSet) {
    let source = Source::of(files);
    let on_disk = read_folder(source.path(), None).unwrap();
    let bytes: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    let root = source.path().display().to_string();
    let embedded = read_embedded(&root, &bytes, None, &|_| None).unwrap();
    (on_disk, embedded)
}

#[test]
fn every_layout_reads_the_same_from_a_binary() {
    let pairs = [("2_b.up.sql", "SELECT 2;"), ("1_a.up.sql", "SELECT 1;"), ("1_a.down.sql", "")];
    let diesel = [
        ("2020-01-01-000000_a/up.sql", "SELECT 1;"),
        ("2020-01-01-000000_a/down.sql", "SELECT 1;"),
        ("2020-01-01-000000_a/metadata.toml", "run_in_transaction = false"),
    ];
    let goose =
        [("1_a.sql", "-- +goose Up\nSELECT 1;\n-- +goose Down\n"), ("x.go", ""), ("README", "")];
    let flyway = [
        ("V1_2__a.sql", "SELECT '${x}';"),
        ("sub/R__b.sql", "SELECT 1;"),
        ("sub/R__b.sql.conf", "executeInTransaction=false"),
    ];
    for files in [&pairs, &diesel, &goose, &flyway] {
        let (on_disk, embedded) = both(files);
        assert_eq!(on_disk, embedded);
        assert!(!embedded.migrations.is_empty());
    }
}

#[test]
fn paths_are_shown_below_the_name() {
    let files: [(&str, &[u8]); 2] = [("1_a.up.sql", b"SELECT 1;"), ("x.up.sql", b"\xff")];
    let set = read_embedded("migrations", &files, None, &|_| None).unwrap();
    assert_eq!(set.root, "migrations");
    assert_eq!(listed(&set), ["1 a"]);
    assert_eq!(set.migrations[0].up.path, "migrations/1_a.up.sql");
    assert_eq!(set.findings[0].subject, "migrations/x.up.sql");
}

#[test]
fn an_empty_list_is_an_empty_source() {
    let error = read_embedded("migrations", &[], None, &|_| None).unwrap_err();
    assert!(matches!(error, SourceError::Empty { .. }), "{error}");
}
