//! Preflight: what is planted is found.

use stopover_engine::DumpFinder;
use stopover_model::Severity;
use stopover_model::harness::Fact;
use stopover_model::report::CheckOutcome;
use stopover_scratch::server::ServerOptions;
use stopover_testkit::{TestServer, template_cache};

use crate::stage::{NOTE, READER, Stage, only, outcome, urgent};

/// A server of the test's own with these settings.
pub(crate) async fn server(settings: &[(&str, &str)]) -> TestServer {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    TestServer::start_with(ServerOptions {
        template_cache: template_cache(),
        memory: Some(256 << 20),
        settings: settings.iter().map(own).collect(),
        ..ServerOptions::default()
    })
    .await
}

#[tokio::test]
async fn a_database_at_rest_is_green_and_every_check_was_made() {
    let stage = Stage::new().await.with(2, NOTE);
    stage.record().await;
    let report = stage.preflight().await;
    assert!(report.preflight_passed, "{:#?}", report.findings);
    assert_eq!(urgent(&report.findings), []);
    let made = |code: &str| outcome(&report.checks, code) == CheckOutcome::Clean;
    for code in [
        "drift",
        "pending",
        "long-transaction",
        "blocking-lock",
        "dump-running",
        "autovacuum-wraparound",
        "prepared-transaction",
        "invalid-index",
        "replication",
        "connections",
        "privileges",
        "version",
    ] {
        assert!(made(code), "{code}: {:?}", report.checks);
    }
    let pending = report.findings.iter().find(|it| it.code == "pending").expect("a note");
    assert!(pending.message.starts_with("1 migration is pending: 2; locks "), "{pending:?}");
    assert!(pending.message.contains("public.orders"), "{pending:?}");
    assert!(pending.message.contains("AccessExclusiveLock"), "{pending:?}");
    let tables = report.tables.expect("a plan");
    assert_eq!(tables.len(), 1);
    assert!(tables[0].bytes.is_some_and(|it| it > 0), "{tables:?}");
}

#[tokio::test]
async fn an_invalid_index_is_a_warning() {
    let stage = Stage::new().await.with(2, NOTE);
    stage.psql("INSERT INTO apart VALUES (1), (1)");
    let client = stage.database.client().await;
    let made = client.batch_execute("CREATE UNIQUE INDEX CONCURRENTLY once ON apart (id)").await;
    assert!(made.is_err());
    let report = stage.preflight().await;
    assert_eq!(urgent(&report.findings), [("invalid-index", Severity::Warning)]);
    let found = only(&report.findings, "invalid-index");
    assert!(found.message.contains("public.once") && found.message.contains("public.apart"));
}

#[tokio::test]
async fn a_slot_that_nobody_reads_is_a_warning() {
    let server = server(&[
        ("wal_level", "replica"),
        ("max_wal_senders", "3"),
        ("max_replication_slots", "3"),
    ])
    .await;
    let stage = Stage::on(&server).await.with(2, NOTE);
    stage.psql("SELECT pg_create_physical_replication_slot('gone', true)");
    let report = stage.preflight().await;
    assert_eq!(urgent(&report.findings), [("replication", Severity::Warning)]);
    let found = only(&report.findings, "replication");
    assert!(found.subject == "gone" && found.message.contains("WAL"), "{found:?}");
    drop(stage);
    server.stop().await;
}

#[tokio::test]
async fn too_few_free_connections_are_an_error() {
    let server = server(&[
        ("max_connections", "12"),
        ("superuser_reserved_connections", "3"),
        ("max_wal_senders", "0"),
    ])
    .await;
    let stage = Stage::on(&server).await.with(2, NOTE);
    assert!(stage.preflight().await.preflight_passed);
    let mut clients = Vec::new();
    for _ in 0..7 {
        clients.push(stage.database.client().await);
    }
    let report = stage.preflight().await;
    let found = only(&report.findings, "connections");
    assert!(found.is_error() && found.message.contains("of 9 are used"), "{found:?}");
    drop(clients);
    drop(stage);
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_gives_no_connection_at_all_is_a_red_preflight() {
    let stage = Stage::new().await.with(2, NOTE);
    let reader = stage.role(&format!("{READER}; ALTER ROLE $role CONNECTION LIMIT 1"));
    let only_one = reader.client().await;
    let report = stage.preflight_as(&reader).await;
    drop(only_one);
    stage.forget(&reader);
    let [found] = &report.findings[..] else { panic!("{:#?}", report.findings) };
    assert!(found.is_error() && found.code == "connections", "{found:?}");
    assert_eq!(outcome(&report.checks, "drift"), CheckOutcome::CouldNotRun);
    assert!(!report.preflight_passed);
}

#[tokio::test]
async fn a_change_by_hand_is_an_error_that_names_the_object() {
    let stage = Stage::new().await.with(2, NOTE);
    let report = stage.preflight().await;
    let told = report.findings.iter().find(|it| it.code == "drift").expect("a note");
    assert_eq!(told.severity, Severity::Note, "nothing is recorded yet");
    stage.record().await;
    assert!(stage.preflight().await.findings.iter().all(|it| it.code != "drift"));
    stage.psql("ALTER TABLE orders ADD COLUMN by_hand int; CREATE INDEX quick ON orders (id)");
    let report = stage.preflight().await;
    let found = only(&report.findings, "drift");
    assert!(found.is_error(), "{found:?}");
    for part in ["column public.orders.by_hand (new)", "index public.quick (new)"] {
        assert!(found.message.contains(part), "{found:?}");
    }
    stage.apply().await;
    stage.record().await;
    assert!(stage.preflight().await.findings.iter().all(|it| it.code != "drift"));
}

#[tokio::test]
async fn what_the_planner_refuses_is_drift() {
    let mut stage = Stage::new().await;
    stage.source.migrations.clear();
    let report = stage.preflight().await;
    let found = only(&report.findings, "drift");
    assert!(found.is_error() && found.message.starts_with("orphan: "), "{found:?}");
    assert_eq!((report.pending, report.plan_hash), (None, None));
}

#[tokio::test]
async fn a_role_without_rights_is_told_each_that_it_lacks() {
    let plan = "ALTER TABLE orders ADD COLUMN note text; CREATE TABLE more (id int); \
                DELETE FROM customers; CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.t (id int); \
                ALTER TABLE more ADD COLUMN x int;";
    let stage = Stage::new().await.with(2, plan);
    let reader = stage.role(&format!("{READER}; REVOKE CREATE ON SCHEMA public FROM PUBLIC"));
    let report = stage.preflight_as(&reader).await;
    stage.forget(&reader);
    let lacks: Vec<&str> = report
        .findings
        .iter()
        .filter(|it| it.code == "privileges" && it.is_error())
        .map(|it| it.message.as_str())
        .collect();
    let has = |parts: &[&str]| lacks.iter().any(|it| parts.iter().all(|part| it.contains(part)));
    assert!(has(&["neither the owner of public.orders", "migration 2, line 1"]), "{lacks:#?}");
    assert!(has(&["no DELETE on public.customers"]), "{lacks:#?}");
    assert!(has(&["may not create anything in schema public"]), "{lacks:#?}");
    assert!(has(&["may not create anything in the database"]), "{lacks:#?}");
    assert!(has(&["no INSERT on stopover.applied_migrations", "the ledger"]), "{lacks:#?}");
    assert_eq!(lacks.len(), 5, "what the plan itself makes is its own: {lacks:#?}");
    let owner = stage.preflight().await;
    assert!(owner.findings.iter().all(|it| it.code != "privileges"), "{:#?}", owner.findings);
}

#[tokio::test]
async fn the_role_that_applies_may_be_another_than_the_one_that_looks() {
    let mut stage = Stage::new().await.with(2, NOTE);
    let reader = stage.role(READER);
    stage.preflight.role = stage.database.config().get_user().map(str::to_owned);
    let report = stage.preflight_as(&reader).await;
    stage.forget(&reader);
    assert!(report.preflight_passed, "{:#?}", report.findings);
}

#[tokio::test]
async fn a_session_that_only_reads_cannot_apply() {
    let stage = Stage::new().await.with(2, NOTE);
    let name = stage.database.database().to_owned();
    stage.psql(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let report = stage.preflight().await;
    let found = only(&report.findings, "privileges");
    assert!(found.message.contains("default_transaction_read_only"), "{found:?}");
}

#[tokio::test]
async fn a_pg_dump_that_is_too_old_is_an_error() {
    let mut stage = Stage::new().await.with(2, NOTE);
    stage.preflight.dump = DumpFinder::new(|_| Fact::Read("9.6.24".to_owned()));
    let report = stage.preflight().await;
    assert_eq!(urgent(&report.findings), [("version", Severity::Error)]);
    assert!(only(&report.findings, "version").message.contains("9.6.24"));
    stage.preflight.dump = DumpFinder::not_used();
    let report = stage.preflight().await;
    assert_eq!(outcome(&report.checks, "version"), CheckOutcome::NotApplicable);
}

#[tokio::test]
async fn a_disk_without_room_for_the_largest_table_is_a_warning() {
    let mut stage = Stage::new().await.with(2, NOTE);
    stage.psql("INSERT INTO orders SELECT i, i FROM generate_series(1, 1000) i");
    stage.preflight.data_dir_free = Fact::Read(1024);
    let report = stage.preflight().await;
    assert_eq!(urgent(&report.findings), [("disk", Severity::Warning)]);
    stage.preflight.data_dir_free = Fact::Read(1 << 40);
    assert!(urgent(&stage.preflight().await.findings).is_empty());
}
