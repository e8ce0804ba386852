//! A traced session on a database of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stopover_backend::{
    Audience, Backend, BackendError, Done, Durability, Execute, FactsReader, FactsRequest,
    LedgerChoice, LedgerId, LedgerWriter, Observer, Opening, StatementTrace, Trace, Unit, UnitEnd,
    UnitLimits,
};
use stopover_model::report::TableReport;
use stopover_model::{
    Event, LedgerKind, NewLedgerRow, Notice, PlannedLock, PlannedStatement, Provenance, SessionUse,
    StatementPlace, Version,
};
use stopover_postgres::{Neighbours, PostgresBackend, PostgresSession, Target};
use stopover_sql::{TransactionNeed, classify};
use stopover_testkit::TestDatabase;
use tokio_postgres::Client;

/// A shop with enough rows that a scan of them takes a moment.
const SHOP: &str = "
    CREATE TABLE customers (id int PRIMARY KEY, name text);
    INSERT INTO customers SELECT n, 'customer ' || n FROM generate_series(1, 100) n;
    CREATE TABLE orders (id int PRIMARY KEY, customer int, total int, note text);
    INSERT INTO orders SELECT n, n % 100 + 1, n, 'note ' || n FROM generate_series(1, 2000) n;
    CREATE INDEX orders_total ON orders (total);
    CREATE TABLE events (id int, at date) PARTITION BY RANGE (at);
    CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    CREATE TABLE events_2026 (id int, at date);
    CREATE MATERIALIZED VIEW totals AS SELECT customer, count(*) FROM orders GROUP BY customer;
    CREATE UNIQUE INDEX totals_customer ON totals (customer);
    CREATE VIEW names AS SELECT name FROM customers;
    ANALYZE;";

pub(crate) struct Stage {
    pub(crate) database: TestDatabase,
    pub(crate) session: PostgresSession,
    observer: Arc<dyn Observer>,
    told: usize,
    ledger: Option<LedgerId>,
}

impl Stage {
    /// The shop, and a session that is observed.
    pub(crate) async fn open() -> Self {
        Self::with("", Neighbours::Some, TestDatabase::create().await).await
    }

    /// The same after `setup`.
    pub(crate) async fn after(setup: &str) -> Self {
        Self::with(setup, Neighbours::Some, TestDatabase::create().await).await
    }

    pub(crate) async fn with(setup: &str, neighbours: Neighbours, database: TestDatabase) -> Self {
        database.psql(SHOP);
        if !setup.is_empty() {
            database.psql(setup);
        }
        let target = Target::parse(&database.url()).expect("the test's URL parses");
        let backend = PostgresBackend::new(target).traced(neighbours);
        let session = backend.connect().await.expect("the server answers");
        let observer = backend.observer().expect("a traced backend has an observer");
        Self { database, session, observer, told: 0, ledger: None }
    }

    /// From now on there are readers and writers.
    pub(crate) fn stir(&self, per_second: u32) {
        self.observer.stir(per_second);
    }

    /// Runs one statement where it stands.
    pub(crate) async fn run(&mut self, text: &str) -> Result<(), BackendError> {
        self.told += 1;
        let statement = planned(text, self.told);
        self.observer.hear(&Event::StatementStarted {
            version: Version::Integer(1),
            index: self.told,
            tag: statement.tag.clone(),
            line: 1,
        });
        self.session.execute(&statement, &mut |_| {}).await.map(drop)
    }

    /// Runs the statements in one transaction, and commits. Gives for each of them the milliseconds
    /// from its begin to the end of the transaction by the test's own clock: no lock of it was held
    /// for longer, however busy the machine is.
    pub(crate) async fn transaction(&mut self, texts: &[&str]) -> Vec<f64> {
        self.session.begin(&UnitLimits::default()).await.expect("a transaction");
        let mut began = Vec::new();
        for text in texts {
            began.push(Instant::now());
            self.run(text).await.unwrap_or_else(|error| panic!("{text}: {error}"));
        }
        self.session.commit().await.expect("the commit");
        began.iter().map(|it| it.elapsed().as_secs_f64() * 1e3).collect()
    }

    /// Runs the statements and a ledger row as one unit, as an apply does; gives how it ended.
    pub(crate) async fn unit(&mut self, texts: &[&str], next: Option<Opening>) -> UnitEnd {
        let first = self.told + 1;
        self.told += texts.len();
        let statements: Vec<_> = (first..).zip(texts).map(|(at, it)| planned(it, at)).collect();
        let choice = LedgerChoice { kind: Some(LedgerKind::Stopover), ..LedgerChoice::default() };
        let request = FactsRequest { ledger: choice };
        // The engine asks for it once; here it would be what is done between two units.
        if self.ledger.is_none() {
            let ledger = self.session.locate(&request).await.expect("a ledger's place");
            self.session.create_ledger(&ledger).await.expect("a ledger");
            self.ledger = Some(ledger);
        }
        let row = NewLedgerRow {
            version: Version::Integer(i64::try_from(first).expect("a number")),
            name: "unit".to_owned(),
            file: format!("{first}_unit.up.sql"),
            checksum: None,
            provenance: Provenance::Applied,
            duration_ms: None,
            script: None,
        };
        let limits = UnitLimits::default();
        let unit = Unit {
            limits,
            durability: Durability::AtOnce,
            statements: &statements,
            ledger: self.ledger.as_ref().expect("it was made"),
            row: &row,
            next,
        };
        let mut hall = Hall { observer: Arc::clone(&self.observer), first, count: texts.len() };
        hall.starts(0);
        self.session.transaction(&unit, &mut hall).await.expect("PostgreSQL runs units")
    }

    /// Runs a statement as the engine would: in a transaction where it can be in one.
    pub(crate) async fn migrate(&mut self, text: &str) {
        match planned(text, 0).place {
            StatementPlace::Anywhere => drop(self.transaction(&[text]).await),
            StatementPlace::OutsideOnly => {
                self.run(text).await.unwrap_or_else(|error| panic!("{text}: {error}"));
            }
        }
    }

    /// What was seen.
    pub(crate) async fn trace(self) -> Trace {
        // As in a rehearsal, the session has ended: its statistics are complete.
        drop(self.session);
        let trace = self.observer.finish().await;
        // Where readers wait longer than the locks were held, the machine is busy.
        let whole = trace.findings.iter().all(|it| it.code == "traffic");
        assert!(whole, "the trace is whole: {:?}", trace.findings);
        trace
    }

    /// What was seen, whole or not.
    pub(crate) async fn whatever(self) -> Trace {
        self.observer.finish().await
    }
}

/// Waits until a session of this database waits for a lock.
pub(crate) async fn until_waiting(client: &Client) {
    let waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                   AND datname = current_database()";
    while client.query(waiting, &[]).await.expect("a query").is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Tells the observer which statement comes next.
struct Hall {
    observer: Arc<dyn Observer>,
    first: usize,
    count: usize,
}

impl Hall {
    fn starts(&self, at: usize) {
        if at < self.count {
            self.observer.hear(&Event::StatementStarted {
                version: Version::Integer(1),
                index: self.first + at,
                tag: String::new(),
                line: 1,
            });
        }
    }
}

impl Audience for Hall {
    fn ended(&mut self, at: usize, _: Done, _: Duration) {
        self.starts(at + 1);
    }

    fn said(&mut self, _: usize, _: Notice) {}
}

/// A statement of a plan.
pub(crate) fn planned(text: &str, index: usize) -> PlannedStatement {
    let classification = classify(text);
    let lock = |it: &stopover_sql::LockClaim| PlannedLock {
        mode: it.mode.to_string(),
        relation: it.relation.clone(),
    };
    PlannedStatement {
        index,
        line: 1,
        column: 1,
        range: 0..text.len(),
        text: text.to_owned(),
        tag: classification.tag.clone(),
        locks: classification.locks.iter().map(lock).collect(),
        copy_data: None,
        place: match classification.transaction {
            TransactionNeed::Either => StatementPlace::Anywhere,
            TransactionNeed::Outside { .. } => StatementPlace::OutsideOnly,
        },
        session: SessionUse::Nothing,
    }
}

/// `AccessExclusive orders`, without the schema `public`, in the order of the report.
pub(crate) fn locks(statement: &StatementTrace) -> Vec<String> {
    let locks = statement.locks.as_deref().unwrap_or_default();
    let shown = |mode: &str, relation: &str| {
        format!("{} {}", mode.trim_end_matches("Lock"), relation.trim_start_matches("public."))
    };
    locks.iter().map(|it| shown(&it.mode, &it.relation)).collect()
}

/// One table's row.
pub(crate) fn table<'t>(trace: &'t Trace, relation: &str) -> &'t TableReport {
    let found = trace.tables.iter().find(|it| it.relation == relation);
    found.unwrap_or_else(|| panic!("no {relation} among {:?}", trace.tables))
}
