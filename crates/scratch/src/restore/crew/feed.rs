//! The data of one table on its way from the reader to the sessions that load it: a queue that one
//! session empties, or several that share it.
//!
//! One session can load frozen (see [`super::load`]), but only alone. So a table begins with one;
//! when it turns out to be large it is shared: the first commits what it has, and the others join.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::spool::Stretch;

/// A block of data, cut at row ends unless a row is longer than a block.
#[derive(Debug)]
pub(in crate::restore) struct Block {
    pub(in crate::restore) data: BlockData,
    /// Whether a row ends with it.
    pub(in crate::restore) end: BlockEnd,
    /// The line of its first byte in the table's data, from 1.
    pub(in crate::restore) line: u64,
    /// How many lines end in it.
    pub(in crate::restore) lines: u64,
}

/// Where a block waits.
#[derive(Debug)]
pub(in crate::restore) enum BlockData {
    /// In memory, with its share of what may wait there, which is given back with it.
    Memory(Bytes, OwnedSemaphorePermit),
    /// In a file.
    Spooled(Stretch),
}

impl BlockData {
    fn len(&self) -> usize {
        match self {
            Self::Memory(bytes, _) => bytes.len(),
            Self::Spooled(stretch) => stretch.len(),
        }
    }

    /// The bytes; what they took of memory must be held as long as they are.
    pub(super) async fn take(self) -> io::Result<(Bytes, Option<OwnedSemaphorePermit>)> {
        match self {
            Self::Memory(bytes, share) => Ok((bytes, Some(share))),
            Self::Spooled(stretch) => Ok((stretch.read().await?, None)),
        }
    }
}

/// How a block ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::restore) enum BlockEnd {
    Row,
    WithinRow,
}

/// Who takes blocks from a feed: a number that no two sessions have.
pub(super) type Seat = usize;

/// What a session gets when it asks.
#[derive(Debug)]
pub(super) enum Pulled {
    Block(Block),
    /// Others are to take part: end this COPY and commit.
    Shared,
    /// There is no more.
    End,
    /// The dump breaks off: nothing of this may stay.
    Broken,
}

/// Whether a session can go on when others join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// It must be alone.
    Alone,
    /// It is one of several, or can be.
    Among,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Flowing,
    Ended,
    Broken,
}

#[derive(Debug)]
struct State {
    blocks: VecDeque<Block>,
    bytes: usize,
    stage: Stage,
    shared: bool,
    /// Whether the first session has come so far that others may join.
    open: bool,
    /// Who has taken the beginning of a row, and must take its rest.
    bound: Option<Seat>,
}

/// The queue of one table's data.
#[derive(Debug)]
pub(in crate::restore) struct Feed {
    state: Mutex<State>,
    changed: Notify,
}

impl Feed {
    pub(in crate::restore) fn new() -> Self {
        let state = State {
            blocks: VecDeque::new(),
            bytes: 0,
            stage: Stage::Flowing,
            shared: false,
            open: false,
            bound: None,
        };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, how: impl FnOnce(&mut State)) {
        how(&mut self.state());
        self.changed.notify_waiters();
    }

    /// Adds the next block.
    pub(in crate::restore) fn push(&self, block: Block) {
        self.change(|state| {
            state.bytes += block.data.len();
            state.blocks.push_back(block);
        });
    }

    /// No more blocks come; all of the data was there.
    pub(in crate::restore) fn end(&self) {
        self.change(|state| state.stage = Stage::Ended);
    }

    /// No more blocks come; the dump breaks off.
    pub(in crate::restore) fn break_off(&self) {
        self.change(|state| {
            state.stage = Stage::Broken;
            state.blocks.clear();
        });
    }

    /// Lets others take part.
    pub(in crate::restore) fn share(&self) {
        self.change(|state| state.shared = true);
    }

    /// Whether several sessions take part.
    pub(in crate::restore) fn is_shared(&self) -> bool {
        self.state().shared
    }

    /// The bytes that wait.
    pub(in crate::restore) fn waiting(&self) -> usize {
        self.state().bytes
    }

    /// Whether all of the data is there, or is known not to come.
    pub(in crate::restore) fn is_complete(&self) -> bool {
        self.state().stage != Stage::Flowing
    }

    /// The first session has the table to itself, or needs it no longer: others may begin.
    pub(super) fn open(&self) {
        self.change(|state| state.open = true);
    }

    /// Waits until others may begin.
    pub(super) async fn opened(&self) {
        self.wait_for(|state| state.open.then_some(())).await;
    }

    /// The next block for a session.
    pub(super) async fn pull(&self, seat: Seat, part: Part) -> Pulled {
        let pulled = self.wait_for(|state| state.take(seat, part)).await;
        if matches!(&pulled, Pulled::Block(block) if block.end == BlockEnd::Row) {
            // The row's rest may have kept others waiting.
            self.changed.notify_waiters();
        }
        pulled
    }

    async fn wait_for<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed.
            changed.as_mut().enable();
            if let Some(found) = look(&mut self.state()) {
                return found;
            }
            changed.await;
        }
    }
}

impl State {
    fn take(&mut self, seat: Seat, part: Part) -> Option<Pulled> {
        if self.stage == Stage::Broken {
            return Some(Pulled::Broken);
        }
        match self.bound {
            Some(other) if other != seat => return None,
            None if self.shared && part == Part::Alone => return Some(Pulled::Shared),
            _ => {}
        }
        match self.blocks.pop_front() {
            Some(block) => {
                self.bytes -= block.data.len();
                self.bound = (block.end == BlockEnd::WithinRow).then_some(seat);
                Some(Pulled::Block(block))
            }
            None => (self.stage == Stage::Ended).then_some(Pulled::End),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    fn block(text: &'static str, memory: &Arc<Semaphore>) -> Block {
        let bytes = Bytes::from_static(text.as_bytes());
        let end = if text.ends_with('\n') { BlockEnd::Row } else { BlockEnd::WithinRow };
        let memory = Arc::clone(memory).try_acquire_owned().unwrap();
        Block { data: BlockData::Memory(bytes, memory), end, line: 1, lines: 1 }
    }

    async fn text(feed: &Feed, seat: Seat, part: Part) -> String {
        match feed.pull(seat, part).await {
            Pulled::Block(block) => {
                let (bytes, _) = block.data.take().await.unwrap();
                String::from_utf8(bytes.to_vec()).unwrap()
            }
            other => format!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn who_has_a_rows_beginning_gets_its_rest_also_when_others_join() {
        let (feed, memory) = (Feed::new(), Arc::new(Semaphore::new(8)));
        for part in ["begin", "middle", "end\n", "next\n"] {
            feed.push(block(part, &memory));
        }
        assert_eq!(text(&feed, 1, Part::Alone).await, "begin");
        feed.share();
        let other = feed.pull(2, Part::Among);
        tokio::pin!(other);
        let moment = std::time::Duration::from_millis(1);
        assert!(tokio::time::timeout(moment, other.as_mut()).await.is_err());
        assert_eq!(text(&feed, 1, Part::Alone).await, "middle");
        assert_eq!(text(&feed, 1, Part::Alone).await, "end\n");
        assert_eq!(text(&feed, 1, Part::Alone).await, "Shared");
        assert!(matches!(other.await, Pulled::Block(block) if block.data.len() == 5));
        feed.end();
        assert_eq!(text(&feed, 1, Part::Among).await, "End");
    }

    #[tokio::test]
    async fn memory_is_given_back_when_a_dump_breaks_off() {
        let (feed, memory) = (Feed::new(), Arc::new(Semaphore::new(2)));
        feed.push(block("a\n", &memory));
        feed.push(block("b\n", &memory));
        assert_eq!(memory.available_permits(), 0);
        feed.break_off();
        assert_eq!(memory.available_permits(), 2);
        assert_eq!(text(&feed, 1, Part::Among).await, "Broken");
        assert!(feed.is_complete());
    }
}
