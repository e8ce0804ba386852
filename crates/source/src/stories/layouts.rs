//! What each layout makes of a folder.

use super::{Source, codes, errors, listed, the};
use crate::SourceError;
use stopover_model::{Layout, Severity, TransactionMark, Version};

#[test]
fn pairs_are_ordered_by_number_and_not_by_name() {
    let source = Source::named(&[
        "10_ten.up.sql",
        "10_ten.down.sql",
        "9_nine.up.sql",
        "007_bond.up.sql",
        "0_zero.up.sql",
        "20260730120000_late night.up.sql",
        "11_naïve_größe.up.sql",
        "12_.up.sql",
    ]);
    let set = source.read();
    assert_eq!(set.layout, Layout::Pairs);
    assert_eq!(
        listed(&set),
        [
            "0 zero",
            "7 bond",
            "9 nine",
            "10 ten",
            "11 naïve_größe",
            "12 ",
            "20260730120000 late night"
        ]
    );
    assert_eq!(set.findings, []);
    let ten = set.get(&Version::Integer(10)).unwrap();
    assert_eq!(ten.up.path, source.file("10_ten.up.sql"));
    assert_eq!(ten.down.as_ref().unwrap().path, source.file("10_ten.down.sql"));
    assert!(set.get(&Version::Integer(9)).unwrap().down.is_none());
    assert_eq!(set.root, source.path().display().to_string());
}

#[test]
fn text_is_kept_byte_for_byte() {
    let text = "\u{feff}SELECT 1;\r\nSELECT 'ü';";
    let set = Source::of(&[("1_a.sql", text)]).read();
    assert_eq!(set.layout, Layout::Sqlx);
    assert_eq!(set.migrations[0].up.text, text);
}

#[test]
fn a_folder_with_simple_and_reversible_files_needs_a_word() {
    let source = Source::named(&["1_a.sql", "2_b.up.sql", "2_b.down.sql", "readme.txt"]);
    let SourceError::TwoLayouts { fits, .. } = source.refusal(None) else { panic!() };
    let expected =
        [(Layout::Pairs, "2_b.down.sql".to_owned()), (Layout::Sqlx, "1_a.sql".to_owned())];
    assert_eq!(fits, expected);
    let message = source.refusal(None).to_string();
    for part in ["pairs (2_b.down.sql)", "sqlx (1_a.sql)", "--layout"] {
        assert!(message.contains(part), "{message}");
    }

    let as_sqlx = source.read_as(Layout::Sqlx);
    assert_eq!(listed(&as_sqlx), ["1 a", "2 b"]);
    assert!(as_sqlx.migrations[1].down.is_some());
    assert!(errors(&as_sqlx).is_empty());

    let as_pairs = source.read_as(Layout::Pairs);
    assert_eq!(the(&as_pairs, "bad-name").subject, source.file("1_a.sql"));
}

#[test]
fn a_given_layout_that_finds_nothing_names_the_one_that_would() {
    let source = Source::named(&["1_a.sql"]);
    let message = source.refusal(Some(Layout::Diesel)).to_string();
    assert!(message.contains("layout diesel") && message.contains("sqlx (1_a.sql)"), "{message}");
}

#[test]
fn diesels_folders_are_read_with_their_settings() {
    let source = Source::of(&[
        ("00000000000000_diesel_initial_setup/up.sql", "SELECT 0;"),
        ("00000000000000_diesel_initial_setup/down.sql", "SELECT 1;"),
        ("20140924113530_create users/up.sql", "SELECT 2;"),
        ("2017-09-23-182408_add-posts/up.sql", "SELECT 3;"),
        ("2017-09-23-182408_add-posts/metadata.toml", "run_in_transaction = false\n[foo]\na = 1\n"),
        ("2026-07-30-140000-000a_x_y/up.sql", "SELECT 4;"),
        ("2026-07-30-140000-000a_x_y/metadata.toml", "run_in_transaction = true"),
        ("2027-01-01-000000/up.sql", "SELECT 5;"),
        (".diesel_lock", ""),
        (".keep", ""),
        ("diesel.toml", ""),
        ("notes/readme.txt", ""),
        (".git/up.sql", ""),
    ]);
    let set = source.read();
    assert_eq!(set.layout, Layout::Diesel);
    assert_eq!(
        listed(&set),
        [
            "00000000000000 diesel_initial_setup",
            "20140924113530 create users",
            "20170923182408 add-posts",
            "20260730140000000a x_y",
            "20270101000000 "
        ]
    );
    let marks: Vec<_> = set.migrations.iter().map(|it| &it.directives.transaction).collect();
    let TransactionMark::NoTransaction(mark) = marks[2] else { panic!() };
    assert_eq!(mark, "metadata.toml: run_in_transaction = false");
    assert_eq!(marks.iter().filter(|&&it| *it == TransactionMark::Unmarked).count(), 4);
    assert!(set.migrations[0].down.is_some());
    assert_eq!(codes(&set, Severity::Note), ["not-a-migration"; 5]);
    assert_eq!(errors(&set), Vec::<&str>::new());
}

#[test]
fn diesels_problems_are_all_told_at_once() {
    let long = format!("{}_a/up.sql", "1".repeat(51));
    let source = Source::of(&[
        ("20200101000000_a/up.sql", "SELECT 1;"),
        ("2020-01-01-000000_b/up.sql", "SELECT 1;"),
        ("20200102000000_down_only/down.sql", "SELECT 1;"),
        ("20200103000000_empty/", ""),
        ("20200104000000_shouting/UP.SQL", "SELECT 1;"),
        ("add_users/up.sql", "SELECT 1;"),
        ("20200105000000_toml/up.sql", "SELECT 1;"),
        ("20200105000000_toml/metadata.toml", "# settings\nrun_in_transaction = maybe"),
        ("20200106000000_text/up.sql", "SELECT 1;"),
        ("20200106000000_text/metadata.toml", "run_in_transaction = \"no\""),
        ("20200107000000_unset/up.sql", "SELECT 1;"),
        ("20200107000000_unset/metadata.toml", ""),
        ("20200108000000_extra/up.sql", "SELECT 1;"),
        ("20200108000000_extra/up.sql.orig", "SELECT 1;"),
        (&long, "SELECT 1;"),
    ]);
    let set = source.read();
    let mut found = errors(&set);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "bad-directive",
            "bad-directive",
            "bad-name",
            "bad-name",
            "bad-name",
            "collision",
            "down-without-up",
            "missing-up",
            "missing-up"
        ]
    );
    let collision = the(&set, "collision");
    assert_eq!(collision.subject, "20200101000000");
    for file in ["20200101000000_a/up.sql", "2020-01-01-000000_b/up.sql"] {
        assert!(collision.message.contains(file), "{}", collision.message);
    }
    let toml = source.file("20200105000000_toml/metadata.toml:2");
    assert!(set.findings.iter().any(|it| it.subject == toml), "{:#?}", set.findings);
    assert_eq!(
        the(&set, "unset-transaction").subject,
        source.file("20200107000000_unset/metadata.toml")
    );
    assert!(the(&set, "not-a-migration").message.contains("up.sql.orig"));
}
