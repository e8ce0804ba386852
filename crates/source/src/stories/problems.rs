//! What can be wrong with a source: told at once, with the names of the files.

use super::{Source, codes, errors, listed, the};
use crate::{SourceError, read_folder};
use stopover_model::{Layout, Severity};

#[test]
fn a_path_that_is_no_source_is_said_to_be_none() {
    let source = Source::named(&["1_a.sql"]);
    let absent = read_folder(&source.path().join("nowhere"), None).unwrap_err();
    assert!(matches!(absent, SourceError::NotThere { .. }), "{absent}");
    assert!(absent.to_string().contains("nowhere") && absent.to_string().contains("stopover new"));
    let file = read_folder(&source.path().join("1_a.sql"), None).unwrap_err();
    assert!(matches!(file, SourceError::NotAFolder { .. }), "{file}");
}

#[test]
fn an_empty_source_says_what_a_name_would_look_like() {
    let all = Source::named(&[]).refusal(None).to_string();
    for part in ["pairs (0001_create_orders.up.sql)", "sqlx", "diesel", "the folder is empty"] {
        assert!(all.contains(part), "{all}");
    }
    let one = Source::named(&["README.md", "schema.sql"]).refusal(Some(Layout::Pairs)).to_string();
    assert!(one.contains("the layout pairs") && !one.contains("diesel"), "{one}");
    assert!(one.contains("README.md and schema.sql"), "{one}");
}

#[test]
fn one_version_in_two_files_is_a_collision_with_both_names() {
    let source = Source::named(&[
        "1_a.up.sql",
        "001_b.up.sql",
        "2_c.up.sql",
        "2_c.down.sql",
        "02_c.down.sql",
    ]);
    let set = source.read();
    assert_eq!(errors(&set), ["collision", "collision"]);
    let (one, two) = (&set.findings[0], &set.findings[1]);
    assert_eq!((one.subject.as_str(), two.subject.as_str()), ("1", "2"));
    for name in ["001_b.up.sql", "1_a.up.sql"] {
        assert!(one.message.contains(&source.file(name)), "{}", one.message);
    }
    assert!(two.message.contains("02_c.down.sql") && !two.message.contains("up.sql"));
    assert_eq!(listed(&set), ["1 b", "2 c"]);
}

#[test]
fn a_simple_and_a_reversible_file_of_one_version_collide() {
    let set = Source::named(&["1_a.sql", "1_a.up.sql"]).read_as(Layout::Sqlx);
    assert_eq!(errors(&set), ["collision"]);
}

#[test]
fn names_that_do_not_parse_are_errors_and_never_skipped() {
    let names = [
        "abc_users.up.sql",
        "12a_x.up.sql",
        "-1_x.up.sql",
        "5.up.sql",
        "9223372036854775808_big.up.sql",
        "6_case.up.SQL",
        "7_case.UP.sql",
        "8_no_direction.sql",
        "schema.sql",
        "_x.up.sql",
    ];
    let source = Source::named(&names);
    source.write("1_fine.up.sql", b"SELECT 1;");
    let set = source.read_as(Layout::Pairs);
    assert_eq!(errors(&set), vec!["bad-name"; names.len()]);
    for name in names {
        let path = source.file(name);
        assert!(set.findings.iter().any(|it| it.subject == path), "{name}");
    }
    assert_eq!(listed(&set), ["1 fine"]);
    let big = set.findings.iter().find(|it| it.message.contains("_big")).unwrap();
    assert!(big.message.contains("larger than 9223372036854775807"), "{}", big.message);
}

#[test]
fn a_stray_sql_file_does_not_make_a_layout_fit() {
    let set = Source::named(&["1_a.up.sql", "seed.sql"]).read();
    assert_eq!((set.layout, errors(&set)), (Layout::Pairs, vec!["bad-name"]));
}

#[test]
fn other_files_are_notes() {
    let source = Source::named(&[
        "1_a.up.sql",
        "1_a.up.sql~",
        "1_a.up.sql.bak",
        ".1_a.up.sql.swp",
        "._1_a.up.sql",
        ".gitkeep",
        "README.md",
        "old/1_a.up.sql",
    ]);
    let set = source.read();
    assert_eq!(errors(&set), Vec::<&str>::new());
    assert_eq!(codes(&set, Severity::Note), ["not-a-migration"; 7]);
    assert_eq!(listed(&set), ["1 a"]);
}

#[test]
fn a_down_script_needs_its_up_script() {
    let source = Source::named(&["1_a.up.sql", "2_b.down.sql", "1_other.down.sql"]);
    let set = source.read();
    assert_eq!(the(&set, "down-without-up").subject, source.file("2_b.down.sql"));
    let mismatch = the(&set, "name-mismatch");
    assert_eq!(mismatch.severity, Severity::Warning);
    assert!(mismatch.message.contains("1_a.up.sql") && mismatch.message.contains("1_other"));
    assert!(set.migrations[0].down.is_some());
}

#[test]
fn bytes_that_are_not_text_are_named_by_their_offset() {
    let source = Source::named(&["1_a.up.sql"]);
    source.write("2_latin.up.sql", b"SELECT 1;\n-- caf\xe9\n");
    source.write("3_utf16.up.sql", b"\xff\xfeS\0E\0");
    source.write("4_nul.up.sql", b"SELECT '\0';");
    let set = source.read();
    assert_eq!(errors(&set), ["not-utf8", "not-utf8", "nul-byte"]);
    let latin = &set.findings[0];
    assert!(latin.message.contains("byte 0xe9 at offset 16 (line 2)"), "{}", latin.message);
    assert!(latin.message.contains("2_latin.up.sql"));
    assert!(set.findings[1].message.contains("UTF-16"));
    assert_eq!(listed(&set), ["1 a"]);
}

#[test]
fn every_problem_is_found_in_one_reading() {
    let source = Source::of(&[
        ("1_a.up.sql", "-- stopover: frobnicate\nSELECT 1;"),
        ("01_b.up.sql", "-- stopover: lock-timeout soon\nSELECT 1;"),
        ("2_c.down.sql", "-- stopover: nope\nSELECT 1;"),
        ("x.up.sql", ""),
        ("4_d.up.sql/", ""),
    ]);
    source.write("3_c.up.sql", b"\xff");
    let mut found = source.read();
    found.findings.sort_by(|a, b| a.code.cmp(&b.code));
    assert_eq!(
        errors(&found),
        [
            "bad-directive",
            "bad-name",
            "collision",
            "down-without-up",
            "not-utf8",
            "unknown-directive",
            "unknown-directive",
            "unreadable"
        ]
    );
}

#[cfg(unix)]
#[test]
fn symbolic_links_are_followed_and_dangling_ones_told() {
    use std::os::unix::fs::symlink;
    let elsewhere = Source::named(&["real.txt", "diesel/up.sql"]);
    let source = Source::named(&["1_a.up.sql"]);
    symlink(elsewhere.path().join("real.txt"), source.path().join("2_b.up.sql")).unwrap();
    symlink("nowhere", source.path().join("3_c.up.sql")).unwrap();
    symlink("nowhere", source.path().join(".#4_d.up.sql")).unwrap();
    let set = source.read();
    assert_eq!(listed(&set), ["1 a", "2 b"]);
    assert_eq!(the(&set, "unreadable").subject, source.file("3_c.up.sql"));

    let diesel = Source::named(&[]);
    let target = elsewhere.path().join("diesel");
    symlink(target, diesel.path().join("2020-01-01-000000_linked")).unwrap();
    assert_eq!(listed(&diesel.read()), ["20200101000000 linked"]);
}

#[cfg(unix)]
#[test]
fn a_name_that_is_not_utf8_is_an_error_with_a_readable_spelling() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let source = Source::named(&["1_a.up.sql"]);
    std::fs::write(source.path().join(OsStr::from_bytes(b"2_caf\xe9.up.sql")), "SELECT 1;")
        .unwrap();
    let set = source.read();
    let finding = the(&set, "bad-name");
    assert!(finding.message.contains("2_caf\u{fffd}.up.sql"), "{}", finding.message);
    assert!(finding.message.contains("not UTF-8"));
}

#[test]
fn a_file_of_goose_or_dbmate_is_not_run_as_one_script() {
    for (tool, head) in [
        ("goose", "-- +goose Up\nSELECT 1;\n-- +goose Down\nDROP TABLE a;"),
        ("dbmate", "-- migrate:up\nSELECT 1;"),
    ] {
        let source = Source::of(&[("1_a.sql", "SELECT 1;"), ("2_b.sql", head)]);
        let set = source.read();
        assert_eq!(set.layout, Layout::Sqlx);
        let finding = the(&set, "other-layout");
        assert_eq!(finding.subject, source.file("2_b.sql:1"));
        assert!(finding.remedy.contains(&format!("--layout {tool}")), "{}", finding.remedy);
    }
}
