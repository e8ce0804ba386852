//! One trial: a source, runs that are disturbed, one that is not, and what must be there then.

use std::path::Path;

use tempfile::TempDir;
use tokio::time::sleep;

use crate::Complaint;
use crate::dice::Dice;
use crate::moment::{Kind, Moment, Strike};
use crate::source::Ledger;
use crate::tool::{End, Running, Said, Tool, migrations};
use crate::trial::{APPLY, FURTHER, LAST_TRIES, Outcome, ends_of, signal_of};

use super::operator::Operator;
use super::source::Source;
use super::{URL, after};

/// A trial that is under way.
pub(crate) struct FileTrial {
    source: Source,
    tool: Tool,
    dice: Dice,
    /// What was done, for people.
    told: Vec<String>,
    outcome: Outcome,
    _folder: TempDir,
}

impl FileTrial {
    /// Makes folder and source.
    pub(crate) fn prepare(program: &Path, mut dice: Dice) -> Result<Self, Complaint> {
        let failed = |error: std::io::Error| Complaint::new(error.to_string());
        let folder = tempfile::tempdir().map_err(failed)?;
        let ledger = dice.pick(&[Ledger::Stopover, Ledger::Sqlx]);
        let source = Source::by_chance(&mut dice);
        source.write(&migrations(folder.path())).map_err(failed)?;
        let tool = Tool {
            program: program.to_owned(),
            folder: folder.path().to_owned(),
            ledger,
            layout: Ledger::Stopover.layout(),
        };
        let outcome = Outcome::default();
        Ok(Self { source, tool, dice, told: Vec::new(), outcome, _folder: folder })
    }

    /// The whole trial.
    pub(crate) async fn run(mut self) -> Result<Outcome, Complaint> {
        match self.all().await {
            Ok(()) => Ok(self.outcome),
            Err(complaint) => {
                let state = after::state(&self.tool);
                let done = self.told.join("\n");
                Err(Complaint::new(format!("{complaint}\n-- what was done\n{done}\n{state}")))
            }
        }
    }

    async fn all(&mut self) -> Result<(), Complaint> {
        let statements = self.source.statements();
        for round in 0..=self.dice.below(FURTHER + 1) {
            let left = statements / (round + 1);
            let strike = Strike::by_chance(Kind::File, left, &mut self.dice);
            self.disturbed(strike).await?;
        }
        self.undisturbed().await?;
        after::verify(&self.source, &self.tool).await
    }

    /// A run that is struck, and the judgement of how it ended.
    async fn disturbed(&mut self, strike: Strike) -> Result<(), Complaint> {
        let running = self.tool.start(URL, &APPLY)?;
        let in_time = tokio::select! {
            () = moment(strike.moment, &running) => true,
            _ = running.over() => false,
        };
        let landed = in_time && signal_of(strike.blow).is_some_and(|it| running.signal(it));
        let said = running.end().await?;
        let missed = if landed { "" } else { " (too late)" };
        self.told.push(format!("{strike}{missed}\n{said}"));
        self.outcome.ends.push(said.end);
        self.outcome.missed += usize::from(!landed);
        match said.end {
            End::Exit(0) => Ok(()),
            End::Exit(8) => self.settle(&said).await,
            end if landed && ends_of(strike.blow).contains(&end) => Ok(()),
            other => Err(Complaint::new(format!("the disturbed run ended with {other:?}"))),
        }
    }

    async fn undisturbed(&mut self) -> Result<(), Complaint> {
        for _ in 0..LAST_TRIES {
            let said = self.tool.run(URL, &APPLY).await?;
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
        let operator = Operator { source: &self.source, tool: &self.tool };
        let done = operator.settle(refusal, &mut self.dice).await?;
        self.told.push(done);
        self.outcome.settled += 1;
        Ok(())
    }
}

async fn moment(moment: Moment, running: &Running) {
    match moment {
        Moment::After(time) => sleep(time).await,
        Moment::Line { number, pause } => {
            running.line(number).await;
            sleep(pause).await;
        }
        // There is no server, and nobody sends it a message.
        Moment::Message { .. } => std::future::pending().await,
    }
}
