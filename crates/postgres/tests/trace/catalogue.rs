//! One statement each, and what PostgreSQL's documentation says of it ("Explicit Locking", and the
//! command's own page).

use stopover_backend::{StatementTrace, UnitEnd};
use stopover_model::StatementPlace;
use stopover_postgres::Neighbours;
use stopover_testkit::{TestDatabase, TestServer};

use crate::stage::{Stage, locks, planned};

struct Case {
    setup: &'static str,
    statement: &'static str,
    /// Mode and relation, strongest first.
    locks: &'static [&'static str],
    rewrites: &'static [&'static str],
    indexes: &'static [&'static str],
}

const fn case(
    setup: &'static str,
    statement: &'static str,
    locks: &'static [&'static str],
    rewrites: &'static [&'static str],
    indexes: &'static [&'static str],
) -> Case {
    Case { setup, statement, locks, rewrites, indexes }
}

const CASES: &[Case] = &[
    // A default that is no constant but stable is evaluated once: nothing is rewritten.
    case(
        "",
        "ALTER TABLE orders ADD COLUMN at timestamptz DEFAULT now()",
        &["AccessExclusive orders"],
        &[],
        &[],
    ),
    case(
        "",
        "ALTER TABLE orders ADD COLUMN at timestamptz DEFAULT clock_timestamp()",
        &["AccessExclusive orders"],
        &["orders"],
        &[],
    ),
    case(
        "",
        "ALTER TABLE orders ALTER COLUMN total TYPE bigint",
        &["AccessExclusive orders"],
        &["orders"],
        &[],
    ),
    // text takes every varchar: the same bytes.
    case(
        "ALTER TABLE orders ALTER COLUMN note TYPE varchar(100)",
        "ALTER TABLE orders ALTER COLUMN note TYPE text",
        &["AccessExclusive orders"],
        &[],
        &[],
    ),
    case("", "ALTER TABLE orders SET UNLOGGED", &["AccessExclusive orders"], &["orders"], &[]),
    case(
        "",
        "ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES customers",
        &["ShareRowExclusive customers", "ShareRowExclusive orders"],
        &[],
        &[],
    ),
    case(
        "",
        "ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES customers NOT VALID",
        &["ShareRowExclusive customers", "ShareRowExclusive orders"],
        &[],
        &[],
    ),
    case(
        "ALTER TABLE orders ADD CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customers NOT VALID",
        "ALTER TABLE orders VALIDATE CONSTRAINT of_customer",
        &["ShareUpdateExclusive orders", "RowShare customers"],
        &[],
        &[],
    ),
    case("", "CREATE INDEX by_note ON orders (note)", &["Share orders"], &[], &["by_note"]),
    case(
        "",
        "CREATE INDEX CONCURRENTLY by_note ON orders (note)",
        &["ShareUpdateExclusive orders"],
        &[],
        &["by_note"],
    ),
    case(
        "",
        "ALTER TABLE orders ADD CONSTRAINT one_note UNIQUE (note)",
        &["AccessExclusive orders"],
        &[],
        &["one_note"],
    ),
    case(
        "",
        "ALTER TABLE orders ALTER COLUMN note SET NOT NULL",
        &["AccessExclusive orders"],
        &[],
        &[],
    ),
    case(
        "ALTER TABLE orders ADD CONSTRAINT noted CHECK (note IS NOT NULL)",
        "ALTER TABLE orders ALTER COLUMN note SET NOT NULL",
        &["AccessExclusive orders"],
        &[],
        &[],
    ),
    case("", "CLUSTER orders USING orders_pkey", &["AccessExclusive orders"], &["orders"], &[]),
    case("", "VACUUM FULL orders", &["AccessExclusive orders"], &["orders"], &[]),
    case("", "VACUUM orders", &["ShareUpdateExclusive orders"], &[], &[]),
    case("", "ANALYZE orders", &["ShareUpdateExclusive orders"], &[], &[]),
    // An empty file is no rewrite: not a row is written.
    case("", "TRUNCATE orders", &["AccessExclusive orders"], &[], &[]),
    case(
        "",
        "ALTER TABLE events ATTACH PARTITION events_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
        &["AccessExclusive events_2026", "ShareUpdateExclusive events"],
        &[],
        &[],
    ),
    case(
        "",
        "ALTER TABLE events DETACH PARTITION events_2025",
        &["AccessExclusive events", "AccessExclusive events_2025"],
        &[],
        &[],
    ),
    case(
        "",
        "ALTER TABLE events DETACH PARTITION events_2025 CONCURRENTLY",
        &["AccessExclusive events_2025", "ShareUpdateExclusive events"],
        &[],
        &[],
    ),
    case(
        "",
        "REINDEX INDEX orders_total",
        &["AccessExclusive orders_total", "Share orders"],
        &[],
        &["orders_total"],
    ),
    case(
        "",
        "REINDEX INDEX CONCURRENTLY orders_total",
        &["ShareUpdateExclusive orders"],
        &[],
        &["orders_total"],
    ),
    case(
        "",
        "REFRESH MATERIALIZED VIEW totals",
        &["AccessExclusive totals", "AccessShare orders"],
        &["totals"],
        &[],
    ),
    case("", "DROP INDEX orders_total", &["AccessExclusive orders"], &[], &[]),
    case(
        "",
        "CREATE OR REPLACE VIEW names AS SELECT name, id FROM customers",
        &["AccessExclusive names", "AccessShare customers"],
        &[],
        &[],
    ),
    case("", "UPDATE orders SET total = 0", &["RowExclusive orders"], &[], &[]),
    case(
        "",
        "SELECT count(*) FROM names",
        &["AccessShare customers", "AccessShare names"],
        &[],
        &[],
    ),
    // Nobody can wait for what its own transaction makes.
    case("", "CREATE TABLE later (id int PRIMARY KEY)", &[], &[], &["later_pkey"]),
];

/// Mode and relation of each lock, tables rewritten, indexes built.
fn seen(statement: &StatementTrace) -> (Vec<String>, Vec<String>, Vec<String>) {
    let short = |names: &Option<Vec<String>>| {
        let names = names.as_deref().unwrap_or_default();
        names.iter().map(|it| it.replace("public.", "")).collect::<Vec<_>>()
    };
    (locks(statement), short(&statement.rewrites), short(&statement.indexes))
}

impl Case {
    fn is_shown_by(&self, found: &(Vec<String>, Vec<String>, Vec<String>)) -> bool {
        found.0 == self.locks && found.1 == self.rewrites && found.2 == self.indexes
    }
}

#[tokio::test]
async fn locks_rewrites_and_indexes_are_those_of_the_documentation() {
    let mut wrong = Vec::new();
    for case in CASES {
        let mut stage = Stage::after(case.setup).await;
        stage.migrate(case.statement).await;
        let found = seen(&stage.trace().await.statements[0]);
        if !case.is_shown_by(&found) {
            wrong.push(format!("{}: {found:?}", case.statement));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// On a server of our own the session looks for itself, behind statements that were sent at once.
#[tokio::test]
async fn a_session_that_looks_for_itself_sees_the_same() {
    let server = TestServer::start().await;
    let mut wrong = Vec::new();
    for case in CASES {
        if planned(case.statement, 0).place == StatementPlace::OutsideOnly {
            continue;
        }
        let database = TestDatabase::create_on(&server).await;
        let mut stage = Stage::with(case.setup, Neighbours::None, database).await;
        let end = stage.unit(&["SELECT 1", case.statement, "SELECT 2"], None).await;
        assert!(matches!(end, UnitEnd::Committed), "{}: {end:?}", case.statement);
        let trace = stage.trace().await;
        let others = [&trace.statements[0], &trace.statements[2]].map(locks);
        let found = seen(&trace.statements[1]);
        if !case.is_shown_by(&found) || !others.iter().all(Vec::is_empty) {
            wrong.push(format!("{}: {found:?} {others:?}", case.statement));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
