//! What many trials came to.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::moment::Kind;
use crate::tool::End;
use crate::trial::Outcome;

/// What the trials of one kind came to.
#[derive(Debug)]
pub struct Summary {
    kind: Kind,
    seed: u64,
    trials: usize,
    took: Duration,
    missed: usize,
    settled: usize,
    ends: BTreeMap<End, usize>,
    /// Each with its number and everything that is known of it.
    failures: Vec<String>,
}

impl Summary {
    pub(crate) const fn new(kind: Kind, seed: u64) -> Self {
        Self {
            kind,
            seed,
            trials: 0,
            took: Duration::ZERO,
            missed: 0,
            settled: 0,
            ends: BTreeMap::new(),
            failures: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, outcome: Result<Outcome, String>, took: Duration) {
        self.trials += 1;
        self.took += took;
        match outcome {
            Ok(outcome) => {
                self.missed += outcome.missed;
                self.settled += outcome.settled;
                for end in outcome.ends {
                    *self.ends.entry(end).or_default() += 1;
                }
            }
            Err(failure) => self.failures.push(failure),
        }
    }

    /// What went wrong, a text for each trial.
    #[must_use]
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// How many trials there were.
    #[must_use]
    pub const fn trials(&self) -> usize {
        self.trials
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, trials, missed, settled, .. } = self;
        let each = self.took.as_secs_f64() / (*trials).max(1) as f64;
        write!(
            f,
            "{:8} seed {seed}: {trials} trials, {} failed",
            self.kind.name(),
            self.failures.len()
        )?;
        let runs: usize = self.ends.values().sum();
        write!(f, "; {runs} disturbed runs")?;
        for (end, times) in &self.ends {
            match end {
                End::Exit(code) => write!(f, ", {times} exit {code}")?,
                End::Killed => write!(f, ", {times} killed")?,
            }
        }
        write!(f, "; {missed} strikes too late, {settled} settled by hand; {each:.2} s each")
    }
}
