//! dbmate's files: up and down in one, told apart by marks.

use super::goose::pieces;
use super::{Source, codes, errors, listed, the};
use stopover_model::{Layout, Severity, TransactionMark};

#[test]
fn names_are_digits_and_anything() {
    let files = ["20150101000000_a b.sql", "007.sql", "8-dashed.sql", "9_.sql"];
    let texts: Vec<_> =
        files.iter().map(|&name| (name, "-- migrate:up\nSELECT 1;\n-- migrate:down\n")).collect();
    let source = Source::of(&texts);
    source.write("notes.sql", b"SELECT 1;");
    source.write("README.md", b"");
    let set = source.read_as(Layout::Dbmate);
    assert_eq!(listed(&set), ["7 ", "8 dashed", "9 ", "20150101000000 a b"]);
    assert_eq!(errors(&set), ["bad-name"]);
    assert_eq!(codes(&set, Severity::Note), ["not-a-migration"]);
    assert_eq!(set.migrations[0].file, "007.sql", "dbmate's ledger has the digits as written");
}

#[test]
fn both_directions_have_options_of_their_own() {
    let source = Source::of(&[(
        "1_a.sql",
        "-- Comment.\n\n--   migrate:up transaction:false\r\nVACUUM;\n\
         SELECT '\n-- migrate:down\n';\n-- migrate:down   transaction:true\nSELECT 2;\n",
    )]);
    let set = source.read();
    assert_eq!((set.layout, errors(&set)), (Layout::Dbmate, vec![]));
    let it = &set.migrations[0];
    assert_eq!(pieces(&it.up), ["VACUUM;\nSELECT '\n-- migrate:down\n';"]);
    assert_eq!(pieces(it.down.as_ref().unwrap()), ["SELECT 2;"]);
    let mark = "--   migrate:up transaction:false".to_owned();
    assert_eq!(it.directives.transaction, TransactionMark::NoTransaction(mark));
    assert_eq!(it.down_directives.transaction, TransactionMark::Unmarked);
    assert_eq!(the(&set, "mark-in-text").severity, Severity::Warning);
}

#[test]
fn a_file_without_down_is_read_with_a_warning() {
    let set = Source::of(&[("1_a.sql", "-- migrate:up\nSELECT 1;\n")]).read();
    assert!(set.migrations[0].down.is_none());
    assert_eq!((errors(&set), codes(&set, Severity::Warning)), (vec![], vec!["missing-down"]));
}

#[test]
fn what_dbmate_cannot_read_is_an_error_with_its_line() {
    for (text, line, code) in [
        ("SELECT 1;\n-- migrate:up\n-- migrate:down", 1, "bad-parts"),
        ("-- nothing\n", 1, "bad-parts"),
        ("-- migrate:down\n-- migrate:up\n", 1, "bad-parts"),
        ("-- migrate:up\n-- migrate:down\n-- migrate:down\n", 3, "bad-parts"),
        ("-- migrate:up\n-- migrate:down\n-- migrate:up\n-- migrate:down\n", 3, "bad-parts"),
        ("-- migrate:up transaction:no\n-- migrate:down", 1, "bad-directive"),
        ("-- migrate:up isolation:none\n-- migrate:down", 1, "bad-directive"),
        ("-- migrate:upwards\nSELECT 1;\n", 2, "bad-parts"),
    ] {
        let set = Source::of(&[("1_a.sql", text)]).read_as(Layout::Dbmate);
        let place = format!("1_a.sql:{line}");
        let found = set.findings.iter().any(|it| it.code == code && it.subject.ends_with(&place));
        assert!(found, "{text:?}: {:#?}", set.findings);
    }
}
