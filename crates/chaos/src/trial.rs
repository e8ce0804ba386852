//! One trial: a source, runs that are disturbed, one that is not, and what must be there then.

use std::path::Path;

use nix::sys::signal::Signal;
use stopover_testkit::TestDatabase;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::dice::Dice;
use crate::ground::{Ground, socket};
use crate::moment::{Blow, Kind, Moment, Strike};
use crate::proxy::{After, Ending, Proxy};
use crate::settle::Operator;
use crate::source::Source;
use crate::tool::{End, Running, Said, Tool, migrations, through};
use crate::{Complaint, after};

/// The command that every run is.
pub(crate) const APPLY: [&str; 2] = ["apply", "-v"];

/// At most so many further runs are disturbed.
pub(crate) const FURTHER: usize = 3;

/// At most so many refusals before the last run must be through: more than a source has
/// migrations that nobody can decide.
pub(crate) const LAST_TRIES: usize = 12;

/// What one trial came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How each disturbed run ended.
    pub(crate) ends: Vec<End>,
    /// Strikes that came too late: the run was over.
    pub(crate) missed: usize,
    /// Statements that nobody could decide, and that were settled by hand.
    pub(crate) settled: usize,
}

/// A trial that is under way.
pub(crate) struct Trial<'a> {
    ground: &'a mut Ground,
    database: TestDatabase,
    source: Source,
    tool: Tool,
    dice: Dice,
    /// What was done, for people.
    told: Vec<String>,
    outcome: Outcome,
    _folder: TempDir,
}

impl<'a> Trial<'a> {
    /// Makes database and source.
    pub(crate) async fn prepare(
        program: &Path,
        source: Source,
        dice: Dice,
        ground: &'a mut Ground,
    ) -> Result<Self, Complaint> {
        let folder = tempfile::tempdir().map_err(|error| Complaint::new(error.to_string()))?;
        let written = source.write(&migrations(folder.path()));
        written.map_err(|error| Complaint::new(error.to_string()))?;
        let database = ground.database().await;
        let tool = Tool {
            program: program.to_owned(),
            folder: folder.path().to_owned(),
            ledger: source.ledger,
            layout: source.ledger.layout(),
        };
        let outcome = Outcome::default();
        Ok(Self { ground, database, source, tool, dice, told: vec![], outcome, _folder: folder })
    }

    /// The whole trial.
    pub(crate) async fn run(mut self, kind: Kind) -> Result<Outcome, Complaint> {
        match self.all(kind).await {
            Ok(()) => Ok(self.outcome),
            Err(complaint) => {
                let state = after::state(&self.database);
                let done = self.told.join("\n");
                Err(Complaint::new(format!("{complaint}\n-- what was done\n{done}\n{state}")))
            }
        }
    }

    async fn all(&mut self, kind: Kind) -> Result<(), Complaint> {
        let statements = self.source.statements();
        for round in 0..=self.dice.below(FURTHER + 1) {
            let strike = Strike::by_chance(kind, statements / (round + 1), &mut self.dice);
            self.disturbed(strike).await?;
        }
        self.undisturbed().await?;
        after::verify(&self.source, &self.database, &self.tool).await
    }

    /// A run that is struck, and the judgement of how it ended.
    async fn disturbed(&mut self, strike: Strike) -> Result<(), Complaint> {
        let running = Struck { strike, ground: self.ground, database: &self.database };
        let (said, landed) = running.run(&self.tool).await?;
        let missed = if landed { "" } else { " (too late)" };
        self.told.push(format!("{strike}{missed}\n{said}"));
        self.outcome.ends.push(said.end);
        self.outcome.missed += usize::from(!landed);
        if landed {
            self.ground.recover(strike.blow, &self.database).await?;
        }
        match said.end {
            End::Exit(0) => Ok(()),
            End::Exit(8) => self.settle(&said).await,
            end if landed && ends_of(strike.blow).contains(&end) => Ok(()),
            other => Err(Complaint::new(format!("the disturbed run ended with {other:?}"))),
        }
    }

    async fn undisturbed(&mut self) -> Result<(), Complaint> {
        for _ in 0..LAST_TRIES {
            let said = self.tool.run(&self.database.url(), &APPLY).await?;
            self.told.push(format!("the undisturbed run\n{said}"));
            match said.end {
                End::Exit(0) => return Ok(()),
                End::Exit(8) => self.settle(&said).await?,
                other => {
                    let text = format!("the undisturbed run ended with {other:?}");
                    return Err(Complaint::new(text));
                }
            }
        }
        Err(Complaint::new("settling by hand does not come to an end".to_owned()))
    }

    /// Does what the refusal asks for.
    async fn settle(&mut self, refusal: &Said) -> Result<(), Complaint> {
        let operator =
            Operator { source: &self.source, database: &self.database, tool: &self.tool };
        let done = operator.settle(refusal, &mut self.dice).await?;
        self.told.push(done);
        self.outcome.settled += 1;
        Ok(())
    }
}

/// How a run may end that is struck in time. A signal that comes before the tool listens ends it
/// as the system does.
pub(crate) const fn ends_of(blow: Blow) -> &'static [End] {
    match blow {
        Blow::KillTool => &[End::Killed],
        Blow::Interrupt => &[End::Exit(130), End::Killed],
        Blow::Terminate => &[End::Exit(143), End::Killed],
        Blow::KillServer | Blow::KillBackend | Blow::ShutServerDown | Blow::Cut | Blow::Reset => {
            &[End::Exit(7)]
        }
    }
}

/// The signal to the tool that a blow is.
pub(crate) const fn signal_of(blow: Blow) -> Option<Signal> {
    match blow {
        Blow::KillTool => Some(Signal::SIGKILL),
        Blow::Interrupt => Some(Signal::SIGINT),
        Blow::Terminate => Some(Signal::SIGTERM),
        Blow::KillServer | Blow::KillBackend | Blow::ShutServerDown | Blow::Cut | Blow::Reset => {
            None
        }
    }
}

/// A run that is struck.
struct Struck<'a> {
    strike: Strike,
    ground: &'a Ground,
    database: &'a TestDatabase,
}

impl Struck<'_> {
    /// Runs the tool and strikes; whether the strike came in time.
    async fn run(&self, tool: &Tool) -> Result<(Said, bool), Complaint> {
        let proxy = self.proxy().await?;
        let url = self.database.url();
        let url = match &proxy {
            Some(proxy) => through(&url, proxy.port())
                .ok_or_else(|| Complaint::new(format!("no URL with a host: {url}")))?,
            None => url,
        };
        let running = tool.start(&url, &APPLY)?;
        let in_time = tokio::select! {
            () = self.moment(&running, proxy.as_ref()) => true,
            _ = running.over() => false,
        };
        let landed = in_time && self.blow(&running, proxy.as_ref());
        let said = running.end().await?;
        Ok((said, landed))
    }

    async fn proxy(&self) -> Result<Option<Proxy>, Complaint> {
        let cuts = matches!(self.strike.blow, Blow::Cut | Blow::Reset);
        if !cuts && !matches!(self.strike.moment, Moment::Message { .. }) {
            return Ok(None);
        }
        // A signal is for a tool that can still do something about it.
        let after = match self.strike.blow {
            Blow::Interrupt | Blow::Terminate => After::Service,
            _ => After::Silence,
        };
        let proxy = Proxy::start(socket(self.database)?, self.strike.moment, after).await;
        proxy.map(Some).map_err(|error| Complaint::new(format!("no proxy: {error}")))
    }

    async fn moment(&self, running: &Running, proxy: Option<&Proxy>) {
        match (self.strike.moment, proxy) {
            (Moment::After(time), _) => sleep(time).await,
            (Moment::Line { number, pause }, _) => {
                running.line(number).await;
                sleep(pause).await;
            }
            (Moment::Message { .. }, Some(proxy)) => proxy.moment().await,
            (Moment::Message { .. }, None) => std::future::pending().await,
        }
    }

    fn blow(&self, running: &Running, proxy: Option<&Proxy>) -> bool {
        match self.strike.blow {
            blow @ (Blow::KillTool | Blow::Interrupt | Blow::Terminate) => {
                signal_of(blow).is_some_and(|it| running.signal(it))
            }
            Blow::KillServer | Blow::KillBackend | Blow::ShutServerDown => {
                self.ground.strike(self.strike.blow, self.database.database())
            }
            Blow::Cut => proxy.is_some_and(|it| it.cut(Ending::Close)),
            Blow::Reset => proxy.is_some_and(|it| it.cut(Ending::Reset)),
        }
    }
}
