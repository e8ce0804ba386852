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
        for it in &mut migration.statements {
            (it.from_ms, it.duration_ms, it.rows, it.wal_bytes, it.temp_bytes) = Default::default();
            (it.locks, it.rewrites, it.indexes, it.scans) = Default::default();
        }
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
        table("public.orders", Some(0.0), Some(346.0)),
        table("public.items", Some(96.0), Some(96.0)),
    ];
    report.command = Some(CommandReport {
        command: "sqlx migrate run --source migrations".into(),
        exit_code: Some(0),
        duration_ms: 18_900.0,
        output: "Applied 104/migrate total as bigint (18.2s)".into(),
        looks: Some(LooksReport { count: 1718, every_ms: 11.0, longest_ms: 48.0 }),
        statements: Some(statements()),
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

/// Two sessions: one migrates, the other one fills a column meanwhile.
fn statements() -> Vec<SessionStatementReport> {
    let lock = |mode: &str, relation: &str, from: f64, held: f64| LockReport {
        mode: mode.into(),
        relation: relation.into(),
        from_ms: Some(from),
        held_ms: Some(held),
    };
    let statement = |session, from_ms, duration_ms, text: &str, locks| SessionStatementReport {
        session,
        text: text.into(),
        from_ms,
        duration_ms,
        locks,
    };
    vec![
        statement(
            1,
            12.0,
            18_200.0,
            "ALTER TABLE customers ALTER COLUMN id TYPE bigint; UPDATE customers SET note = ''",
            vec![lock("AccessExclusiveLock", "public.customers", 12.0, 18_200.0)],
        ),
        statement(2, 2_400.0, 5_100.0, "UPDATE items SET total = price * amount", Vec::new()),
        statement(
            2,
            7_600.0,
            9_000.0,
            "VACUUM ANALYZE items",
            vec![lock("ShareUpdateExclusiveLock", "public.items", 7_600.0, 9_000.0)],
        ),
        statement(
            1,
            18_220.0,
            338.0,
            "CREATE INDEX ON orders (total)",
            vec![lock("ShareLock", "public.orders", 18_212.0, 346.0)],
        ),
        statement(
            2,
            18_300.0,
            90.0,
            "",
            vec![lock("AccessExclusiveLock", "public.items", 18_296.0, 96.0)],
        ),
    ]
}

/// A tool of the user's of which nothing can be trusted, seen in many sessions.
#[allow(dead_code, reason = "only tests look at it")]
pub(crate) fn hostile_command(text: &str, statements: usize) -> RehearsalReport {
    let it = || text.to_owned();
    let mut report = rehearsal_command();
    let Some(command) = &mut report.command else { return report };
    (command.command, command.output) = (it(), it());
    command.rewrites = Some(vec![it(), it()]);
    command.looks = Some(LooksReport { count: u64::MAX, every_ms: f64::MAX, longest_ms: -1.0 });
    let seen = |at: usize| SessionStatementReport {
        session: at as u32 % 40,
        text: it(),
        from_ms: if at == 7 { f64::MAX } else { at as f64 },
        duration_ms: if at == 8 { -1.0 } else { 2.5 },
        locks: vec![
            LockReport {
                mode: "AccessExclusiveLock".into(),
                relation: format!("{text}{}", at % 100),
                from_ms: (at != 9).then_some(at as f64),
                held_ms: (at != 9).then_some(0.5),
            },
            LockReport { mode: it(), relation: it(), from_ms: None, held_ms: Some(f64::MAX) },
        ],
    };
    command.statements = Some((0..statements).map(seen).collect());
    report
}
