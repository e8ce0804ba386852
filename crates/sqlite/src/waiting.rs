//! How long a session waits, seen from its own thread and from beside: for locks of others, for a
//! statement, until it is cancelled or given up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, InterruptHandle};

/// Longest wait for a lock where nobody said otherwise.
pub(crate) const DEFAULT_LOCK_WAIT: Duration = Duration::from_secs(5);

/// Longest pause between two looks at a lock that somebody else holds.
const LONGEST_PAUSE: Duration = Duration::from_millis(25);

/// How many of SQLite's instructions run between two looks at the clock: well under a millisecond.
const INSTRUCTIONS: i32 = 1000;

/// What a session's thread and those beside it share.
#[derive(Default)]
pub(crate) struct Waiting {
    /// The session was dropped.
    given_up: AtomicBool,
    /// The running request was cancelled.
    cancelled: AtomicBool,
    until: Mutex<Until>,
    interrupt: Mutex<Option<InterruptHandle>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Until {
    lock: Option<Instant>,
    statement: Option<Instant>,
}

impl Waiting {
    /// A request begins: whatever was cancelled before is over.
    pub(crate) fn begin(&self) {
        self.cancelled.store(false, Ordering::SeqCst);
    }

    /// A statement begins. A wait of zero has no end, as with PostgreSQL.
    pub(crate) fn limit(&self, lock: Duration, statement: Option<Duration>) {
        let now = Instant::now();
        let until = Until {
            lock: now.checked_add(lock).filter(|_| !lock.is_zero()),
            statement: statement.filter(|it| !it.is_zero()).map(|it| now + it),
        };
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Ends what is running; what comes after runs.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        self.interrupt();
    }

    /// Ends what is running and what comes after.
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, Ordering::SeqCst);
        self.interrupt();
    }

    fn interrupt(&self) {
        let handle = self.interrupt.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = handle.as_ref() {
            handle.interrupt();
        }
    }

    /// Whether the statement's time is over, rather than that somebody cancelled it.
    pub(crate) fn timed_out(&self) -> bool {
        !self.is_ended() && self.until().statement.is_some_and(|until| Instant::now() >= until)
    }

    /// Whether the running request is to end.
    pub(crate) fn is_ended(&self) -> bool {
        self.given_up.load(Ordering::SeqCst) || self.cancelled.load(Ordering::SeqCst)
    }

    fn until(&self) -> Until {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes `connection` wait as this says.
    pub(crate) fn watch(self: &Arc<Self>, connection: &mut Connection) -> rusqlite::Result<()> {
        let waiting = Arc::clone(self);
        connection.busy_handler(Some(move |tries| waiting.pause(tries)))?;
        let waiting = Arc::clone(self);
        connection.progress_handler(
            INSTRUCTIONS,
            Some(move || {
                let over = waiting.until().statement.is_some_and(|until| Instant::now() >= until);
                over || waiting.is_ended()
            }),
        )?;
        let handle = connection.get_interrupt_handle();
        *self.interrupt.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
        Ok(())
    }

    /// Waits a little for a lock that somebody else holds; `false` when it is enough.
    fn pause(&self, tries: i32) -> bool {
        let until = self.until();
        let now = Instant::now();
        let ends = [until.lock, until.statement].into_iter().flatten().min();
        let left = ends.map_or(LONGEST_PAUSE, |end| end.saturating_duration_since(now));
        if self.is_ended() || left.is_zero() {
            return false;
        }
        let pause = Duration::from_millis(1 << tries.clamp(0, 5)).min(LONGEST_PAUSE);
        std::thread::sleep(pause.min(left));
        true
    }
}
