//! A database, a source, and the engine between them.

use std::sync::Arc;

use stopover_backend::{FactsRequest, LedgerChoice, Stop};
use stopover_engine::{
    Applied, EngineError, Limits, Repair, Request, apply, repair, rollback, status,
};
use stopover_model::report::{RepairAction, RepairReport, StatusReport};
use stopover_model::{
    AutoAdopt, Directives, DirtyWay, EmptyLedger, Event, HarmlessEdit, HealMode, HealPolicy,
    Layout, LedgerKind, Migration, NoHistory, OrphanPolicy, OutOfOrder, Policy, Script, Silent,
    SourceSet, TransactionMark, Version,
};
use stopover_planner::{DownSelection, Selection};
use stopover_postgres::{PostgresBackend, Target};
use stopover_testkit::TestDatabase;

/// The tests make tables of their own beforehand.
const POLICY: Policy = Policy {
    empty_ledger: EmptyLedger::Allow,
    auto_adopt: AutoAdopt::Off,
    dirty: DirtyWay::GoOn,
    out_of_order: OutOfOrder::Warn,
    orphan: OrphanPolicy::Refuse,
    heal: HealPolicy {
        mode: HealMode::Heal,
        harmless: HarmlessEdit::Restamp,
        idempotent: Vec::new(),
    },
};

fn source(migrations: &[Migration]) -> SourceSet {
    SourceSet {
        layout: Layout::Pairs,
        root: "migrations".to_owned(),
        migrations: migrations.to_vec(),
        findings: Vec::new(),
    }
}

/// A database of the test's own, and how it is to be migrated.
pub(crate) struct Stage {
    pub(crate) database: TestDatabase,
    pub(crate) ledger: LedgerKind,
    pub(crate) limits: Limits,
    pub(crate) stop: Stop,
}

impl Stage {
    /// An empty database whose migrations are recorded in `ledger`.
    pub(crate) async fn with(ledger: LedgerKind) -> Self {
        Self {
            database: TestDatabase::create().await,
            ledger,
            limits: Limits::default(),
            stop: Stop::never(),
        }
    }

    /// An empty database with our own ledger.
    pub(crate) async fn new() -> Self {
        Self::with(LedgerKind::Stopover).await
    }

    pub(crate) fn backend(&self) -> PostgresBackend {
        PostgresBackend::new(Target::parse(&self.database.url()).expect("the test's URL parses"))
    }

    /// Applies what is pending of `migrations`.
    pub(crate) async fn apply(&self, migrations: &[Migration]) -> Result<Applied, EngineError> {
        self.apply_to(&self.backend(), migrations).await
    }

    /// The same, over a connection that was set up otherwise.
    pub(crate) async fn apply_to(
        &self,
        backend: &PostgresBackend,
        migrations: &[Migration],
    ) -> Result<Applied, EngineError> {
        let source = source(migrations);
        apply(backend, &self.request(&source, &POLICY), &mut Silent).await
    }

    /// Applies what is pending of `migrations`, and gives what was told meanwhile.
    pub(crate) async fn apply_told(&self, migrations: &[Migration]) -> (Applied, Vec<Event>) {
        let source = source(migrations);
        let mut events = Vec::new();
        let mut sink = |event| events.push(event);
        let applied = apply(&self.backend(), &self.request(&source, &POLICY), &mut sink).await;
        (applied.expect("an apply that begins"), events)
    }

    /// Takes the newest of `migrations` back, over a connection that was set up otherwise.
    pub(crate) async fn rollback_to(
        &self,
        backend: &PostgresBackend,
        migrations: &[Migration],
    ) -> Result<Applied, EngineError> {
        let source = source(migrations);
        let newest = DownSelection::Steps(1);
        rollback(backend, &self.request(&source, &POLICY), &newest, &mut Silent).await
    }

    /// Records `version` as applied, over a connection that was set up otherwise.
    pub(crate) async fn repair_over(
        &self,
        backend: &PostgresBackend,
        migrations: &[Migration],
        version: i64,
    ) -> Result<RepairReport, EngineError> {
        let source = source(migrations);
        let version = Version::Integer(version);
        let repair_of = Repair { action: RepairAction::Applied, version, reason: None };
        repair(backend, &self.request(&source, &POLICY), &repair_of, &mut Silent).await
    }

    /// How `migrations` and the ledger stand to each other.
    pub(crate) async fn status(&self, migrations: &[Migration]) -> StatusReport {
        let source = source(migrations);
        let status = status(&self.backend(), &self.request(&source, &POLICY)).await;
        status.expect("the database can be read")
    }

    fn request<'a>(&self, source: &'a SourceSet, policy: &'a Policy) -> Request<'a> {
        let ledger = LedgerChoice { kind: Some(self.ledger), ..LedgerChoice::default() };
        Request {
            source,
            policy,
            facts: FactsRequest { ledger },
            selection: Selection::All,
            limits: self.limits.clone(),
            history: Arc::new(NoHistory("the tests keep none")),
            gate: stopover_model::Gate::default(),
            stop: self.stop.clone(),
        }
    }

    /// Waits until a session here runs a statement that begins like this.
    pub(crate) async fn until_active(&self, statement: &str) {
        let running = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' \
             AND query LIKE '{statement}%' AND datname = current_database() \
             AND pid <> pg_backend_pid()"
        );
        while self.psql(&running) == "0" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// What psql prints.
    pub(crate) fn psql(&self, sql: &str) -> String {
        self.database.psql(sql)
    }
}

/// A migration of an integer version.
pub(crate) fn migration(version: i64, text: &str) -> Migration {
    of_version(Version::Integer(version), text)
}

/// A migration of Diesel's.
pub(crate) fn diesel(version: &str, text: &str) -> Migration {
    of_version(Version::Text(version.to_owned()), text)
}

fn of_version(version: Version, text: &str) -> Migration {
    Migration {
        name: format!("step_{version}"),
        file: format!("{version}.up.sql"),
        up: Script::whole(format!("migrations/{version}.up.sql"), text),
        version,
        down: None,
        directives: Directives::default(),
        down_directives: Directives::default(),
    }
}

/// The same migration, said to run without a transaction.
pub(crate) fn unwrapped(mut migration: Migration) -> Migration {
    let mark = TransactionMark::NoTransaction("-- stopover: no-transaction".to_owned());
    migration.directives.transaction = mark;
    migration
}
