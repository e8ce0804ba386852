//! One pinned connection, on a thread of its own.
//!
//! SQLite's calls block. The thread owns the connection and does one request after the other;
//! the session sends them and awaits the answers, so that a stop can reach a statement that runs.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use stopover_backend::{BackendError, Canceller, Session};
use tokio::sync::oneshot;

use crate::held::Held;
use crate::target::Target;
use crate::waiting::Waiting;

/// How long the end of a session waits for its thread to let go of the file: a statement ends at
/// once, a write to the disk does not.
const LETTING_GO: Duration = Duration::from_secs(5);

type Request = Box<dyn FnOnce(&mut Held) + Send>;

/// A connection to an SQLite database. Dropping it ends what runs, rolls back what is open,
/// closes the file and frees the run lock.
pub struct SqliteSession {
    /// `None` once it was told to end.
    requests: Option<Sender<Request>>,
    ended: Receiver<()>,
    waiting: Arc<Waiting>,
}

impl Session for SqliteSession {
    async fn hang_up(&mut self) {
        self.let_go();
    }
}

impl SqliteSession {
    pub(crate) async fn open(target: Target) -> Result<Self, BackendError> {
        let waiting = Arc::new(Waiting::default());
        let (requests, todo) = mpsc::channel::<Request>();
        let (end, ended) = mpsc::channel();
        let (opened, answer) = oneshot::channel();
        let theirs = Arc::clone(&waiting);
        let work = move || {
            let mut held = match Held::open(target, theirs) {
                Ok(held) => held,
                Err(error) => return drop(opened.send(Err(error))),
            };
            if opened.send(Ok(())).is_ok() {
                for request in todo {
                    request(&mut held);
                }
            }
            held.close();
            // Nobody listens where the session was not dropped in good order: none is owed.
            let _ = end.send(());
        };
        let thread = std::thread::Builder::new().name("stopover-sqlite".to_owned()).spawn(work);
        thread.map_err(|error| BackendError::Lost(format!("no thread for a session: {error}")))?;
        let session = Self { requests: Some(requests), ended, waiting };
        answer.await.map_err(|_| ended_early())??;
        Ok(session)
    }

    /// Has the thread do `work`, and awaits what comes of it.
    pub(crate) async fn call<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Held) -> T + Send + 'static,
    ) -> Result<T, BackendError> {
        let (reply, answer) = oneshot::channel();
        let request: Request = Box::new(move |held| {
            // A caller that went away wants no answer.
            held.waiting.begin();
            let _ = reply.send(work(held));
        });
        let sent = self.requests.as_ref().map(|it| it.send(request));
        if !matches!(sent, Some(Ok(()))) {
            return Err(ended_early());
        }
        answer.await.map_err(|_| ended_early())
    }

    pub(crate) fn cancel_handle(&self) -> SqliteCanceller {
        SqliteCanceller { waiting: Arc::clone(&self.waiting) }
    }
}

impl SqliteSession {
    /// Ends the thread, and with it everything that it holds.
    fn let_go(&mut self) {
        self.waiting.give_up();
        if self.requests.take().is_none() {
            return;
        }
        // Whoever comes next finds the lock free, and no `-wal` or `-shm` of ours.
        if self.ended.recv_timeout(LETTING_GO).is_err() {
            tracing::debug!("a session's thread has not let go of its file yet");
        }
    }
}

impl Drop for SqliteSession {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// A panic in the thread, which the driver makes impossible as far as anybody knows.
fn ended_early() -> BackendError {
    BackendError::Lost("the thread of the session has ended".to_owned())
}

/// Ends, from beside, what a session is doing.
pub struct SqliteCanceller {
    waiting: Arc<Waiting>,
}

impl Canceller for SqliteCanceller {
    async fn cancel(&self) {
        self.waiting.cancel();
    }
}
