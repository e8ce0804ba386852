//! What others do to a PostgreSQL server while a migration is proven on a copy, and run again; and
//! while a history is taken over.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod adoption;
mod given;
mod meanwhile;
mod settings;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stopover_contract::{Between, Fixture, Stage};
use stopover_engine::{Applied, EngineError};
use stopover_model::Version;
use support::PostgresFixture;

/// One and nine are applied; nine's checksum is poisoned, and it may be run again.
async fn poisoned(one: &str, nine: &str) -> Stage<PostgresFixture> {
    let mut stage = Stage::<PostgresFixture>::new().await;
    stage.up("1_one", one);
    stage.up("9_codes", nine);
    stage.apply().await;
    let poison = "UPDATE stopover.applied_migrations SET checksum = repeat('0', 64) \
                  WHERE version = 9";
    stage.database.run(poison).await;
    stage.policy.heal.idempotent = vec![Version::Integer(9)];
    stage
}

/// Applies, and has `sql` run once, as soon as the copy is made.
async fn apply_and(
    stage: &Stage<PostgresFixture>,
    sql: &'static str,
) -> Result<Applied, EngineError> {
    let done = Arc::new(AtomicBool::new(false));
    let writer = stage.database.writer();
    let between = Between::new(stage.database.backend(), move || {
        let (done, writer) = (Arc::clone(&done), writer.clone());
        async move {
            if !done.swap(true, Ordering::SeqCst) {
                PostgresFixture::write(&writer, sql).await;
            }
        }
    });
    stage.apply_by(&between).await.0
}

/// The messages of a refusal.
fn refusal(applied: Result<Applied, EngineError>) -> Vec<String> {
    match applied {
        Err(EngineError::Refused(findings)) => findings.into_iter().map(|it| it.message).collect(),
        other => panic!("not refused: {other:?}"),
    }
}

/// Whether nine's checksum is still poisoned.
async fn is_poisoned(stage: &Stage<PostgresFixture>) -> bool {
    let sql = "SELECT checksum ~ '^0+$' FROM stopover.applied_migrations WHERE version = 9";
    stage.database.value(sql).await == "t"
}
