//! A database with a table and a history, and what is asked of it.

use std::sync::Arc;
use std::time::Duration;

use stopover_backend::{Backend, FactsReader, FactsRequest, LedgerChoice, Stop};
use stopover_engine::{
    Applied, Before, DumpFinder, Limits, Postflight, Preflight, Request, apply, before, postflight,
    preflight, record_schema,
};
use stopover_model::harness::{Fact, PostflightLimits, PreflightLimits};
use stopover_model::report::{CheckOutcome, PostflightReport, PreflightReport};
use stopover_model::{
    Direction, Directives, Facts, Finding, Layout, LedgerKind, Migration, NoHistory, Plan, Policy,
    Script, Severity, Silent, SourceSet, Version,
};
use stopover_planner::{Selection, plan};
use stopover_postgres::{PostgresBackend, Target};
use stopover_testkit::{Access, TestDatabase, TestServer};

/// What the database begins with.
const SHOP: &str = "CREATE TABLE customers (id int PRIMARY KEY);\
    CREATE TABLE orders (id int PRIMARY KEY, customer_id int);\
    CREATE TABLE apart (id int);";

/// What is pending, where a test says nothing else.
pub(crate) const NOTE: &str = "ALTER TABLE orders ADD COLUMN note text;";

/// A database of the test's own, with [`SHOP`] applied.
pub(crate) struct Stage {
    pub(crate) database: TestDatabase,
    pub(crate) source: SourceSet,
    pub(crate) policy: Policy,
    pub(crate) preflight: Preflight,
    pub(crate) limits: PostflightLimits,
}

impl Stage {
    /// On the server that the tests share.
    pub(crate) async fn new() -> Self {
        Self::of(TestDatabase::create().await).await
    }

    /// On a server of the test's own.
    pub(crate) async fn on(server: &TestServer) -> Self {
        Self::of(TestDatabase::create_on(server).await).await
    }

    async fn of(database: TestDatabase) -> Self {
        let preflight = Preflight {
            limits: PreflightLimits {
                long_transaction: Duration::from_millis(200),
                fact_timeout: Duration::from_secs(20),
                ..PreflightLimits::default()
            },
            dump: DumpFinder::new(|server| Fact::Read(server.to_owned())),
            ..Preflight::default()
        };
        let source = SourceSet {
            layout: Layout::Pairs,
            root: "migrations".to_owned(),
            migrations: vec![migration(1, SHOP)],
            findings: Vec::new(),
        };
        let limits = PostflightLimits {
            fact_timeout: Duration::from_secs(20),
            ..PostflightLimits::default()
        };
        let stage = Self { database, source, policy: Policy::default(), preflight, limits };
        stage.apply().await;
        stage
    }

    /// One more migration in the source.
    pub(crate) fn with(mut self, version: i64, text: &str) -> Self {
        self.source.migrations.push(migration(version, text));
        self
    }

    pub(crate) fn request(&self) -> Request<'_> {
        let ledger = LedgerChoice { kind: Some(LedgerKind::Stopover), ..LedgerChoice::default() };
        Request {
            source: &self.source,
            policy: &self.policy,
            facts: FactsRequest { ledger },
            selection: Selection::All,
            limits: Limits::default(),
            history: Arc::new(NoHistory("the tests keep none")),
            gate: stopover_model::Gate::default(),
            stop: Stop::never(),
        }
    }

    pub(crate) fn backend(&self, access: &Access) -> PostgresBackend {
        PostgresBackend::new(Target::parse(&access.url()).expect("the test's URL parses"))
    }

    pub(crate) async fn apply(&self) -> Applied {
        let backend = self.backend(&self.database);
        let applied = apply(&backend, &self.request(), &mut Silent).await;
        applied.expect("an apply that begins")
    }

    pub(crate) async fn record(&self) {
        let backend = self.backend(&self.database);
        record_schema(&backend, &self.request(), &mut Silent).await.expect("it is recorded");
    }

    pub(crate) async fn preflight(&self) -> PreflightReport {
        self.preflight_as(&self.database).await
    }

    pub(crate) async fn preflight_as(&self, access: &Access) -> PreflightReport {
        let report = preflight(&self.backend(access), &self.request(), &self.preflight).await;
        let report = report.expect("the database answers");
        assert_eq!(report.preflight_passed, !report.findings.iter().any(Finding::is_error));
        report
    }

    pub(crate) async fn postflight(&self) -> PostflightReport {
        let asked = Postflight { limits: self.limits.clone(), ..Postflight::default() };
        self.postflight_as(&self.database, &asked).await
    }

    pub(crate) async fn postflight_as(
        &self,
        access: &Access,
        asked: &Postflight<'_>,
    ) -> PostflightReport {
        let report = postflight(&self.backend(access), &self.request(), asked).await;
        let report = report.expect("the database answers");
        assert_eq!(report.validation_passed, !report.findings.iter().any(Finding::is_error));
        report
    }

    /// The database as it is, before an apply of what is pending.
    pub(crate) async fn before(&self) -> Before {
        let (backend, request) = (self.backend(&self.database), self.request());
        let (plan, _) = self.plan().await;
        before(&backend, &request, &self.limits, (&plan, Direction::Up))
            .await
            .expect("the database answers")
    }

    /// What is pending, and what it was made from.
    pub(crate) async fn plan(&self) -> (Plan, Facts) {
        let backend = self.backend(&self.database);
        let mut session = backend.connect().await.expect("the database answers");
        let facts = session.facts(&self.request().facts).await.expect("the ledger is read");
        let plan = plan(&self.source, &facts, &self.policy, &Selection::All).expect("a plan");
        (plan, facts)
    }

    pub(crate) fn psql(&self, sql: &str) -> String {
        self.database.psql(sql)
    }

    /// A role that may log in, and what else `grants` says of it (`$role` is its name).
    pub(crate) fn role(&self, grants: &str) -> Access {
        let name = format!("role_{:016x}", rand::random::<u64>());
        self.psql(&format!("CREATE ROLE {name} LOGIN PASSWORD 'x'"));
        self.psql(&grants.replace("$role", &name));
        self.database.as_role(&name, "x")
    }

    /// Takes a role away again: it belongs to the whole server.
    pub(crate) fn forget(&self, role: &Access) {
        let name = role.config().get_user().expect("a role's access has a name");
        self.psql(&format!("DROP OWNED BY {name}; DROP ROLE {name}"));
    }
}

pub(crate) fn migration(version: i64, text: &str) -> Migration {
    Migration {
        name: format!("step_{version}"),
        file: format!("{version}.up.sql"),
        up: Script::whole(format!("migrations/{version}.up.sql"), text),
        version: Version::Integer(version),
        down: None,
        directives: Directives::default(),
        down_directives: Directives::default(),
    }
}

/// What a reader that sees other sessions, and every table, is granted.
pub(crate) const READER: &str = "GRANT pg_monitor TO $role; GRANT USAGE ON SCHEMA stopover TO $role; \
    GRANT SELECT ON ALL TABLES IN SCHEMA public, stopover TO $role";

/// Codes and severities of everything that is more than a note.
pub(crate) fn urgent(findings: &[Finding]) -> Vec<(&str, Severity)> {
    let urgent = findings.iter().filter(|it| it.severity != Severity::Note);
    urgent.map(|it| (it.code.as_str(), it.severity)).collect()
}

/// The only finding under a code that is more than a note.
pub(crate) fn only<'f>(findings: &'f [Finding], code: &str) -> &'f Finding {
    let of_code: Vec<&Finding> =
        findings.iter().filter(|it| it.code == code && it.severity != Severity::Note).collect();
    let [one] = of_code[..] else { panic!("not one {code}: {findings:#?}") };
    one
}

/// What became of a check.
pub(crate) fn outcome(checks: &[stopover_model::report::CheckEntry], code: &str) -> CheckOutcome {
    checks.iter().find(|it| it.code == code).expect("a check of this code").outcome
}
