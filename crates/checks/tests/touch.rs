//! What a plan touches and needs, read from real scripts.

use stopover_checks::{privilege_needs, written_relations};
use stopover_model::harness::NeedKind;
use stopover_model::{
    ChecksumKind, DatabaseKind, Directives, Facts, Fingerprints, Layout, LedgerFacts, LedgerKind,
    Migration, PlainStrings, Plan, Policy, Script, SourceSet, Version,
};
use stopover_planner::{Selection, plan};

/// The plan of one migration.
fn planned(text: &str) -> Plan {
    let migration = Migration {
        version: Version::Integer(1),
        name: "one".to_owned(),
        file: "1_one.up.sql".to_owned(),
        up: Script::whole("migrations/1_one.up.sql", text),
        down: None,
        directives: Directives::default(),
        down_directives: Directives::default(),
    };
    let source = SourceSet {
        layout: Layout::Pairs,
        root: "migrations".to_owned(),
        migrations: vec![migration],
        findings: Vec::new(),
    };
    let facts = Facts {
        database: DatabaseKind::Postgres,
        ledger: LedgerFacts {
            kind: LedgerKind::Stopover,
            table: "stopover.applied_migrations".to_owned(),
            exists: true,
            checksums: ChecksumKind::Sha256,
            rows: Vec::new(),
        },
        ledgers: Vec::new(),
        trackers: Vec::new(),
        user_tables: Vec::new(),
        server_version: "15.18".to_owned(),
        role: "app".to_owned(),
        plain_strings: PlainStrings::Standard,
        recoveries: Vec::new(),
        fingerprints: Fingerprints::NotCompared,
        edits: Vec::new(),
        healed: Vec::new(),
    };
    plan(&source, &facts, &Policy::default(), &Selection::All).expect("a plan")
}

fn needs(text: &str) -> Vec<(NeedKind, String)> {
    let needs = privilege_needs(&planned(text)).into_iter();
    needs.map(|it| (it.kind, it.subject)).filter(|it| it.0 != NeedKind::Write).collect()
}

#[test]
fn a_relation_is_told_once_with_its_strongest_lock() {
    let plan = planned(
        "SELECT * FROM orders; ALTER TABLE orders ADD COLUMN a int; CREATE INDEX i ON items (id); \
         DROP TABLE old;",
    );
    let written: Vec<(String, String, bool)> = written_relations(&plan)
        .into_iter()
        .map(|it| (it.relation, it.mode, it.with_partners))
        .collect();
    let of = |name: &str, mode: &str, partners| (name.to_owned(), mode.to_owned(), partners);
    assert_eq!(
        written,
        [
            of("items", "ShareLock", false),
            of("old", "AccessExclusiveLock", true),
            of("orders", "AccessExclusiveLock", false)
        ]
    );
}

#[test]
fn what_a_statement_needs_follows_from_what_it_does() {
    use NeedKind::{
        CreateInDatabase, CreateInSchema, Delete, Insert, Owner, References, Select, Trigger,
        Truncate, Update,
    };
    for (text, expected) in [
        ("ALTER TABLE s.t ADD COLUMN a int;", vec![(Owner, "s.t")]),
        ("DROP TABLE a, b;", vec![(Owner, "a"), (Owner, "b")]),
        ("CREATE INDEX i ON t (a);", vec![(Owner, "t")]),
        ("INSERT INTO t SELECT * FROM u;", vec![(Insert, "t"), (Select, "u")]),
        ("UPDATE t SET a = 1;", vec![(Update, "t")]),
        ("DELETE FROM t;", vec![(Delete, "t")]),
        ("TRUNCATE t;", vec![(Truncate, "t")]),
        ("CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f();", vec![(Trigger, "t")]),
        ("CREATE TABLE t (a int);", vec![(CreateInSchema, "")]),
        ("CREATE TABLE IF NOT EXISTS \"S.x\".\"t\"(a int);", vec![(CreateInSchema, "\"S.x\"")]),
        ("CREATE TEMP TABLE t (a int);", vec![]),
        (
            "CREATE OR REPLACE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
            vec![(CreateInSchema, "s")],
        ),
        ("CREATE SCHEMA s;", vec![(CreateInDatabase, "")]),
        (
            "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p (a);",
            vec![(Owner, "t"), (References, "p")],
        ),
    ] {
        let expected: Vec<(NeedKind, String)> = expected
            .into_iter()
            .map(|(kind, on): (NeedKind, &str)| (kind, on.to_owned()))
            .collect();
        assert_eq!(needs(text), expected, "{text}");
    }
}

#[test]
fn what_the_plan_itself_makes_needs_no_right_of_its_own() {
    let needs =
        needs("CREATE TABLE t (a int); ALTER TABLE t ADD COLUMN b int; INSERT INTO t VALUES (1);");
    assert_eq!(needs, [(NeedKind::CreateInSchema, String::new())]);
}

#[test]
fn an_empty_plan_needs_nothing() {
    let mut plan = planned("SELECT 1;");
    plan.steps.clear();
    assert_eq!(privilege_needs(&plan), []);
}
