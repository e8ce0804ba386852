//! Whole scripts: statements with their places, and the envelope around them.

use stopover_sql::{CopyFormat, Envelope, ScriptError, envelope, envelope_modes, statements};

const MIGRATION: &str = include_str!("fixtures/migration.sql");

#[test]
fn a_migration_is_read_with_exact_places() {
    let list = statements(MIGRATION).unwrap();
    let seen: Vec<_> =
        list.iter().map(|s| (s.index, s.line, s.column, s.classification.tag.as_str())).collect();
    assert_eq!(
        seen,
        [
            (1, 4, 1, "BEGIN"),
            (2, 6, 1, "CREATE TYPE"),
            (3, 8, 1, "ALTER TABLE"),
            (4, 12, 1, "SAVEPOINT"),
            (5, 12, 17, "COPY"),
            (6, 17, 3, "RELEASE"),
            (7, 18, 1, "DO"),
            (8, 23, 1, "COMMIT"),
        ]
    );
    for statement in &list {
        assert_eq!(&MIGRATION[statement.range.clone()], statement.text);
        assert!(!statement.text.ends_with(';'));
    }
    let copy = &list[4];
    assert_eq!(copy.classification.copy.map(|copy| copy.format), Some(CopyFormat::Text));
    assert_eq!(&MIGRATION[copy.copy_data.clone().unwrap()], "open\npaid\n");
    assert_eq!(envelope(&list), Envelope::Whole);
}

#[test]
fn columns_count_characters_and_a_byte_order_mark_is_none() {
    let list = statements("\u{feff}SELECT 1; SELECT 'é'; SELECT 2;\r\n\t SELECT 3").unwrap();
    let places: Vec<_> = list.iter().map(|s| (s.line, s.column)).collect();
    assert_eq!(places, [(1, 1), (1, 11), (1, 23), (2, 3)]);
    assert_eq!(list[0].text, "SELECT 1");
}

#[test]
fn empty_copy_data_is_data() {
    let list = statements("COPY t FROM stdin;\n\\.\nCOPY u FROM 'x';").unwrap();
    assert_eq!(list[0].copy_data, Some(19..19));
    assert_eq!(list[1].copy_data, None);
}

#[test]
fn the_guards_of_a_dump_are_dropped_and_other_commands_refused() {
    let list = statements("\\restrict Ab1\nSELECT 1;\n\\unrestrict Ab1\n").unwrap();
    assert_eq!(list.len(), 1);
    for (script, line, command) in [
        ("SELECT 1;\n\n\\i other.sql\n", 3, "i"),
        ("\\!rm x", 1, "!"),
        ("\\copy t from stdin\n", 1, "copy"),
        ("\\.\n", 1, "."),
        // psql would run what follows the second backslash.
        ("\\restrict Ab1 \\! ls\n", 1, "restrict"),
        ("\\restrict Ab1 \\\\ SELECT 1;\n", 1, "restrict"),
        ("\\restrict\n", 1, "restrict"),
        ("\\restrict a\rSELECT 1;", 1, "restrict"),
        ("\\restricted a\n", 1, "restricted"),
    ] {
        let error = statements(script).unwrap_err().remove(0);
        let expected = ScriptError::MetaCommand { line, command: command.to_owned() };
        assert_eq!(error, expected, "{script}");
        assert_eq!(error.line(), line);
        assert!(error.to_string().starts_with(&format!("line {line}: psql command `\\{command}`")));
    }
}

#[test]
fn every_command_of_a_script_is_told_up_to_where_it_cannot_be_split() {
    let script = "\\i a.sql\nSELECT 1;\n\\timing on\nSELECT 'open";
    let errors = statements(script).unwrap_err();
    let lines: Vec<u64> = errors.iter().map(ScriptError::line).collect();
    assert_eq!(lines, [1, 3, 4]);
    assert!(matches!(errors[2], ScriptError::Split(_)), "{errors:?}");
}

#[test]
fn strings_are_classified_as_they_read_where_they_stand() {
    let script = "SET standard_conforming_strings = off; INSERT INTO t SELECT '\\' FROM x' FROM y";
    let list = statements(script).unwrap();
    let locks: Vec<_> = list[1].classification.locks.iter().map(|c| c.relation.as_str()).collect();
    assert_eq!(locks, ["t", "y"]);
}

#[track_caller]
fn envelope_of(script: &str) -> Envelope {
    envelope(&statements(script).expect("a script that can be split"))
}

#[test]
fn a_transaction_around_the_whole_file_is_an_envelope() {
    for script in [
        "BEGIN; SELECT 1; COMMIT;",
        "-- head\nSTART TRANSACTION;\nSELECT 1;\nEND -- tail\n",
        "BEGIN; COMMIT",
        "begin work; savepoint a; rollback to a; release a; set transaction read only; end work;",
    ] {
        assert_eq!(envelope_of(script), Envelope::Whole, "{script}");
    }
    for script in ["", "SELECT 1;", "SAVEPOINT a; RELEASE a;", "DO $$ BEGIN; COMMIT; END $$"] {
        assert_eq!(envelope_of(script), Envelope::None, "{script}");
    }
}

#[test]
fn transaction_control_anywhere_else_breaks_it() {
    for (script, line, what) in [
        ("BEGIN;\nSELECT 1;", 1, "BEGIN"),
        ("SELECT 1;\nCOMMIT;", 2, "COMMIT"),
        ("BEGIN;\nSELECT 1;\nROLLBACK;", 1, "BEGIN"),
        ("BEGIN;\nSELECT 1;\nCOMMIT;\nSELECT 2;", 1, "BEGIN"),
        ("BEGIN;\nCOMMIT;\nBEGIN;\nCOMMIT;", 2, "COMMIT"),
        ("BEGIN;\nBEGIN;\nCOMMIT;", 2, "BEGIN"),
        ("BEGIN;\nPREPARE TRANSACTION 'x';\nCOMMIT;", 2, "PREPARE TRANSACTION"),
        ("BEGIN;\nSELECT 1;\nCOMMIT AND CHAIN;", 1, "BEGIN"),
        ("COMMIT", 1, "COMMIT"),
        ("BEGIN", 1, "BEGIN"),
    ] {
        let broken = Envelope::Broken { line, what: what.to_owned() };
        assert_eq!(envelope_of(script), broken, "{script}");
    }
    assert_eq!(envelope_of("BEGIN; COMMIT AND NO CHAIN"), Envelope::Whole);
}

#[test]
fn the_modes_of_an_envelope_are_told() {
    let modes = |script| envelope_modes(&statements(script).unwrap());
    assert_eq!(modes("BEGIN; COMMIT"), None);
    assert_eq!(modes("BEGIN WORK; COMMIT"), None);
    let serializable = modes("START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY; COMMIT");
    assert_eq!(serializable.as_deref(), Some("ISOLATION LEVEL SERIALIZABLE , READ ONLY"));
    assert_eq!(modes("SELECT 1"), None);
}
