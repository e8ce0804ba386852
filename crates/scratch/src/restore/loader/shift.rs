//! Hands work out to the crew, and waits for it.

use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep, timeout_at};

use super::{Loader, Stage};
use crate::restore::crew::{Duty, Finished, Work};
use crate::restore::error::RestoreError;
use crate::restore::order::{Claim, Code, Effort, Families, Graph, Key, Mode, Task, TaskId};
use crate::restore::reader::{Job, Statement};

/// How often progress is told.
pub(super) const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// How long the next statement is waited for before the largest known task is begun: pg_dump writes
/// indexes in the order of their names.
const LOOK_AHEAD: Duration = Duration::from_millis(5);
/// Bytes of statements that may wait.
const WAITING_BYTES: usize = 16 << 20;
/// How long an error is held back for one of an earlier statement.
const HELD_BACK: Duration = Duration::from_secs(2);

/// Statements behind the data.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    graph: Graph<Duty>,
    bytes: usize,
    families: Families,
    known: bool,
}

impl Tasks {
    /// What was known of families may be wrong after this statement.
    pub(super) fn forget_families(&mut self, text: &str) {
        let word = text.get(..6).unwrap_or_default();
        self.known &= !["create", "alter "].iter().any(|it| word.eq_ignore_ascii_case(it));
    }
}

impl Loader<'_> {
    /// The next job of the reader. Meanwhile work that ends makes place for other work.
    pub(super) async fn next_job(
        &mut self,
        jobs: &mut Receiver<Job>,
        table: Option<&String>,
    ) -> Result<Option<Job>, RestoreError> {
        while let Some(done) = self.crew.ended() {
            self.finished(Some(done)).await?;
        }
        self.tell(table);
        self.help_early().await;
        loop {
            let idle = self.tasks.graph.has_ready() && self.crew.has_room();
            tokio::select! {
                biased;
                job = jobs.recv() => return Ok(job),
                done = self.crew.next(), if self.crew.is_busy() => self.finished(done).await?,
                () = sleep(LOOK_AHEAD), if idle => self.hand_out().await,
                () = sleep(PROGRESS_EVERY) => self.tell(table),
            }
        }
    }

    /// Whether a task can be done beside others; with it, what is known of its tables.
    pub(super) async fn known(&mut self, task: &Task) -> Result<bool, RestoreError> {
        self.crew.open().await;
        if !self.crew.is_available() {
            return Ok(false);
        }
        self.learn_families().await?;
        Ok(self.tasks.families.resolve(&task.claims).is_some())
    }

    /// Looks which tables belong together, unless that is known.
    pub(super) async fn learn_families(&mut self) -> Result<(), RestoreError> {
        if !self.tasks.known {
            let pairs = self.keeper.inherited().await?.into_iter();
            let key = |(schema, name): &(String, String)| Key::relation(schema, name);
            let pairs = pairs.map(|(child, parent)| (key(&child), key(&parent)));
            self.tasks.families.relate(pairs);
            self.tasks.known = true;
        }
        Ok(())
    }

    /// Adds a statement to those that wait.
    pub(super) async fn add_task(
        &mut self,
        task: Task,
        statement: Statement,
        text: String,
    ) -> Result<(), RestoreError> {
        self.enter_stage(Stage::Tasks);
        let claims = self.tasks.families.resolve(&task.claims).unwrap_or_default();
        if let Some((index, table)) = task.makes {
            self.tasks.families.index(index, table);
        }
        let size = task.reads.map(|table| self.data.sizes.get(&table).copied().unwrap_or(0));
        self.tasks.bytes += text.len();
        let effort = size.map_or(Effort::Little, Effort::Bytes);
        // What is done to a partition may lock its parent, and the other way round.
        let all = task.code == Code::Possible || self.tasks.families.reach(&task.claims);
        let after = if all { self.data.holds() } else { Vec::new() };
        self.tasks.graph.add(&claims, &after, effort, Duty { statement, text });
        while self.tasks.bytes > WAITING_BYTES {
            self.hand_out().await;
            self.wait().await?;
        }
        Ok(())
    }

    /// Notes that a table is being loaded.
    pub(super) fn hold(&mut self, table: &Key) -> TaskId {
        let claims = [Claim::Table(table.clone(), Mode::Exclusive)];
        let claims = self.tasks.families.resolve(&claims).unwrap_or_default();
        self.tasks.graph.hold(&claims)
    }

    /// Whether there is something to do that is not being done.
    pub(super) fn has_work(&self) -> bool {
        self.data.is_waiting() || self.tasks.graph.has_ready()
    }

    /// Gives work to all that are free.
    pub(super) async fn hand_out(&mut self) {
        while self.has_work() {
            let Some(vacancy) = self.crew.vacancy().await else { return };
            if let Some((load, role)) = self.data.begin() {
                self.crew.run(vacancy, Work::Load(load, role), None);
            } else if let Some((id, duty)) = self.tasks.graph.begin() {
                self.tasks.bytes -= duty.text.len();
                self.crew.run(vacancy, Work::Task(duty), Some(id));
            }
        }
    }

    /// Takes note of work that ended, and gives out more.
    pub(super) async fn finished(
        &mut self,
        done: Option<Result<Finished, RestoreError>>,
    ) -> Result<(), RestoreError> {
        let Some(done) = done else { return Ok(()) };
        let Finished { work, id, result } = done?;
        if let Err(error) = result {
            return Err(self.earliest(error).await);
        }
        let over = match &work {
            Work::Load(load, _) => self.data.left(load),
            Work::Task(_) | Work::Analyze(_) => id,
        };
        if let Some(id) = over {
            self.tasks.graph.done(id);
        }
        self.hand_out().await;
        Ok(())
    }

    /// Of several errors the one that a single session would have met first.
    async fn earliest(&mut self, error: RestoreError) -> RestoreError {
        let mut first = error;
        self.data.break_off();
        let until = Instant::now() + HELD_BACK;
        while let (Some(line), Ok(Some(done))) =
            (first.line(), timeout_at(until, self.crew.next()).await)
        {
            if let Ok(Finished { result: Err(other), .. }) = done
                && other.line().is_some_and(|other| other < line)
            {
                first = other;
            }
        }
        first
    }

    /// Waits until nothing is being done and nothing waits.
    pub(super) async fn settle(&mut self) -> Result<(), RestoreError> {
        loop {
            self.hand_out().await;
            if !self.crew.is_busy() {
                return Ok(());
            }
            self.help_at_the_end().await;
            self.wait().await?;
        }
    }

    /// Waits until all statements behind the data before are done: what comes is data again.
    pub(super) async fn finish_tasks(&mut self) -> Result<(), RestoreError> {
        if self.stage == Stage::Tasks {
            self.settle().await?;
            self.enter_stage(Stage::Data);
        }
        Ok(())
    }

    /// Waits for one work to end, or a moment.
    async fn wait(&mut self) -> Result<(), RestoreError> {
        tokio::select! {
            done = self.crew.next(), if self.crew.is_busy() => self.finished(done).await,
            () = sleep(PROGRESS_EVERY) => {
                self.tell(None);
                Ok(())
            }
        }
    }
}
