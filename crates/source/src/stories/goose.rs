//! goose's files: up and down in one, told apart by marks.

use super::{Source, codes, errors, listed, the};
use crate::read_folder_with;
use stopover_model::{
    Boundaries, Extent, Finding, Layout, Migration, Script, Severity, SourceSet, TransactionMark,
};

/// The bytes that run, piece by piece; those that the author bounds are in brackets.
pub(super) fn pieces(script: &Script) -> Vec<String> {
    let Extent::Passages(passages) = &script.extent else { panic!("not in parts: {script:?}") };
    let piece = |it: &stopover_model::Passage| {
        let text = script.text[it.range.clone()].trim();
        match it.boundaries {
            Boundaries::Text => text.to_owned(),
            Boundaries::Marked => format!("[{text}]"),
        }
    };
    passages.iter().map(piece).collect()
}

fn with_environment(source: &Source) -> SourceSet {
    let environment = |name: &str| (name == "OWNER").then(|| "app".to_owned());
    read_folder_with(source.path(), None, &environment).unwrap()
}

fn read(text: &str) -> (Migration, Vec<Finding>) {
    let source = Source::named(&["1_first.sql"]);
    source.write("1_first.sql", b"-- +goose Up\n");
    source.write("2_it.sql", text.as_bytes());
    let set = with_environment(&source);
    assert_eq!(set.layout, Layout::Goose, "{text}");
    (set.migrations[1].clone(), set.findings)
}

#[test]
fn both_directions_are_read_from_one_file() {
    let (it, findings) = read(
        "\u{feff}-- A comment.\r\n\r\n-- +goose Up\r\nCREATE TABLE a (x int);\r\n\
         -- +goose StatementBegin\r\nCREATE FUNCTION f() RETURNS int AS $$\r\n\
         SELECT 1; $$ LANGUAGE sql;\r\n-- +goose StatementEnd\r\nSELECT 2;\r\n\
         --+goose DOWN\r\nDROP TABLE a;\r\n",
    );
    assert_eq!(findings, []);
    assert_eq!((it.name.as_str(), it.file.as_str()), ("it", "2_it.sql"));
    let function = "[CREATE FUNCTION f() RETURNS int AS $$\r\nSELECT 1; $$ LANGUAGE sql;]";
    assert_eq!(pieces(&it.up), ["CREATE TABLE a (x int);", function, "SELECT 2;"]);
    let down = it.down.unwrap();
    assert_eq!(pieces(&down), ["DROP TABLE a;"]);
    assert_eq!(down.text, it.up.text, "places are those of the file");
    assert_eq!(it.directives.transaction, TransactionMark::Unmarked);
}

#[test]
fn a_file_without_a_down_part_or_with_an_empty_one_is_whole() {
    let (up_only, findings) = read("-- +goose Up\nSELECT 1;");
    assert_eq!((up_only.down, findings), (None, vec![]));
    let (empty, findings) = read("-- +goose Up\n-- +goose Down\n");
    assert_eq!((pieces(&empty.up), findings), (vec![], vec![]));
    assert_eq!(pieces(&empty.down.unwrap()), Vec::<String>::new());
}

#[test]
fn no_transaction_holds_for_both_directions() {
    let (it, _) = read("-- +goose NO TRANSACTION\n-- +goose Up\nVACUUM;\n-- +goose Down\nVACUUM;");
    let marked = TransactionMark::NoTransaction("-- +goose NO TRANSACTION".into());
    assert_eq!(it.directives.transaction, marked);
    assert_eq!(it.down_directives.transaction, marked);
}

#[test]
fn our_directives_count_in_the_part_that_they_stand_in() {
    let (it, findings) = read(
        "-- stopover: idempotent\n-- +goose Up\n-- stopover: lock-timeout 2s\nSELECT 1;\n\
         -- +goose Down\n-- stopover: lock-timeout 3s\n-- stopover: nope\nSELECT 2;",
    );
    assert!(it.directives.idempotent && !it.down_directives.idempotent);
    let seconds =
        |directives: stopover_model::Directives| directives.lock_timeout.unwrap().as_secs();
    assert_eq!((seconds(it.directives), seconds(it.down_directives)), (2, 3));
    assert_eq!(findings.len(), 1);
    assert!(findings[0].subject.ends_with("2_it.sql:7"), "{}", findings[0].subject);
}

#[test]
fn the_environment_is_put_in_only_where_it_is_asked_for() {
    let (it, findings) = read(
        "-- +goose Up\nSELECT '$OWNER';\n-- +goose ENVSUB ON\n-- $1 in a comment\n\
         ALTER TABLE a\n  OWNER TO ${OWNER};\nSELECT '${PLAN:-free}';\n\
         -- +goose ENVSUB OFF\nSELECT '$OWNER';\n-- +goose Down\nSELECT 1;",
    );
    assert_eq!(findings, []);
    let Extent::Passages(passages) = &it.up.extent else { panic!() };
    let put: Vec<_> = passages[0]
        .substitutions
        .iter()
        .map(|put| (&it.up.text[put.range.clone()], put.text.as_str()))
        .collect();
    assert_eq!(put, [("${OWNER}", "app"), ("${PLAN:-free}", "free")]);
    assert!(it.up.is_substituted() && !it.down.unwrap().is_substituted());
}

#[test]
fn a_variable_that_is_not_set_is_an_error_and_not_an_empty_text() {
    let (_, findings) = read(
        "-- +goose Up\n-- +goose ENVSUB ON\nSELECT 1;\nSELECT '$TYPO';\n-- +goose Down\n\
         SELECT $1;",
    );
    let places: Vec<_> = findings.iter().map(|it| it.subject.rsplit(':').next()).collect();
    assert_eq!(places, [Some("4"), Some("6")]);
    assert!(findings[0].message.contains("TYPO is not set"), "{}", findings[0].message);
    assert!(findings.iter().all(|it| it.code == "bad-substitution" && it.is_error()));
}

#[test]
fn marks_in_strings_are_text_and_told() {
    let text = "-- +goose Up\nSELECT '\n-- +goose Down\n';\n/*\n-- +goose Down\n*/\nSELECT 2;\n\
                -- +goose Down\nSELECT 3;";
    let (it, findings) = read(text);
    assert_eq!(pieces(&it.up).len(), 1);
    assert!(pieces(&it.up)[0].contains("SELECT 2;"));
    assert_eq!(pieces(&it.down.unwrap()), ["SELECT 3;"]);
    assert_eq!(findings.iter().map(|it| it.code.as_str()).collect::<Vec<_>>(), ["mark-in-text"; 2]);
    assert!(findings.iter().all(|it| it.severity == Severity::Warning));
}

#[test]
fn what_goose_cannot_read_is_an_error_with_its_line() {
    for (text, line, reason) in [
        ("SELECT 1;\n-- +goose Up\n", 1, "before -- +goose Up"),
        ("-- x\n", 1, "no line -- +goose Up"),
        ("-- +goose Down\nSELECT 1;", 1, "after -- +goose Up"),
        ("-- +goose Up\nSELECT 1;\n-- +goose Up\n", 3, "second -- +goose Up"),
        ("-- +goose Up\n-- +goose Down\n-- +goose Down\n", 3, "must come once"),
        ("-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n", 3, "has no StatementEnd"),
        ("-- +goose Up\n-- +goose StatementEnd\n", 2, "in pairs"),
        ("-- +goose StatementBegin\n-- +goose Up\n", 1, "in pairs"),
        ("-- +goose Up\n  -- +goose Down\n", 2, "beginning of its line"),
        ("-- +goose Up\n-- +goose Dwon\n", 2, "`+goose Dwon` is no mark"),
        ("-- +goose Up\n-- see +goose docs\n", 2, "is no mark"),
    ] {
        let (_, findings) = read(text);
        let bad: Vec<_> = findings.iter().filter(|it| it.code == "bad-parts").collect();
        assert!(bad.iter().all(|it| it.is_error()));
        let place = format!("2_it.sql:{line}");
        let found =
            bad.iter().any(|it| it.subject.ends_with(&place) && it.message.contains(reason));
        assert!(found, "{text:?}: {findings:#?}");
    }
}

#[test]
fn migrations_in_go_and_version_0_are_errors_and_helpers_are_not() {
    let source = Source::of(&[
        ("00001_a.sql", "-- +goose Up\nSELECT 1;"),
        ("00002_rename_root.go", "package migrations"),
        ("00002_rename_root_test.go", "package migrations"),
        ("helpers.go", "package migrations"),
        ("0_zero.sql", "-- +goose Up\nSELECT 1;"),
        ("20260730120000_b.sql", "-- +goose Up\nSELECT 1;"),
        ("3_c.up.sql", "-- +goose Up\nSELECT 1;"),
        ("seed.sql", "SELECT 1;"),
    ]);
    let set = source.read_as(Layout::Goose);
    assert_eq!(listed(&set), ["1 a", "3 c.up", "20260730120000 b"]);
    assert_eq!(the(&set, "not-sql").subject, source.file("00002_rename_root.go"));
    assert_eq!(errors(&set), ["not-sql", "bad-name", "bad-name"]);
    assert_eq!(codes(&set, Severity::Note), ["not-a-migration"; 2]);
}

#[test]
fn the_first_file_decides_and_a_given_layout_is_believed() {
    let source = Source::of(&[("1_a.sql", "SELECT 1;"), ("2_b.sql", "-- +goose Up\nSELECT 1;")]);
    let set = source.read_as(Layout::Goose);
    assert!(the(&set, "bad-parts").subject.ends_with("1_a.sql:1"));
    let twice = Source::of(&[("1_a.sql", "-- +goose Up\n"), ("01_b.sql", "-- +goose Up\n")]);
    assert_eq!(errors(&twice.read()), ["collision"]);
}
