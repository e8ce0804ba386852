//! What a file's head asks of the runner.

use std::time::Duration;

use super::{Source, errors, the};
use stopover_model::{Directives, ForeignKeys, Layout, TransactionMark};

fn directives_of(text: &str) -> Directives {
    let set = Source::of(&[("1_a.up.sql", text)]).read();
    assert_eq!(set.findings, [], "{text:?}");
    set.migrations[0].directives.clone()
}

#[test]
fn every_directive_is_understood_after_a_mark_and_with_crlf() {
    let text = "\u{feff}-- Adds things.\r\n\r\n-- stopover: no-transaction\r\n/* a\r\n */\
                --stopover: lock-timeout 2s\r\n  -- Stopover : statement-timeout  10min\r\n\
                -- stopover: idempotent\r\n\
                -- stopover: allow data-loss(orders, shop.\"Odd, Name\")\r\n\
                -- stopover: allow data-loss (users)\r\n\
                -- stopover: foreign-keys off\r\nSELECT 1;\r\n";
    let expected = Directives {
        transaction: TransactionMark::NoTransaction("-- stopover: no-transaction".into()),
        lock_timeout: Some(Duration::from_secs(2)),
        statement_timeout: Some(Duration::from_secs(600)),
        idempotent: true,
        allow_data_loss: vec!["orders".into(), "shop.\"Odd, Name\"".into(), "users".into()],
        foreign_keys: ForeignKeys::CheckedAtCommit,
        ..Directives::default()
    };
    assert_eq!(directives_of(text), expected);
}

#[test]
fn the_same_text_later_or_inside_something_is_no_directive() {
    for text in [
        "SELECT 1;\n-- stopover: no-transaction\n",
        "SELECT '\n-- stopover: no-transaction\n';",
        "/*\n-- stopover: frobnicate\n*/ SELECT 1;",
        "-- about stopover: idempotent\nSELECT 1;",
        "SELECT 1; -- stopover: idempotent",
    ] {
        assert_eq!(directives_of(text), Directives::default(), "{text:?}");
    }
}

#[test]
fn sqlxs_mark_counts_only_as_the_very_first_bytes() {
    let marked = TransactionMark::NoTransaction("-- no-transaction".into());
    assert_eq!(directives_of("-- no-transaction\nVACUUM;").transaction, marked);
    assert_eq!(directives_of("-- no-transaction\r\nVACUUM;").transaction, marked);
    for text in
        ["\n-- no-transaction\nSELECT 1;", "--no-transaction\n", "-- x\n-- no-transaction\n"]
    {
        assert_eq!(directives_of(text).transaction, TransactionMark::Unmarked, "{text:?}");
    }
    let simple = Source::of(&[("1_a.sql", "-- no-transaction\nVACUUM;")]).read();
    assert_eq!(simple.migrations[0].directives.transaction, marked);
    let diesel = Source::of(&[("2020_a/up.sql", "-- no-transaction\nSELECT 1;")]).read();
    assert_eq!(diesel.layout, Layout::Diesel);
    assert_eq!(diesel.migrations[0].directives.transaction, TransactionMark::Unmarked);
}

#[test]
fn an_unknown_directive_is_an_error_with_its_line_and_the_known_ones() {
    let source = Source::of(&[("1_a.up.sql", "-- x\r\n-- stopover: no-transactions\r\nSELECT 1;")]);
    let set = source.read();
    let finding = the(&set, "unknown-directive");
    assert_eq!(finding.subject, source.file("1_a.up.sql:2"));
    assert!(finding.message.contains("no-transactions"));
    for known in
        ["no-transaction", "lock-timeout", "statement-timeout", "idempotent", "data-loss(orders)"]
    {
        assert!(finding.remedy.contains(known), "{}", finding.remedy);
    }
}

#[test]
fn values_that_do_not_parse_are_errors() {
    for line in [
        "lock-timeout",
        "lock-timeout soon",
        "lock-timeout 5",
        "statement-timeout 1.5s",
        "no-transaction please",
        "idempotent yes",
        "allow",
        "allow everything",
        "allow data-loss",
        "allow data-loss()",
        "allow data-loss(a,)",
        "allow data-loss(\"a)",
        "allow data-loss(a) b",
        "lock-timeout 1s\n-- stopover: lock-timeout 2s",
        "foreign-keys",
        "foreign-keys on",
    ] {
        let set = Source::of(&[("1_a.up.sql", &format!("-- stopover: {line}\nSELECT 1;"))]).read();
        assert_eq!(errors(&set), ["bad-directive"], "{line}");
    }
    let set =
        Source::of(&[("1_a.up.sql", "-- stopover:\n-- stopover: a\n-- stopover: b\n")]).read();
    assert_eq!(errors(&set), ["unknown-directive"; 3]);
}
