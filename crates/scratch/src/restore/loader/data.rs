//! Deals tables' data out to the crew.
//!
//! Each table begins with one session. Data waits in memory up to a bound; when it is reached while
//! sessions are free, the table of which most is waiting is shared with one of them. So tables that
//! fit are loaded whole and frozen, several at once, and only large ones are split.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use stopover_sql::CopyFormat;
use tokio::sync::mpsc::Receiver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::tables::{Loading, look_at};
use super::{Loader, Stage, Transaction};
use crate::restore::crew::{Block, Feed, Frozen, Load, Role, Work};
use crate::restore::error::RestoreError;
use crate::restore::order::Key;
use crate::restore::policy::reading::Reading;
use crate::restore::reader::{Job, Statement};

/// How much data may wait in memory, in KiB.
const MEMORY_KIB: usize = 64 << 10;
/// From so many bytes on a table is loaded frozen: emptying one costs some milliseconds.
const FROZEN_FROM: usize = 1 << 20;
/// A session joins only where so many bytes wait.
const SHARED_FROM: usize = 8 << 20;
/// How long it is seen whether one session more was enough.
const HELP_EVERY: Duration = Duration::from_millis(50);

/// Tables' data on its way.
#[derive(Debug)]
pub(super) struct Data {
    memory: Arc<Semaphore>,
    /// Loads that wait for a session.
    pub(super) waiting: VecDeque<(Arc<Load>, Role)>,
    running: Vec<Arc<Load>>,
    helped: Instant,
    /// Bytes of each table's data.
    pub(super) sizes: BTreeMap<Key, u64>,
}

impl Data {
    pub(super) fn new() -> Self {
        Self {
            memory: Arc::new(Semaphore::new(MEMORY_KIB)),
            waiting: VecDeque::new(),
            running: Vec::new(),
            helped: Instant::now(),
            sizes: BTreeMap::new(),
        }
    }

    /// A load needs one session less.
    pub(super) fn left(&mut self, load: &Arc<Load>) {
        if load.feed.is_complete() {
            self.running.retain(|it| !Arc::ptr_eq(it, load));
        }
    }

    /// The table of which most is waiting, if that is worth a session.
    fn fullest(&self) -> Option<&Arc<Load>> {
        let shareable = self.running.iter().filter(|load| load.splits);
        let fullest = shareable.max_by_key(|load| load.feed.waiting());
        fullest.filter(|load| load.feed.waiting() >= SHARED_FROM)
    }

    /// What is being loaded cannot be finished.
    pub(super) fn break_off(&self) {
        for load in self.running.iter().filter(|load| !load.feed.is_complete()) {
            load.feed.break_off();
        }
    }
}

/// A table's data that is to be dealt out.
pub(super) struct Dealing {
    load: Arc<Load>,
    key: Key,
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
        Ok(Some(Dealing { load: Arc::new(load), key: Key::relation(&schema, &name) }))
    }

    /// Takes the data of a COPY from the reader and deals it out.
    pub(super) async fn deal(
        &mut self,
        dealing: Dealing,
        table: Option<String>,
        jobs: &mut Receiver<Job>,
    ) -> Result<(), RestoreError> {
        self.finish_tasks().await?;
        self.enter_stage(Stage::Data);
        let Dealing { load, key } = dealing;
        let (mut size, mut line, mut begun) = (0, 1, false);
        loop {
            match self.next_job(jobs, table.as_ref()).await? {
                Some(Job::Rows { bytes, rows, end }) => {
                    let memory = self.admit(bytes.len(), table.as_ref()).await?;
                    self.rows += rows;
                    size += bytes.len();
                    load.feed.push(Block { bytes, end, line, lines: rows, memory });
                    line += rows;
                    if !begun && size >= FROZEN_FROM {
                        begun = true;
                        self.begin_load(&load, Role::Frozen).await;
                    }
                }
                Some(Job::CopyEnd) => {
                    load.feed.end();
                    if !begun {
                        self.begin_load(&load, Role::Plain).await;
                    }
                    self.data.sizes.insert(key, size as u64);
                    return Ok(());
                }
                // The reader broke off.
                Some(Job::Statement(_) | Job::Copy { .. }) | None => {
                    load.feed.break_off();
                    return Ok(());
                }
            }
        }
    }

    async fn begin_load(&mut self, load: &Arc<Load>, role: Role) {
        self.data.waiting.push_back((Arc::clone(load), role));
        self.hand_out().await;
    }

    /// Notes that a session has begun with a load.
    pub(super) fn began_load(&mut self, load: Arc<Load>) {
        self.data.running.push(load);
    }

    /// Waits until there is memory for so many bytes.
    async fn admit(
        &mut self,
        bytes: usize,
        table: Option<&String>,
    ) -> Result<OwnedSemaphorePermit, RestoreError> {
        let memory = Arc::clone(&self.data.memory);
        let share = u32::try_from(bytes.div_ceil(1024).min(MEMORY_KIB)).unwrap_or(1);
        loop {
            if let Ok(permit) = Arc::clone(&memory).try_acquire_many_owned(share) {
                return Ok(permit);
            }
            self.help().await;
            tokio::select! {
                permit = Arc::clone(&memory).acquire_many_owned(share) => {
                    // It is never closed.
                    if let Ok(permit) = permit { return Ok(permit); }
                }
                done = self.crew.next(), if self.crew.is_busy() => self.finished(done).await?,
                () = tokio::time::sleep(HELP_EVERY) => self.tell(table),
            }
        }
    }

    /// Lets a free session join where most is waiting.
    pub(super) async fn help(&mut self) {
        let soon = self.data.helped.elapsed() < HELP_EVERY;
        if soon || !self.data.waiting.is_empty() || !self.crew.has_room() {
            return;
        }
        let Some(load) = self.data.fullest().map(Arc::clone) else { return };
        if let Some(vacancy) = self.crew.vacancy().await {
            self.data.helped = Instant::now();
            load.feed.share();
            self.crew.run(vacancy, Work::Load(load, Role::Helper), None);
        }
    }
}
