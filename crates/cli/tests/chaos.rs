//! Crash trials, a short run of them: the tool, the server and the connection are killed at random
//! moments, and every migration is applied exactly once all the same.
//!
//! `cargo xtask chaos` holds as many as one likes. `STOPOVER_CHAOS_SEED` chooses other ones here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use stopover_chaos::{Campaign, Kind, interrupted_in_silence, runners_at_once};

const PROGRAM: &str = env!("CARGO_BIN_EXE_stopover");

/// Trials of each kind.
const TRIALS: usize = 8;

fn seed() -> u64 {
    let chosen = std::env::var("STOPOVER_CHAOS_SEED").ok();
    chosen.map_or(1, |seed| seed.parse().expect("STOPOVER_CHAOS_SEED is a number"))
}

async fn hold(kind: Kind) {
    let campaign =
        Campaign { program: PROGRAM.into(), kind, seed: seed(), first: 1, trials: TRIALS, jobs: 2 };
    let summary = campaign.run().await;
    println!("{summary}");
    assert!(summary.failures().is_empty(), "{}\n{summary}", summary.failures().join("\n\n"));
    assert_eq!(summary.trials(), TRIALS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_is_killed_at_any_moment_leaves_every_effect_once() {
    hold(Kind::Tool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_at_any_moment_has_every_effect_once() {
    hold(Kind::Server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_at_any_moment_loses_and_doubles_nothing() {
    hold(Kind::Network).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_is_killed_at_work_on_a_file_leaves_every_effect_once() {
    hold(Kind::File).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_runners_at_once_apply_every_kind_of_migration_once() {
    if let Err(complaint) = runners_at_once(Path::new(PROGRAM), seed(), 16).await {
        panic!("seed {}: {complaint}", seed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_a_tool_whose_server_has_fallen_silent() {
    interrupted_in_silence(Path::new(PROGRAM)).await.unwrap();
}
