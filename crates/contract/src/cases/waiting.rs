//! Locks, other runners, and stops.

use std::time::{Duration, Instant};

use stopover_backend::{
    Backend, FactsReader, LockAttempt, LockKept, RunLock, StopRequest, StopSignal,
};
use stopover_engine::{Applied, Ending, EngineError};
use stopover_model::{Event, Silent};

use super::failure::failure;
use crate::{Fixture, PATIENCE, Stage, Support};

const ALTER: &str = "ALTER TABLE items ADD COLUMN note text;\n";

/// Short tries, until the lock is free.
pub async fn a_lock_held_elsewhere_is_waited_for<F: Fixture>() {
    let mut stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_items"]);
    stage.apply().await;
    stage.up("2_note", ALTER);
    stage.limits.lock_timeout = Duration::from_millis(100);
    let mut blocker = Some(stage.database.block("items").await);
    let applied = stage.apply_heard(|event| {
        if matches!(event, Event::MigrationRetried { attempt: 1, of: 11, .. }) {
            drop(blocker.take());
        }
    });
    assert!(matches!(applied.await.expect("an apply").ending, Ending::Complete));
    assert!(blocker.is_none(), "no try failed before the one that passed");
    assert_eq!(stage.applied().await, [1, 2]);
}

/// After the tries it is a failure like any other.
pub async fn a_lock_that_stays_held_fails_and_leaves_nothing<F: Fixture>() {
    let mut stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_items"]);
    stage.apply().await;
    stage.up("2_note", ALTER);
    stage.limits.lock_timeout = Duration::from_millis(50);
    stage.limits.lock_retries = 1;
    let blocker = stage.database.block("items").await;
    let failed = failure(&stage).await;
    assert!(failed.rolled_back, "{failed:?}");
    drop(blocker);
    // Its session ends when the server gets to it.
    stage.limits.lock_timeout = PATIENCE;
    assert_eq!(stage.applied().await, [1]);
    stage.apply().await;
    assert_eq!(stage.applied().await, [1, 2]);
}

/// The lock is the session's.
pub async fn the_run_lock_shuts_a_second_runner_out_and_ends_with_its_session<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    let backend = stage.database.backend();
    let mut first = backend.connect().await.expect("a session");
    let mut second = backend.connect().await.expect("a session");
    let ledger = first.locate(&stage.facts).await.expect("a ledger");
    assert_eq!(first.try_lock(&ledger).await.expect("a try"), LockAttempt::Taken);
    match second.try_lock(&ledger).await.expect("a try") {
        LockAttempt::Held(holder) if F::CAPABILITIES.lock_holder == Support::Yes => {
            assert!(holder.is_some_and(|it| it.pid > 0));
        }
        LockAttempt::Held(_) => {}
        LockAttempt::Taken => panic!("two have the lock"),
    }
    assert_eq!(first.keep_lock(&ledger).await.expect("a look"), LockKept::Held);
    assert_eq!(first.unlock(&ledger).await.expect("an unlock"), LockKept::Held);
    assert_eq!(second.try_lock(&ledger).await.expect("a try"), LockAttempt::Taken);
    drop(second);
    let began = Instant::now();
    while first.try_lock(&ledger).await.expect("a try") != LockAttempt::Taken {
        assert!(began.elapsed() < PATIENCE, "the lock outlives its session");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// `--lock-wait`.
pub async fn a_second_runner_says_who_it_waits_for_and_gives_up_in_time<F: Fixture>() {
    let mut stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_users"]);
    stage.limits.lock_wait = Duration::from_millis(300);
    let mut first = stage.database.backend().connect().await.expect("a session");
    let ledger = first.locate(&stage.facts).await.expect("a ledger");
    assert_eq!(first.try_lock(&ledger).await.expect("a try"), LockAttempt::Taken);
    let (applied, events) = stage.try_apply().await;
    assert!(matches!(applied, Err(EngineError::LockHeld { .. })), "{applied:?}");
    assert!(matches!(events.as_slice(), [Event::LockWaiting { limit_ms: 300, .. }]), "{events:?}");
    drop(first);
    stage.limits.lock_wait = PATIENCE;
    stage.apply().await;
}

/// Started at once, they take turns, and all end well.
pub async fn many_runners_apply_each_migration_once<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.up("1_log", "CREATE TABLE log (version integer);\nINSERT INTO log VALUES (1);\n");
    for version in 2..=6 {
        stage.up(&format!("{version}_more"), &format!("INSERT INTO log VALUES ({version});\n"));
    }
    let source = stage.source();
    let request = stage.request(&source);
    let backends: Vec<F::Backend> = (0..8).map(|_| stage.database.backend()).collect();
    let mut runners = Vec::new();
    for backend in &backends {
        let request = &request;
        runners.push(Box::pin(async move {
            stopover_engine::apply(backend, request, &mut Silent).await
        }));
    }
    let mut ran = 0;
    for ended in join_all(runners).await {
        let applied = ended.expect("a runner");
        assert!(matches!(applied.ending, Ending::Complete), "{:?}", applied.ending);
        ran += applied.migrations.len();
    }
    assert_eq!(ran, 6);
    assert_eq!(stage.database.value("SELECT count(*) FROM log").await, "6");
    assert_eq!(stage.applied().await, [1, 2, 3, 4, 5, 6]);
}

/// Drives all of them at once.
async fn join_all<T>(mut futures: Vec<std::pin::Pin<Box<impl Future<Output = T>>>>) -> Vec<T> {
    let mut ended: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, slot) in futures.iter_mut().zip(&mut ended) {
            if slot.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *slot = Some(value);
            }
        }
        if ended.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    ended.into_iter().flatten().collect()
}

/// Applies, and asks to stop a moment after the statement at `index` has begun; sees that it ends
/// soon.
async fn stopped_in<F: Fixture>(
    stage: &Stage<F>,
    index: usize,
    request: StopRequest,
    signal: StopSignal,
) -> Applied {
    let (told, heard) = tokio::sync::oneshot::channel();
    let mut told = Some(told);
    let applying = stage.apply_heard(move |event| {
        if matches!(event, Event::StatementStarted { index: at, .. } if at == index) {
            let _ = told.take().map(|it| it.send(()));
        }
    });
    let stopping = async {
        heard.await.expect("the statement begins");
        tokio::time::sleep(Duration::from_millis(300)).await;
        request.stop(signal);
        Instant::now()
    };
    let (applied, asked) = tokio::join!(applying, stopping);
    assert!(asked.elapsed() < PATIENCE / 2, "{:?}", asked.elapsed());
    applied.expect("an apply that begins")
}

/// SIGINT in the middle of a statement.
pub async fn a_stop_ends_a_long_statement<F: Fixture>() {
    let mut stage = Stage::<F>::new().await;
    let long = F::PHRASES.long;
    stage.up("1_slow", &format!("CREATE TABLE a (id integer);\n{long}\n"));
    let request = stage.stoppable();
    let applied = stopped_in(&stage, 2, request, StopSignal::Interrupt).await;
    assert!(matches!(applied.ending, Ending::Stopped(StopSignal::Interrupt)));
    assert!(!stage.has("a").await);
    stage.stoppable();
    assert_eq!(stage.applied().await, Vec::<i64>::new());
}

/// SIGTERM while somebody else is in the way.
pub async fn a_stop_ends_the_wait_for_a_lock<F: Fixture>() {
    let mut stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_items"]);
    stage.apply().await;
    stage.up("2_note", ALTER);
    stage.limits.lock_timeout = PATIENCE;
    let request = stage.stoppable();
    let _blocker = stage.database.block("items").await;
    let applied = stopped_in(&stage, 1, request, StopSignal::Terminate).await;
    assert!(matches!(applied.ending, Ending::Stopped(StopSignal::Terminate)));
}
