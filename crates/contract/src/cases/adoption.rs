//! Taking over another tool's history into our own ledger.

use stopover_backend::{PrepareError, Prepared, ScratchProvider, Stop};
use stopover_engine::{AdoptFrom, Adoption, EngineError, prove};
use stopover_model::report::{AdoptReport, BackupReport, ScratchReport};
use stopover_model::{AutoAdopt, EventSink, Finding, LedgerKind, Provenance, Silent};

use crate::{Fixture, Stage};

/// As golang-migrate makes it.
const COUNTER: &str = "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, \
                       dirty boolean NOT NULL);";

async fn adopt<F: Fixture>(
    stage: &Stage<F>,
    from: AdoptFrom,
    drop_legacy: bool,
) -> Result<AdoptReport, EngineError> {
    let adoption = Adoption { from, table: None, drop_legacy, proof: None };
    let (source, backend) = (stage.source(), stage.database.backend());
    stopover_engine::adopt(&backend, &stage.request(&source), &adoption, &mut Silent).await
}

/// Everything up to the counter; nobody saw it run.
pub async fn a_counter_is_taken_over_as_assumed_and_twice_changes_nothing<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users", "2_orders", "3_items"]);
    let made = "CREATE TABLE users (id integer); CREATE TABLE orders (id integer);";
    let says = "INSERT INTO schema_migrations VALUES (2, false);";
    stage.database.run(&format!("{COUNTER}{says}{made}")).await;
    let report = adopt(&stage, AdoptFrom::Auto, false).await.expect("an adoption");
    let adopted: Vec<_> = report.adopted.iter().map(|it| it.version.as_integer()).collect();
    assert_eq!((adopted, report.dropped), (vec![Some(1), Some(2)], false));
    let status = stage.status().await;
    assert!(status.applied.iter().all(|it| it.provenance == Provenance::Assumed));
    assert_eq!((status.pending.len(), status.drift.len()), (1, 0));

    let again = adopt(&stage, AdoptFrom::GolangMigrate, true).await.expect("an adoption");
    assert_eq!((again.adopted.len(), again.already, again.dropped), (0, 2, true));
    assert!(!stage.has("schema_migrations").await);
    stage.apply().await;
    assert!(stage.has("items").await);
}

/// Its last migration did not end well: nobody knows what is there.
pub async fn a_dirty_counter_is_refused<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users", "2_orders"]);
    let says = "INSERT INTO schema_migrations VALUES (2, true);";
    stage.database.run(&format!("{COUNTER}{says}")).await;
    let refused = adopt(&stage, AdoptFrom::Auto, false).await;
    assert!(matches!(refused, Err(EngineError::Refused(_))), "{refused:?}");
    assert_eq!(stage.database.tables().await, ["schema_migrations"]);
}

/// A ledger that is a set stays one.
pub async fn sqlxs_ledger_is_taken_over_with_its_times<F: Fixture>() {
    let mut stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users", "3_items"]);
    stage.ledger(LedgerKind::Sqlx);
    stage.apply().await;
    stage.makes_tables(&["2_orders"]);
    stage.facts.ledger.kind = None;
    let theirs: Vec<_> = stage.status().await.applied.iter().map(|it| it.applied_at).collect();
    let from = AdoptFrom::Ledger(LedgerKind::Sqlx);
    let report = adopt(&stage, from, false).await.expect("an adoption");
    assert_eq!(report.adopted.len(), 2);
    let status = stage.status().await;
    assert_eq!(status.ledger.kind, LedgerKind::Stopover);
    let ours: Vec<_> = status.applied.iter().map(|it| it.applied_at).collect();
    assert_eq!(ours, theirs);
    assert_eq!((status.pending.len(), status.drift.len()), (1, 0));
}

/// An empty database of the same kind, as a proof needs it.
struct Empty<F: Fixture>(Option<F>);

impl<F: Fixture + Send> ScratchProvider for Empty<F> {
    type Backend = F::Backend;

    fn prepare(
        &mut self,
        _: &Stop,
        _: &mut dyn EventSink,
    ) -> impl Future<Output = Result<Prepared<F::Backend>, PrepareError>> + Send {
        let backend = self.0.as_ref().expect("a database for the proof").backend();
        std::future::ready(Ok(Prepared {
            backend,
            auditor: None,
            backup: BackupReport::default(),
            scratch: ScratchReport {
                kind: "given".to_owned(),
                server_version: String::new(),
                base_reused: false,
                base_copy: None,
                fsync: true,
                role: None,
            },
            findings: Vec::new(),
            fetch_ms: None,
            restore_ms: None,
            base_ms: None,
        }))
    }

    fn discard(&mut self) -> impl Future<Output = Vec<Finding>> + Send {
        std::future::ready(Vec::new())
    }
}

async fn proven<F: Fixture + Send>(stage: &Stage<F>) -> Result<AdoptReport, EngineError> {
    let mut adoption =
        Adoption { from: AdoptFrom::Auto, table: None, drop_legacy: false, proof: None };
    let (source, backend) = (stage.source(), stage.database.backend());
    let request = stage.request(&source);
    let mut empty = Empty(Some(F::fresh().await));
    let proof = prove(&backend, &mut empty, &request, &adoption, &mut Silent).await?;
    adoption.proof = Some(proof);
    stopover_engine::adopt(&backend, &request, &adoption, &mut Silent).await
}

/// A counter skips what is below it: the proof names what it skipped, and nothing is taken over.
pub async fn a_proof_names_the_version_that_the_counter_skipped<F: Fixture + Send>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users", "3_items"]);
    stage.up("2_mail", "ALTER TABLE users ADD COLUMN mail text;");
    stage.up("4_rows", "INSERT INTO items VALUES (1, 'one');");
    let made = "CREATE TABLE users (id integer PRIMARY KEY, name text); \
                CREATE TABLE items (id integer PRIMARY KEY, name text);";
    let says = "INSERT INTO schema_migrations VALUES (4, false);";
    stage.database.run(&format!("{COUNTER}{says}{made}")).await;
    let refused = match proven(&stage).await {
        Err(EngineError::Refused(findings)) => findings,
        other => panic!("not refused: {other:?}"),
    };
    let errors: Vec<&str> =
        refused.iter().filter(|it| it.is_error()).map(|it| it.message.as_str()).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].starts_with("version 2: column `mail` is missing in the target"),
        "{errors:?}"
    );
    assert_eq!(stage.database.tables().await, ["items", "schema_migrations", "users"]);

    stage.database.run("ALTER TABLE users ADD COLUMN mail text;").await;
    let report = proven(&stage).await.expect("a proven adoption");
    assert!(report.proven);
    let rows: Vec<_> =
        report.adopted.iter().map(|it| (it.provenance, it.checksum.is_some())).collect();
    let (shown, silent) = ((Provenance::Applied, true), (Provenance::Assumed, false));
    assert_eq!(rows, [shown, shown, shown, silent]);
    let status = stage.status().await;
    assert_eq!((status.pending.len(), status.drift.len()), (0, 0));
}

/// Where the settings say so, the first apply takes a clean counter over, and runs the rest.
pub async fn an_apply_takes_a_clean_counter_over_where_it_may<F: Fixture>() {
    let mut stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users", "2_orders", "3_items"]);
    stage.policy.auto_adopt = AutoAdopt::On;
    let made = "CREATE TABLE users (id integer); CREATE TABLE orders (id integer);";
    let says = "INSERT INTO schema_migrations VALUES (2, true);";
    stage.database.run(&format!("{COUNTER}{says}{made}")).await;
    assert!(matches!(stage.try_apply().await.0, Err(EngineError::Refused(_))));
    assert!(!stage.has("items").await);

    stage.database.run("UPDATE schema_migrations SET dirty = false;").await;
    let foreseen = stage.status().await;
    assert_eq!((foreseen.applied.len(), foreseen.pending.len()), (2, 1));
    assert_eq!(stage.database.tables().await, ["orders", "schema_migrations", "users"]);
    stage.apply().await;
    let status = stage.status().await;
    let rows: Vec<_> = status.applied.iter().map(|it| it.provenance).collect();
    assert_eq!(rows, [Provenance::Assumed, Provenance::Assumed, Provenance::Applied]);
    assert!(stage.has("items").await);
}
