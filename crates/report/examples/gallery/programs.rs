//! A rehearsal in which programs of the user's take part.

use stopover_model::Finding;
use stopover_model::report::{
    BootReport, CommandReport, LockReport, LooksReport, RehearsalReport, SessionStatementReport,
};

use crate::samples::{rehearsal_green, table};

/// A tool of the user's migrates, and the service boots.
pub(crate) fn rehearsal_command() -> RehearsalReport {
    let mut report = rehearsal_green();
    for migration in &mut report.migrations {
        migration.duration_ms = None;
        migration.wal_bytes = None;
        migration.statements.clear();
    }
    report.detail = "2 migrations applied by the command in 18.9 s".into();
    report.findings = vec![Finding::note(
        "observed-outside",
        "the command",
        "the command's sessions were observed from outside, every 11 ms (at most 48 ms apart): what \
         was held for a shorter time may not have been seen, and nothing is known of single \
         migrations, rows and WAL",
        "leave --command out where Stopover can run the migrations itself: it measures each \
         statement",
    )];
    report.tables = vec![
        table("public.customers", Some(18_200.0), Some(18_200.0)),
        table("public.orders", Some(0.0), Some(338.0)),
    ];
    report.command = Some(CommandReport {
        command: "sqlx migrate run --source migrations".into(),
        exit_code: Some(0),
        duration_ms: 18_900.0,
        output: "Applied 104/migrate total as bigint (18.2s)".into(),
        looks: Some(LooksReport { count: 1718, every_ms: 11.0, longest_ms: 48.0 }),
        statements: Some(vec![
            statement(
                "ALTER TABLE customers ALTER COLUMN id TYPE bigint; UPDATE customers SET note = ''",
                lock("AccessExclusiveLock", "public.customers", 18_200.0),
            ),
            statement("CREATE INDEX ON orders (total)", lock("ShareLock", "public.orders", 338.0)),
        ]),
        rewrites: Some(vec!["public.customers".into()]),
        compared: true,
    });
    report.boot = Some(BootReport {
        command: "./shop-service --port {PORT}".into(),
        ready_ms: Some(812.0),
        output: "listening".into(),
    });
    report
}

fn statement(text: &str, lock: LockReport) -> SessionStatementReport {
    let duration_ms = lock.held_ms.unwrap_or_default();
    let (session, from_ms) = (1, 12.0);
    SessionStatementReport { session, text: text.into(), from_ms, duration_ms, locks: vec![lock] }
}

fn lock(mode: &str, relation: &str, held_ms: f64) -> LockReport {
    let (mode, relation) = (mode.into(), relation.into());
    LockReport { mode, relation, from_ms: Some(12.0), held_ms: Some(held_ms) }
}
