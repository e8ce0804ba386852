//! A database, a session to it, and statements that fail there.

use stopover_backend::{Backend, Diagnose, Execute, UnitLimits};
use stopover_model::{DatabaseError, PlannedStatement};
use stopover_postgres::{PostgresBackend, PostgresSession, Target};
use stopover_testkit::TestDatabase;

/// A table with a null in every fifth row.
pub(crate) const ORDERS: &str =
    "CREATE TABLE orders (id int PRIMARY KEY, customer int, total int, note text);
    INSERT INTO orders SELECT n, n, n * 10, CASE WHEN n % 5 <> 0 THEN 'note ' || n END
    FROM generate_series(1, 30) AS n;";

/// A session to a database of its own.
pub(crate) struct Trial {
    pub(crate) session: PostgresSession,
    pub(crate) database: TestDatabase,
}

impl Trial {
    /// A database that `setup` was run in.
    pub(crate) async fn with(setup: &str) -> Self {
        let database = TestDatabase::create().await;
        database.psql(setup);
        let target = Target::parse(&database.url()).expect("the test's URL parses");
        let session = PostgresBackend::new(target).connect().await.expect("the server answers");
        Self { session, database }
    }

    /// Runs SQL beside the session.
    pub(crate) async fn run(&self, sql: &str) {
        let client = self.database.client().await;
        client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Runs the statements in a transaction until `failing` fails, and rolls back.
    pub(crate) async fn fails(
        &mut self,
        before: &[PlannedStatement],
        failing: &PlannedStatement,
    ) -> DatabaseError {
        self.session.begin(&UnitLimits::default()).await.expect("a transaction");
        for statement in before {
            self.session
                .execute(statement, &mut drop)
                .await
                .unwrap_or_else(|error| panic!("{error:?}"));
        }
        let error =
            self.session.execute(failing, &mut drop).await.expect_err("the statement fails");
        self.session.rollback().await.expect("the rollback");
        error.into_database_error()
    }

    /// What is told of a failure, as `12 rows of … , e.g. …`; afterwards the session has no
    /// transaction and works.
    pub(crate) async fn told(
        &mut self,
        before: &[PlannedStatement],
        failing: &PlannedStatement,
        error: &DatabaseError,
    ) -> Option<String> {
        let offending = self.session.offending(before, failing, error).await;
        let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                      AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'";
        assert_eq!(self.database.psql(others), "0", "a transaction was left open");
        self.session.execute(&planned("SELECT 1"), &mut drop).await.expect("the session works");
        offending.map(|it| {
            let samples = it.samples.join(", ");
            let given = if samples.is_empty() { "" } else { ", e.g. " };
            format!("{} {}{given}{samples}", it.count, it.what)
        })
    }

    /// What is told of `failing` after `before`.
    pub(crate) async fn after(&mut self, before: &[&str], failing: &str) -> Option<String> {
        let before: Vec<_> = before.iter().map(|text| planned(text)).collect();
        let failing = planned(failing);
        let error = self.fails(&before, &failing).await;
        self.told(&before, &failing, &error).await
    }

    /// Asserts what is told of `failing`.
    pub(crate) async fn tells(&mut self, failing: &str, expected: &str) {
        assert_eq!(self.after(&[], failing).await.as_deref(), Some(expected), "{failing}");
    }
}

/// A statement of a plan.
pub(crate) fn planned(text: &str) -> PlannedStatement {
    PlannedStatement {
        index: 1,
        line: 1,
        column: 1,
        range: 0..text.len(),
        text: text.to_owned(),
        tag: stopover_sql::classify(text).tag,
        locks: Vec::new(),
        copy_data: None,
        place: stopover_model::StatementPlace::Anywhere,
        session: stopover_model::SessionUse::Nothing,
    }
}
