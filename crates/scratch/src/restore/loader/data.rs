//! Deals tables' data out to the crew.
//!
//! Each table begins with one session. Data waits in memory up to a bound. When that is full while
//! sessions are free, data is written aside, so that the reader comes to the next table; and when
//! there is no room for that either, the table of which most is waiting is shared with one of them.
//! So tables are loaded whole and frozen, several at once, and only those are split that would keep
//! everything waiting.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use stopover_sql::CopyFormat;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Receiver;

use super::tables::{Loading, look_at};
use super::{Loader, Transaction};
use crate::restore::crew::{Block, BlockData, Feed, Frozen, Load, Role, Spool, SpoolFile, Work};
use crate::restore::error::RestoreError;
use crate::restore::order::{Key, TaskId};
use crate::restore::policy::reading::Reading;
use crate::restore::reader::{Job, Statement};

/// How much data may wait in memory, in KiB.
const MEMORY_KIB: usize = 64 << 10;
/// From so many bytes on a table is loaded frozen: emptying one costs some milliseconds.
const FROZEN_FROM: usize = 1 << 20;
/// A session joins only where so many bytes wait: when nothing else is left to do, and when many
/// sessions have nothing to do.
const SHARED_FROM: usize = 8 << 20;
const SHARED_EARLY_FROM: usize = 64 << 20;
/// How long it is seen whether one session more was enough.
const HELP_EVERY: Duration = Duration::from_millis(50);

/// Tables' data on its way.
#[derive(Debug)]
pub(super) struct Data {
    memory: Arc<Semaphore>,
    spool: Option<Spool>,
    /// Loads that wait for a session.
    waiting: Vec<Waiting>,
    running: Vec<Running>,
    helped: Instant,
    /// Bytes of each table's data.
    pub(super) sizes: BTreeMap<Key, u64>,
}

impl Data {
    /// `spool` is a folder where data may wait.
    pub(super) fn new(spool: Option<&Path>) -> Self {
        Self {
            memory: Arc::new(Semaphore::new(MEMORY_KIB)),
            spool: spool.and_then(Spool::in_folder),
            waiting: Vec::new(),
            running: Vec::new(),
            helped: Instant::now(),
            sizes: BTreeMap::new(),
        }
    }

    /// Whether a load waits for a session.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The load to begin with: the one of which most is there.
    pub(super) fn begin(&mut self) -> Option<(Arc<Load>, Role)> {
        let waiting = self.waiting.iter().enumerate();
        let (at, _) = waiting.max_by_key(|(_, it)| it.load.feed.waiting())?;
        let Waiting { load, role, hold } = self.waiting.remove(at);
        self.running.push(Running { load: Arc::clone(&load), sessions: 1, hold });
        Some((load, role))
    }

    /// A session has done its part of a load; the hold that is over with it.
    pub(super) fn left(&mut self, load: &Arc<Load>) -> Option<TaskId> {
        let at = self.running.iter().position(|it| Arc::ptr_eq(&it.load, load))?;
        let running = self.running.get_mut(at)?;
        running.sessions -= 1;
        (running.sessions == 0).then(|| self.running.swap_remove(at).hold)
    }

    /// What all data that is not there yet is held by.
    pub(super) fn holds(&self) -> Vec<TaskId> {
        let waiting = self.waiting.iter().map(|it| it.hold);
        waiting.chain(self.running.iter().map(|it| it.hold)).collect()
    }

    /// The table of which most is waiting, if that is at least `least` bytes.
    fn fullest(&mut self, least: usize) -> Option<&mut Running> {
        let shareable = self.running.iter_mut().filter(|it| it.load.splits);
        let fullest = shareable.max_by_key(|it| it.load.feed.waiting());
        fullest.filter(|it| it.load.feed.waiting() >= least)
    }

    /// What is being loaded cannot be finished.
    pub(super) fn break_off(&self) {
        let loads = self.running.iter().map(|it| &it.load);
        for load in loads.filter(|load| !load.feed.is_complete()) {
            load.feed.break_off();
        }
    }
}

/// A load that waits for its first session.
#[derive(Debug)]
struct Waiting {
    load: Arc<Load>,
    role: Role,
    hold: TaskId,
}

/// A load and how many sessions it has.
#[derive(Debug)]
struct Running {
    load: Arc<Load>,
    sessions: usize,
    hold: TaskId,
}

/// A table's data that is to be dealt out.
pub(super) struct Dealing {
    load: Arc<Load>,
    key: Key,
    spool: Option<SpoolFile>,
}

impl Loader<'_> {
    /// How the crew can load the data of a COPY; `None` where it is to be loaded in its place.
    pub(super) async fn load_of(
        &mut self,
        statement: &Statement,
        text: &str,
        format: CopyFormat,
    ) -> Result<Option<Dealing>, RestoreError> {
        self.crew.open().await;
        if !self.crew.is_available() || self.transaction == Transaction::Open {
            return Ok(None);
        }
        let reading = Reading::of(text);
        let named = reading.is(0, "copy") && reading.symbol(2, ".") && !reading.symbol(4, ".");
        let (true, Some(schema), Some(name)) = (named, reading.name(1), reading.name(3)) else {
            return Ok(None);
        };
        let loading = look_at(&mut self.keeper, &schema, &name).await?;
        if loading == Loading::InPlace {
            return Ok(None);
        }
        self.learn_families().await?;
        let bare = reading.are(reading.len().saturating_sub(2), "from stdin");
        let quoted = reading.text_between(1, 4).filter(|_| bare && loading == Loading::Frozen);
        let frozen = quoted.map(|quoted| Frozen {
            truncate: format!("TRUNCATE TABLE ONLY {quoted}"),
            copy: format!("{text} WITH (FREEZE)"),
        });
        let load = Load {
            feed: Feed::new(),
            statement: statement.clone(),
            text: text.to_owned(),
            frozen,
            // In other formats a line end may stand within a row.
            splits: format == CopyFormat::Text,
            encoding: self.encoding.session_name().map(str::to_owned),
        };
        let spool = self.data.spool.as_ref().map(Spool::file);
        Ok(Some(Dealing { load: Arc::new(load), key: Key::relation(&schema, &name), spool }))
    }

    /// Takes the data of a COPY from the reader and deals it out.
    pub(super) async fn deal(
        &mut self,
        mut dealing: Dealing,
        table: Option<String>,
        jobs: &mut Receiver<Job>,
    ) -> Result<(), RestoreError> {
        self.finish_tasks().await?;
        let (mut size, mut line, mut begun) = (0, 1, false);
        loop {
            match self.next_job(jobs, table.as_ref()).await? {
                Some(Job::Rows { bytes, rows, end }) => {
                    size += bytes.len();
                    let data = self.admit(bytes, &mut dealing, table.as_ref()).await?;
                    self.rows += rows;
                    dealing.load.feed.push(Block { data, end, line, lines: rows });
                    line += rows;
                    if !begun && size >= FROZEN_FROM {
                        begun = true;
                        self.begin_load(&dealing, Role::Frozen).await;
                    }
                }
                Some(Job::CopyEnd) => {
                    dealing.load.feed.end();
                    if !begun {
                        self.begin_load(&dealing, Role::Plain).await;
                    }
                    self.data.sizes.insert(dealing.key, size as u64);
                    return Ok(());
                }
                // The reader broke off.
                Some(Job::Statement(_) | Job::Copy { .. }) | None => {
                    dealing.load.feed.break_off();
                    return Ok(());
                }
            }
        }
    }

    async fn begin_load(&mut self, dealing: &Dealing, role: Role) {
        let hold = self.hold(&dealing.key);
        self.data.waiting.push(Waiting { load: Arc::clone(&dealing.load), role, hold });
        self.hand_out().await;
    }

    /// Finds a place for data to wait in; waits until there is one.
    async fn admit(
        &mut self,
        bytes: Bytes,
        dealing: &mut Dealing,
        table: Option<&String>,
    ) -> Result<BlockData, RestoreError> {
        let memory = Arc::clone(&self.data.memory);
        let share = u32::try_from(bytes.len().div_ceil(1024).min(MEMORY_KIB)).unwrap_or(1);
        loop {
            if let Ok(share) = Arc::clone(&memory).try_acquire_many_owned(share) {
                return Ok(BlockData::Memory(bytes, share));
            }
            // While all have enough to do nobody needs what comes behind.
            let hurry = self.crew.has_room() && !self.has_work();
            if let Some(file) =
                dealing.spool.as_mut().filter(|_| hurry && !dealing.load.feed.is_shared())
                && let Some(stretch) = file.append(&bytes).await
            {
                return Ok(BlockData::Spooled(stretch));
            }
            self.help(SHARED_FROM).await;
            tokio::select! {
                share = Arc::clone(&memory).acquire_many_owned(share) => {
                    // It is never closed.
                    if let Ok(share) = share { return Ok(BlockData::Memory(bytes, share)); }
                }
                done = self.crew.next(), if self.crew.is_busy() => self.finished(done).await?,
                () = tokio::time::sleep(HELP_EVERY) => self.tell(table),
            }
        }
    }

    /// Lets a free session join where most is waiting, if that is at least `least` bytes and there
    /// is nothing else to do.
    async fn help(&mut self, least: usize) {
        let soon = self.data.helped.elapsed() < HELP_EVERY;
        if soon || self.has_work() || !self.crew.has_room() {
            return;
        }
        let Some(vacancy) = self.crew.vacancy().await else { return };
        let Some(running) = self.data.fullest(least) else {
            self.crew.give_back(vacancy);
            return;
        };
        running.sessions += 1;
        let load = Arc::clone(&running.load);
        load.feed.share();
        self.data.helped = Instant::now();
        self.crew.run(vacancy, Work::Load(load, Role::Helper), None);
    }

    /// Helps where nothing else is left to do.
    pub(super) async fn help_at_the_end(&mut self) {
        self.help(SHARED_FROM).await;
    }

    /// Helps where many have nothing to do, although more may come.
    pub(super) async fn help_early(&mut self) {
        if self.crew.is_half_idle() {
            self.help(SHARED_EARLY_FROM).await;
        }
    }
}
