//! Many trials of one kind, some at the same time.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures_util::FutureExt;

use crate::dice::Dice;
use crate::file::FileTrial;
use crate::ground::Ground;
use crate::moment::Kind;
use crate::source::Source;
use crate::summary::Summary;
use crate::trial::{Outcome, Trial};

/// Many trials of one kind.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// The `stopover` program.
    pub program: PathBuf,
    /// What is struck.
    pub kind: Kind,
    /// What everything random is made from.
    pub seed: u64,
    /// Number of the first trial.
    pub first: usize,
    /// How many trials.
    pub trials: usize,
    /// How many at the same time.
    pub jobs: usize,
}

impl Campaign {
    /// Holds the trials.
    ///
    /// # Panics
    /// Where no server can be started.
    pub async fn run(&self) -> Summary {
        let next = Arc::new(AtomicUsize::new(self.first));
        let summary = Arc::new(Mutex::new(Summary::new(self.kind, self.seed)));
        let workers: Vec<_> = (0..self.jobs.clamp(1, self.trials.max(1)))
            .map(|_| tokio::spawn(self.clone().work(Arc::clone(&next), Arc::clone(&summary))))
            .collect();
        for worker in workers {
            worker.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        }
        let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *summary, Summary::new(self.kind, self.seed))
    }

    async fn work(self, next: Arc<AtomicUsize>, summary: Arc<Mutex<Summary>>) {
        let mut ground = Ground::for_kind(self.kind).await;
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number >= self.first + self.trials {
                return;
            }
            let began = Instant::now();
            let outcome = self.one(number, &mut ground).await;
            if outcome.is_err() {
                ground = Ground::for_kind(self.kind).await;
            }
            let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
            summary.add(outcome, began.elapsed());
        }
    }

    /// One trial; also a panic in it is only its own failure.
    async fn one(&self, number: usize, ground: &mut Ground) -> Result<Outcome, String> {
        let trial = async {
            let mut dice = Dice::of_trial(self.seed, self.kind.name(), number);
            if self.kind == Kind::File {
                return FileTrial::prepare(&self.program, dice)?.run().await;
            }
            let source = Source::by_chance(&mut dice);
            Trial::prepare(&self.program, source, dice, ground).await?.run(self.kind).await
        };
        let failure = match AssertUnwindSafe(trial).catch_unwind().await {
            Ok(Ok(outcome)) => return Ok(outcome),
            Ok(Err(complaint)) => complaint.to_string(),
            Err(panic) => panicked(panic.as_ref()),
        };
        Err(format!(
            "== trial {number} failed; again: cargo xtask chaos --kind {} --seed {} --trial {number}\n\
             {failure}",
            self.kind.name(),
            self.seed,
        ))
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the trial itself broke: {}", text.unwrap_or("it does not say why"))
}
