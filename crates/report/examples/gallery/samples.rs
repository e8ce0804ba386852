//! Documents to look at: the gallery prints them, the golden tests keep them.

use stopover_model::report::{
    AppliedEntry, ApplyReport, BackupKind, BackupMade, BackupReport, Drift, DriftKind,
    FailedMigration, HealEntry, LedgerEntry, LockReport, MigrationReport, MigrationStatus,
    PendingEntry, PlanReport, PlannedStep, ReceiptUsed, RehearsalReport, SCHEMA_VERSION,
    ScratchReport, SignatureState, StatementEntry, StatementReport, StatusReport, TableFate,
    TableReport, TimedMigration, Timings, Verdict,
};
use stopover_model::{DatabaseKind, EditClass, HealKind, Healed, Severity};
use stopover_model::{
    Excerpt, Finding, LedgerKind, PlannedLock, Provenance, StatementError, TOOL_VERSION, Version,
};
use stopover_report::SourceText;

/// The file that the failing samples fail in.
pub(crate) const FILE: &str = "migrations/105_unique_email.up.sql";

/// Its text.
pub(crate) const TEXT: &str = "\
-- One account for each address.
UPDATE customers SET email = lower(email);

ALTER TABLE customers
\tADD CONSTRAINT customers_email_key UNIQUE (email);
CREATE INDEX orders_customer ON orders (customer_id);
";

/// Gives [`TEXT`] for [`FILE`].
pub(crate) struct Folder;

impl SourceText for Folder {
    fn text(&self, file: &str) -> Option<&str> {
        (file == FILE).then_some(TEXT)
    }
}

/// A constraint that production's data breaks.
pub(crate) fn duplicate() -> StatementError {
    StatementError {
        sqlstate: Some("23505".into()),
        message: "could not create unique index \"customers_email_key\"".into(),
        detail: Some("Key (email)=(zoë@example.org) is duplicated.".into()),
        hint: None,
        constraint: Some("customers_email_key".into()),
        file: FILE.into(),
        line: 5,
        column: 2,
        excerpt: Excerpt::cut(TEXT, 5, 2),
    }
}

fn ledger() -> LedgerEntry {
    LedgerEntry { kind: LedgerKind::Stopover, table: "stopover.applied_migrations".into() }
}

fn applied(version: i64, name: &str, provenance: Provenance) -> AppliedEntry {
    let at = format!("2026-11-{:02}T22:14:03Z", version % 28 + 1);
    AppliedEntry {
        version: Version::Integer(version),
        name: Some(name.into()),
        applied_at: at.parse().ok(),
        checksum: (provenance == Provenance::Applied)
            .then(|| "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".into()),
        provenance,
    }
}

/// A status without a pending migration or drift.
pub(crate) fn status_clean() -> StatusReport {
    StatusReport {
        schema_version: SCHEMA_VERSION,
        tool_version: TOOL_VERSION.into(),
        database: DatabaseKind::Postgres,
        ledger: ledger(),
        applied: vec![
            applied(101, "create_shop", Provenance::Assumed),
            applied(102, "add_customers", Provenance::Assumed),
            applied(103, "add_orders", Provenance::Applied),
            applied(104, "größere_beträge", Provenance::Applied),
        ],
        pending: vec![],
        drift: vec![],
        healed: vec![],
        findings: vec![],
    }
}

/// A status with everything.
pub(crate) fn status_drifted() -> StatusReport {
    let drift = |kind, version, name: &str, message: &str, remedy: &str| Drift {
        kind,
        severity: Severity::Error,
        version: Some(Version::Integer(version)),
        name: Some(name.into()),
        class: (kind == DriftKind::Modified).then_some(EditClass::Semantic),
        message: message.into(),
        remedy: remedy.into(),
    };
    let pending = |version, name: &str, out_of_order| PendingEntry {
        version: Version::Integer(version),
        name: name.into(),
        out_of_order,
    };
    StatusReport {
        pending: vec![
            pending(99, "late_merge", true),
            pending(105, "unique_email", false),
            pending(
                20_261_120_093_000,
                "add_an_index_whose_name_tells_the_whole_story_of_the_team_that_needed_it_once",
                false,
            ),
        ],
        drift: vec![
            drift(
                DriftKind::Modified,
                103,
                "add_orders",
                "migration 103 was previously applied but has been modified",
                "restore the file from version control, or record the edit as intended with \
                 `stopover repair --accept 103 --reason TEXT`",
            ),
            drift(
                DriftKind::Orphan,
                102,
                "add_customers",
                "migration 102 was previously applied but is missing in the resolved migrations",
                "look at the history of the migrations folder: `git log -- migrations`",
            ),
        ],
        healed: vec![Healed {
            version: Version::Integer(104),
            name: Some("größere_beträge".into()),
            class: Some(EditClass::Cosmetic),
            way: HealKind::Restamp,
            checksum_before: Some(
                "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b87".into(),
            ),
            checksum_after: Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61".into()),
            at: "2026-11-20T09:30:00Z".parse().ok(),
            by: Some("deployer".into()),
            detail: Some("cosmetic; what was applied is in the journal; nothing was run".into()),
        }],
        findings: vec![
            Finding::note(
                "not-a-migration",
                "migrations/README.md",
                "the file is no migration and is left alone",
                "",
            ),
            Finding::error(
                "collision",
                "migrations/106_a.up.sql",
                "two files have version 106: migrations/106_a.up.sql and migrations/106_b.up.sql",
                "give one of them a version of its own",
            ),
        ],
        ..status_clean()
    }
}

fn lock(mode: &str, relation: &str) -> PlannedLock {
    PlannedLock { mode: mode.into(), relation: relation.into() }
}

fn planned(index: usize, line: usize, tag: &str, locks: Vec<PlannedLock>) -> StatementEntry {
    StatementEntry { index, line, tag: tag.into(), locks }
}

fn heal(version: i64, name: &str, class: EditClass, way: HealKind) -> HealEntry {
    HealEntry {
        version: Version::Integer(version),
        name: name.into(),
        file: format!("migrations/{version}_{name}.up.sql"),
        class,
        found: "what was applied is in the journal".into(),
        way,
        checksum_before: "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b87".into(),
        checksum_after: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61".into(),
        statements: match way {
            HealKind::Rerun => vec![planned(1, 1, "INSERT", vec![])],
            HealKind::Restamp => vec![],
        },
    }
}

/// A plan of two heals and three steps.
pub(crate) fn plan() -> PlanReport {
    PlanReport {
        plan_hash: Some("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into()),
        heals: vec![
            heal(97, "seed_codes", EditClass::Semantic, HealKind::Rerun),
            heal(98, "add_notes", EditClass::LineEndings, HealKind::Restamp),
        ],
        downs: vec![],
        steps: vec![
            PlannedStep {
                version: Version::Integer(99),
                name: "late_merge".into(),
                file: "migrations/99_late_merge.up.sql".into(),
                transactional: true,
                reason: None,
                out_of_order: true,
                statements: vec![planned(1, 1, "CREATE TABLE", vec![])],
            },
            PlannedStep {
                version: Version::Integer(105),
                name: "unique_email".into(),
                file: FILE.into(),
                transactional: true,
                reason: None,
                out_of_order: false,
                statements: vec![
                    planned(1, 2, "UPDATE", vec![lock("RowExclusiveLock", "customers")]),
                    planned(2, 4, "ALTER TABLE", vec![lock("AccessExclusiveLock", "customers")]),
                    planned(3, 6, "CREATE INDEX", vec![lock("ShareLock", "orders")]),
                ],
            },
            PlannedStep {
                version: Version::Integer(106),
                name: "index_items".into(),
                file: "migrations/106_index_items.up.sql".into(),
                transactional: false,
                reason: Some(
                    "line 3: CREATE INDEX CONCURRENTLY cannot run in a transaction".into(),
                ),
                out_of_order: false,
                statements: vec![
                    planned(1, 1, "SET", vec![]),
                    planned(2, 2, "SET", vec![]),
                    planned(
                        3,
                        3,
                        "CREATE INDEX",
                        vec![lock("ShareUpdateExclusiveLock", "shop.order_items")],
                    ),
                ],
            },
        ],
        ..PlanReport::of_problems(
            DatabaseKind::Postgres,
            LedgerKind::Stopover,
            "stopover.applied_migrations",
            vec![Finding::warning(
                "out-of-order",
                "99 late_merge",
                "it is pending below 104, the highest applied version",
                "see that it does not undo what came after it, or give it a higher version",
            )],
        )
    }
}

/// Problems that forbid a plan.
pub(crate) fn plan_refused() -> PlanReport {
    let problems = status_drifted().findings;
    PlanReport::of_problems(
        DatabaseKind::Postgres,
        LedgerKind::Sqlx,
        "public._sqlx_migrations",
        problems,
    )
}

fn backup_made() -> BackupMade {
    BackupMade {
        path: Some("backups/migrations/backup-20261120T093000Z.sql.gz".into()),
        sha256: Some("2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae".into()),
        bytes: Some(1_503_238_553),
        duration_ms: 61_200.0,
        ..BackupMade::of(BackupKind::Plain)
    }
}

/// An apply that went well.
pub(crate) fn apply_done() -> ApplyReport {
    ApplyReport {
        applied: [99, 105, 106].map(Version::Integer).into(),
        backup: Some(backup_made()),
        duration_ms: 79_400.0,
        ..ApplyReport::default()
    }
}

/// The same after a rehearsal, whose receipt said how long it would take.
pub(crate) fn apply_rehearsed() -> ApplyReport {
    let timed = |version: i64, name: &str, took: f64, predicted: f64| TimedMigration {
        version: Version::Integer(version),
        name: name.to_owned(),
        duration_ms: Some(took),
        predicted_ms: Some(predicted),
    };
    let slower = Finding::warning(
        "slower-than-rehearsed",
        "105",
        "migration 105 took 62.0 s; 12.4 s in the rehearsal",
        "waiting for locks, other load, and slower disks are the usual reasons; `rehearse --fsync` \
         writes as durably as production does",
    );
    ApplyReport {
        migrations: vec![
            timed(99, "add_status", 31.0, 12.0),
            timed(105, "backfill_totals", 62_000.0, 12_400.0),
            timed(106, "totals_not_null", 850.0, 1_100.0),
        ],
        receipt: Some(ReceiptUsed {
            path: "logs/receipts/0123456789abcdef-fedcba9876543210.json".to_owned(),
            rehearsed_at: "2026-11-20T09:12:44Z".parse().expect("a time"),
            signature: SignatureState::Good,
        }),
        findings: vec![slower],
        ..apply_done()
    }
}

/// An apply whose second migration failed.
pub(crate) fn apply_failed() -> ApplyReport {
    ApplyReport {
        applied: vec![Version::Integer(99)],
        failed: Some(FailedMigration {
            version: Version::Integer(105),
            name: "unique_email".into(),
            statement: Some(2),
            rolled_back: true,
            error: duplicate(),
        }),
        untouched: vec![Version::Integer(106)],
        backup: Some(backup_made()),
        duration_ms: 63_900.0,
        ..ApplyReport::default()
    }
}

/// An apply that stopped in the middle of a migration without a transaction.
pub(crate) fn apply_midway() -> ApplyReport {
    ApplyReport {
        failed: Some(FailedMigration {
            version: Version::Integer(106),
            name: "index_items".into(),
            statement: Some(3),
            rolled_back: false,
            error: StatementError {
                sqlstate: Some("57014".into()),
                message: "canceling statement due to statement timeout".into(),
                detail: None,
                hint: None,
                constraint: None,
                file: "migrations/106_index_items.up.sql".into(),
                line: 3,
                column: 1,
                excerpt: None,
            },
        }),
        duration_ms: 600_100.0,
        ..ApplyReport::default()
    }
}

/// A text that fits the tag.
fn text(index: usize, tag: &str) -> &'static str {
    match (index, tag) {
        (_, "UPDATE") => "UPDATE customers SET email = lower(email)",
        (_, "ALTER TABLE") => {
            "ALTER TABLE customers ADD CONSTRAINT customers_email_key UNIQUE (email)"
        }
        (1, "CREATE INDEX") => {
            "CREATE INDEX CONCURRENTLY order_items_sku ON shop.order_items (sku)"
        }
        (_, "CREATE INDEX") => "CREATE INDEX orders_customer ON orders (customer_id)",
        _ => "CREATE TABLE late (id bigint PRIMARY KEY)",
    }
}

pub(crate) fn measured(index: usize, line: usize, tag: &str, ms: Option<f64>) -> StatementReport {
    StatementReport {
        index,
        line,
        column: 1,
        tag: tag.into(),
        text: text(index, tag).into(),
        from_ms: None,
        duration_ms: ms,
        rows: None,
        wal_bytes: None,
        temp_bytes: None,
        locks: None,
        rewrites: None,
        indexes: None,
        scans: None,
        error: None,
    }
}

/// A rehearsal with nothing against it.
pub(crate) fn rehearsal_green() -> RehearsalReport {
    let mut create = measured(1, 1, "CREATE TABLE", Some(3.1));
    create.from_ms = Some(1.2);
    create.locks = Some(vec![]);
    let mut update = measured(1, 2, "UPDATE", Some(4_120.0));
    update.rows = Some(1_234_567);
    update.from_ms = Some(9.0);
    update.wal_bytes = Some(201_326_592);
    update.locks = Some(vec![LockReport {
        mode: "RowExclusiveLock".into(),
        relation: "public.customers".into(),
        from_ms: Some(9.0),
        held_ms: Some(22_700.0),
    }]);
    let mut alter = measured(2, 4, "ALTER TABLE", Some(18_240.0));
    alter.from_ms = Some(4_130.0);
    alter.rewrites = Some(vec!["public.customers".into()]);
    alter.locks = Some(vec![LockReport {
        mode: "AccessExclusiveLock".into(),
        relation: "public.customers".into(),
        from_ms: Some(4_130.0),
        held_ms: Some(18_230.0),
    }]);
    let mut index = measured(3, 6, "CREATE INDEX", Some(340.0));
    index.from_ms = Some(22_370.0);
    index.indexes = Some(vec!["public.orders_customer".into()]);
    index.locks = Some(vec![LockReport {
        mode: "ShareLock".into(),
        relation: "public.orders".into(),
        from_ms: Some(22_370.0),
        held_ms: Some(338.0),
    }]);
    let mut concurrent = measured(1, 3, "CREATE INDEX", Some(298.0));
    concurrent.from_ms = Some(22_716.0);
    concurrent.indexes = Some(vec!["shop.order_items_sku".into()]);
    concurrent.locks = Some(vec![LockReport {
        mode: "ShareUpdateExclusiveLock".into(),
        relation: "shop.order_items".into(),
        from_ms: Some(22_716.0),
        held_ms: Some(298.0),
    }]);
    let mut report = rehearsal("2026-11-20T09:30:00Z");
    report.verdict = Verdict::Green;
    report.detail = "3 migrations applied in 22.7 s".into();
    report.migrations = vec![
        migration(99, "late_merge", MigrationStatus::Applied, Some(3.2), vec![create]),
        migration(
            105,
            "unique_email",
            MigrationStatus::Applied,
            Some(22_360.0),
            vec![update, alter, index],
        ),
        migration(106, "index_items", MigrationStatus::Applied, Some(300.0), vec![concurrent]),
    ];
    report.migrations[2].transactional = false;
    report.migrations[1].wal_bytes = Some(268_435_456);
    report.tables = vec![
        table("public.customers", Some(18_230.0), Some(18_230.0)),
        table("public.orders", Some(0.0), Some(338.0)),
    ];
    report.findings = vec![Finding::warning(
        "write-block",
        "public.customers",
        "writes were shut out for 18.2 s, and no more than 5.0 s is allowed",
        "make the lock shorter, or allow more in stopover.toml: [limits] write_block",
    )];
    report
}

/// A rehearsal that a constraint turned red.
pub(crate) fn rehearsal_red() -> RehearsalReport {
    let mut failing = measured(2, 4, "ALTER TABLE", Some(1_240.0));
    failing.error = Some(duplicate());
    let mut report = rehearsal("2026-11-20T09:30:00Z");
    report.detail = "migration 105: could not create unique index \"customers_email_key\"\n\
                     3 rows share 1 key; the first: zoë@example.org"
        .into();
    report.migrations = vec![
        migration(
            99,
            "late_merge",
            MigrationStatus::Applied,
            Some(3.2),
            vec![measured(1, 1, "CREATE TABLE", Some(3.1))],
        ),
        migration(
            105,
            "unique_email",
            MigrationStatus::Failed,
            Some(5_360.0),
            vec![
                measured(1, 2, "UPDATE", Some(4_120.0)),
                failing,
                measured(3, 6, "CREATE INDEX", None),
            ],
        ),
        migration(
            106,
            "index_items",
            MigrationStatus::Untouched,
            None,
            vec![measured(1, 3, "CREATE INDEX", None)],
        ),
    ];
    report.findings = vec![Finding::error(
        "migration-failed",
        "105 unique_email",
        "it breaks on production's data",
        "remove the duplicates in an earlier migration",
    )];
    report
}

/// A rehearsal whose backup was broken: there was no scratch and no plan.
pub(crate) fn rehearsal_truncated() -> RehearsalReport {
    let mut report = rehearsal("2026-11-20T09:30:00Z");
    report.detail =
        "restore: the backup breaks off at byte 1,048,576, in the data of public.orders".into();
    report.backup.complete = Some(false);
    report.backup.dump_version = None;
    report.scratch = None;
    report.timings = Timings { restore_ms: Some(820.0), total_ms: 834.0, ..Timings::default() };
    report
}

fn rehearsal(time: &str) -> RehearsalReport {
    let begun = time.parse().unwrap_or_default();
    RehearsalReport {
        backup: BackupReport {
            path: "backups/prod-2026-11-20.sql.gz".into(),
            sha256: Some("fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9".into()),
            bytes: Some(1_503_238_553),
            age_ms: Some(18_720_000),
            server_version: Some("15.18".into()),
            dump_version: Some("15.18".into()),
            complete: Some(true),
        },
        scratch: Some(ScratchReport {
            kind: "private".into(),
            server_version: "15.18".into(),
            base_reused: false,
            base_copy: None,
            fsync: false,
            role: Some("shop".into()),
        }),
        timings: Timings {
            fetch_ms: None,
            restore_ms: Some(34_120.0),
            base_ms: Some(1_200.0),
            migrate_ms: Some(22_700.0),
            census_ms: Some(310.0),
            total_ms: 58_400.0,
        },
        ..RehearsalReport::begun(begun)
    }
}

fn migration(
    version: i64,
    name: &str,
    status: MigrationStatus,
    duration_ms: Option<f64>,
    statements: Vec<StatementReport>,
) -> MigrationReport {
    MigrationReport {
        version: Version::Integer(version),
        name: name.into(),
        file: format!("migrations/{version}_{name}.up.sql"),
        status,
        transactional: true,
        duration_ms,
        wal_bytes: None,
        statements,
    }
}

pub(crate) fn table(relation: &str, read: Option<f64>, write: Option<f64>) -> TableReport {
    TableReport {
        relation: relation.into(),
        rows_before: Some(1_234_567),
        rows_after: Some(1_234_567),
        bytes: Some(262_144_000),
        read_blocked_ms: read,
        write_blocked_ms: write,
        fate: Some(TableFate::Kept),
        relation_after: Some(relation.into()),
        dropped_columns: Some(vec![]),
        emptied_columns: Some(vec![]),
        ..TableReport::default()
    }
}

/// A status of an empty database and an empty folder.
pub(crate) fn status_empty() -> StatusReport {
    StatusReport { applied: vec![], ..status_clean() }
}

/// A plan with nothing to do.
pub(crate) fn plan_empty() -> PlanReport {
    PlanReport { heals: vec![], steps: vec![], problems: vec![], ..plan() }
}

/// An apply with nothing to do.
pub(crate) fn apply_nothing() -> ApplyReport {
    ApplyReport { duration_ms: 12.0, ..ApplyReport::default() }
}

/// An apply that began nothing.
pub(crate) fn apply_refused() -> ApplyReport {
    ApplyReport { duration_ms: 12.0, findings: status_drifted().findings, ..ApplyReport::default() }
}

/// An apply that a signal stopped between two migrations.
pub(crate) fn apply_stopped() -> ApplyReport {
    let untouched = [105, 106].map(Version::Integer).into();
    ApplyReport { applied: vec![Version::Integer(99)], untouched, ..apply_done() }
}
