//! The task that reads and writes a connection, and what it hears beside the answers.
//!
//! Requests are answered in order, and what the server says in between belongs to the request
//! that is being answered. The task may be far ahead of whoever reads the answers. It therefore
//! stops at every notice until a [`Listening`] has taken it, which first takes all answers that
//! came before: so a notice finds its statement even among many that were sent at once, and a
//! million of them need no memory.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use stopover_model::{Notice, NoticeLevel, PlainStrings};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::{AsyncMessage, Connection};

/// A notice, and what the task waits for: dropped, it goes on.
type Heard = (Notice, oneshot::Sender<()>);

/// Where notices go; `None` while nobody wants them.
type Ear = Arc<Mutex<Option<mpsc::UnboundedSender<Heard>>>>;

/// A connection that a task of its own serves. Dropping it leaves the task to say goodbye to the
/// server, which it does once the client is dropped as well.
pub(crate) struct Served {
    task: JoinHandle<()>,
    ear: Ear,
    /// The server's version as it says it, e.g. `15.18 (Debian 15.18-0+deb12u1)`.
    pub(crate) version: String,
    /// What the server said of plain strings when the session began: it reports this setting.
    pub(crate) plain_strings: PlainStrings,
}

impl Served {
    pub(crate) fn of<S, T>(mut connection: Connection<S, T>) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let version = connection.parameter("server_version").unwrap_or_default().to_owned();
        let plain_strings = match connection.parameter("standard_conforming_strings") {
            Some("off") => PlainStrings::Escaping,
            _ => PlainStrings::Standard,
        };
        let ear = Ear::default();
        let theirs = Arc::clone(&ear);
        let task = tokio::spawn(async move {
            loop {
                match poll_fn(|context| connection.poll_message(context)).await {
                    Some(Ok(AsyncMessage::Notice(notice))) => tell(&theirs, &notice).await,
                    Some(Ok(_)) => {}
                    // Whoever waits for an answer hears of the error as well.
                    Some(Err(error)) => return tracing::debug!("the connection ended: {error}"),
                    None => return,
                }
            }
        });
        Self { task, ear, version, plain_strings }
    }

    /// Hears notices from now on, until it is dropped.
    pub(crate) fn listen(&self) -> Listening {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.ear.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        Listening { ear: Arc::clone(&self.ear), receiver, early: None }
    }

    /// Closes the socket, without a goodbye.
    pub(crate) async fn hang_up(&mut self) {
        self.task.abort();
        // It was aborted, or has ended before: there is nothing to learn.
        let _ = (&mut self.task).await;
    }
}

/// Gives a notice to whoever listens, and waits until it is taken.
async fn tell(ear: &Ear, notice: &DbError) {
    let (told, taken) = oneshot::channel();
    {
        let ear = ear.lock().unwrap_or_else(PoisonError::into_inner);
        match ear.as_ref() {
            Some(listener) if listener.send((read(notice), told)).is_ok() => {}
            _ => return tracing::debug!("the server says: {}", notice.message()),
        }
    }
    // An error means the same: it is taken, or nobody listens any more.
    let _ = taken.await;
}

fn read(notice: &DbError) -> Notice {
    let level = match notice.parsed_severity() {
        Some(Severity::Debug) => NoticeLevel::Debug,
        Some(Severity::Log) => NoticeLevel::Log,
        Some(Severity::Info) => NoticeLevel::Info,
        Some(Severity::Notice) => NoticeLevel::Notice,
        _ => NoticeLevel::Warning,
    };
    Notice::new(level, notice.message())
}

/// Hears the server's notices.
pub(crate) struct Listening {
    ear: Ear,
    receiver: mpsc::UnboundedReceiver<Heard>,
    /// One that came behind the answer which was waited for.
    early: Option<Heard>,
}

impl Listening {
    /// Waits for `answer`, which must be the next one; `said` hears what the server says before it.
    pub(crate) async fn until<T>(
        &mut self,
        answer: impl Future<Output = T>,
        said: &mut (dyn FnMut(Notice) + Send),
    ) -> T {
        let mut answer = pin!(answer);
        loop {
            let heard = match self.early.take() {
                Some(heard) => heard,
                None => tokio::select! {
                    biased;
                    answer = &mut answer => return answer,
                    Some(heard) = self.receiver.recv() => heard,
                },
            };
            // What was answered before it has arrived by now.
            if let Some(answer) = answer.as_mut().now_or_never() {
                self.early = Some(heard);
                return answer;
            }
            said(heard.0);
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        *self.ear.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
