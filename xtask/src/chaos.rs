//! `cargo xtask chaos`: crash trials, and many runners at once.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use stopover_chaos::{Campaign, Kind, runners_at_once};

/// What the command of this module is called like.
pub(crate) const USAGE: &str = "\
  chaos     kill the tool, the server or the connection at random moments, on PostgreSQL and on an
            SQLite file, and see that every migration is applied exactly once; or start many runners at once:
            chaos [--kind tool|server|network|file|runners|all] [--trials N] [--seed S] [--trial N]
                  [--jobs N] [--stopover PATH]
";

/// Trials of each kind, where it is not said.
const TRIALS: usize = 150;

/// Runners at once.
const RUNNERS: [usize; 2] = [16, 64];

struct Options {
    kinds: Vec<Kind>,
    runners: bool,
    seed: u64,
    /// Only this trial.
    trial: Option<usize>,
    trials: usize,
    jobs: usize,
    stopover: Option<PathBuf>,
}

/// Holds the trials; 1 when one fails, 5 for bad arguments.
pub(crate) fn run(arguments: &[&str]) -> anyhow::Result<ExitCode> {
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(error) => {
            eprint!("error: {error:#}\n\n{USAGE}");
            return Ok(ExitCode::from(5));
        }
    };
    let program = match &options.stopover {
        Some(path) => path.canonicalize().with_context(|| format!("no {}", path.display()))?,
        None => crate::real::built()?,
    };
    let runtime = tokio::runtime::Runtime::new().context("no runtime")?;
    let good = runtime.block_on(options.hold(program));
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Options {
    fn parse(arguments: &[&str]) -> anyhow::Result<Self> {
        let mut options = Self {
            kinds: Kind::ALL.to_vec(),
            runners: true,
            seed: std::process::id().into(),
            trial: None,
            trials: TRIALS,
            jobs: 2,
            stopover: None,
        };
        for pair in arguments.chunks(2) {
            let [flag, value] = pair else { bail!("{} needs a value", pair.join(" ")) };
            let number = || value.parse().with_context(|| format!("{flag} {value}: no number"));
            match *flag {
                "--kind" => options.only(value)?,
                "--trials" => options.trials = number()?,
                "--trial" => options.trial = Some(number()?),
                "--jobs" => options.jobs = number()?,
                "--seed" => {
                    options.seed = value.parse().with_context(|| format!("{value}: no seed"))?;
                }
                "--stopover" => options.stopover = Some(PathBuf::from(value)),
                _ => bail!("no such option: {flag}"),
            }
        }
        Ok(options)
    }

    fn only(&mut self, kind: &str) -> anyhow::Result<()> {
        let known: Vec<Kind> = Kind::ALL.into_iter().filter(|it| it.name() == kind).collect();
        match kind {
            "all" => {}
            "runners" => self.kinds = Vec::new(),
            _ if known.is_empty() => bail!("no such kind: {kind}"),
            _ => (self.kinds, self.runners) = (known, false),
        }
        Ok(())
    }

    /// Whether everything is as it must be.
    async fn hold(self, program: PathBuf) -> bool {
        let mut good = true;
        for &kind in &self.kinds {
            let (first, trials) = self.trial.map_or((1, self.trials), |only| (only, 1));
            let (program, seed, jobs) = (program.clone(), self.seed, self.jobs);
            let summary = Campaign { program, kind, seed, first, trials, jobs }.run().await;
            for failure in summary.failures() {
                println!("{failure}\n");
            }
            println!("{summary}");
            good &= summary.failures().is_empty();
        }
        for runners in RUNNERS.into_iter().filter(|_| self.runners) {
            let began = Instant::now();
            match runners_at_once(&program, self.seed, runners).await {
                Ok(()) => println!("runners  {runners} at once: good, {:.1?}", began.elapsed()),
                Err(complaint) => {
                    println!("runners  {runners} at once, seed {}:\n{complaint}", self.seed);
                    good = false;
                }
            }
        }
        good
    }
}
