//! Whose backup it was: by its ledger, and by its schema.

use stopover_model::harness::Unread;

use super::*;

#[test]
fn a_ledger_that_moved_on_and_one_of_another_database_are_told_apart() {
    let said = |rows: Vec<LedgerRow>| {
        let mut story = Story::usual();
        story.grounds = grounds(&story.plan, rows);
        story.said()
    };
    let of_backup = "was on a backup with another ledger than the target's: ";
    assert_eq!(
        said(vec![row(1), row(7), row(8)]),
        [format!("{of_backup}applied here and not there: 7 and 8; applied there and not here: 2")]
    );
    let other = LedgerRow { checksum: None, ..row(2) };
    assert_eq!(
        said(vec![row(1), other]),
        [format!("{of_backup}the same versions, with another checksum or state")]
    );
    let later = LedgerRow { applied_at: "2026-02-01T00:00:00Z".parse().ok(), ..row(2) };
    assert_eq!(
        said(vec![row(1), later]),
        ["was on a backup of another database: the same migrations were applied there at other \
          times"]
    );
}

/// Staging's receipt must not open production's gate without a word.
#[test]
fn where_no_ledger_tells_whose_backup_it_was_that_is_a_warning() {
    let warned = |change: &dyn Fn(&mut Story)| {
        let mut story = Story::usual();
        change(&mut story);
        let findings = story.judged(&read(vec![seen(story.receipt.clone())]));
        let [finding] = findings.as_slice() else { panic!("{findings:?}") };
        assert!(!finding.is_error() && finding.code == "receipt", "{finding:?}");
        assert!(finding.message.starts_with("it cannot be told whether the rehearsal's backup"));
        finding.message.clone()
    };
    let empty = warned(&|story| {
        story.grounds = grounds(&story.plan, Vec::new());
        story.receipt.grounds = story.grounds.clone();
    });
    assert!(empty.contains("the ledger has no rows yet"), "{empty}");
    let timeless = warned(&|story| {
        story.grounds.ledger.kind = LedgerKind::Goose;
        story.grounds.ledger.history = None;
        story.receipt.grounds = story.grounds.clone();
    });
    assert!(timeless.contains("ledger of goose keep no times"), "{timeless}");
    warned(&|story| story.receipt.grounds.ledger.history = None);
    warned(&|story| story.grounds.ledger.history = None);
}

#[test]
fn a_receipt_that_is_known_to_be_of_this_database_comes_before_one_that_is_not() {
    let story = Story::usual();
    let mut newer = story.receipt.clone();
    newer.rehearsed_at = at("12:30:00");
    newer.grounds.ledger.history = None;
    assert_eq!(story.judged(&read(vec![seen(newer), seen(story.receipt.clone())])), []);
}

#[test]
fn a_receipt_of_the_other_kind_of_database_is_refused() {
    let mut story = Story::usual();
    story.grounds.database = DatabaseKind::Sqlite;
    assert_eq!(story.said(), ["was on PostgreSQL, and the target is SQLite"]);
    story.receipt.grounds.database = DatabaseKind::Sqlite;
    assert_eq!(story.said(), Vec::<String>::new());
}

/// Two databases without a ledger, or with one that keeps no times, are told apart by nothing else:
/// a warning alone let staging's rehearsal open production's gate.
#[test]
fn where_no_ledger_tells_whose_backup_it_was_another_schema_keeps_the_gate_shut() {
    let mut story = Story::usual();
    story.grounds = grounds(&story.plan, Vec::new());
    story.receipt.grounds = story.grounds.clone();
    story.receipt.schema = Some(schema(&["orders", "staging_only"]));
    story.schema = Fact::Read(schema(&["orders", "customers"]));
    let said = story.said();
    let names = "table public.staging_only (only in the backup), table public.customers (only in \
                 the target)";
    assert!(said.len() == 1 && said[0].ends_with(names), "{said:?}");
    story.receipt.schema = None;
    let said = story.said();
    assert!(said.len() == 1 && said[0].contains("does not say which schema"), "{said:?}");
}

#[test]
fn a_schema_that_changed_since_the_backup_of_this_database_is_a_warning() {
    let mut story = Story::usual();
    story.schema = Fact::Read(schema(&["by_hand"]));
    let findings = story.judged(&read(vec![seen(story.receipt.clone())]));
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    assert!(!finding.is_error());
    assert!(finding.message.ends_with("table public.by_hand (only in the target)"), "{finding:?}");
    story.receipt.schema = None;
    assert_eq!(story.said(), Vec::<String>::new(), "an older receipt of a known database");
}

#[test]
fn a_schema_that_could_not_be_read_is_never_taken_for_the_same_one() {
    let (remedy, sqlstate) = ("grant it".to_owned(), Some("42501".to_owned()));
    let why = "permission denied".to_owned();
    for schema in [Fact::NotHere, Fact::Unread(Unread { why, sqlstate, remedy })] {
        let said = Story { schema, ..Story::usual() }.said();
        assert!(said.len() == 1 && said[0].contains("could not be compared"), "{said:?}");
    }
}

#[test]
fn of_a_table_that_is_missing_its_columns_are_not_told_one_by_one() {
    let object = |kind: &str, identity: &str| SchemaObject {
        kind: kind.to_owned(),
        identity: identity.to_owned(),
        definition: "x".to_owned(),
    };
    let objects = vec![
        object("table", "public.orders"),
        object("column", "public.orders.id"),
        object("index", "public.orders_by_id"),
    ];
    let mut story = Story::usual();
    story.receipt.schema = Some(RehearsedSchema::of(&Schema::new(objects)));
    let findings = story.judged(&read(vec![seen(story.receipt.clone())]));
    let names = ": index public.orders_by_id (only in the backup), table public.orders (only in \
                 the backup)";
    assert!(findings.len() == 1 && findings[0].message.ends_with(names), "{findings:?}");
}
