//! The task that reads and writes a connection.

use stopover_model::PlainStrings;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::Connection;

/// A connection that a task of its own serves. Dropping it leaves the task to say goodbye to the
/// server, which it does once the client is dropped as well.
pub(crate) struct Served {
    task: JoinHandle<()>,
    /// The server's version as it says it, e.g. `15.18 (Debian 15.18-0+deb12u1)`.
    pub(crate) version: String,
    /// What the server said of plain strings when the session began: it reports this setting.
    pub(crate) plain_strings: PlainStrings,
}

impl Served {
    pub(crate) fn of<S, T>(connection: Connection<S, T>) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let version = connection.parameter("server_version").unwrap_or_default().to_owned();
        let plain_strings = match connection.parameter("standard_conforming_strings") {
            Some("off") => PlainStrings::Escaping,
            _ => PlainStrings::Standard,
        };
        let task = tokio::spawn(async move {
            // Whoever waits for an answer hears of the error as well.
            if let Err(error) = connection.await {
                tracing::debug!("the connection ended: {error}");
            }
        });
        Self { task, version, plain_strings }
    }

    /// Closes the socket, without a goodbye.
    pub(crate) async fn hang_up(&mut self) {
        self.task.abort();
        // It was aborted, or has ended before: there is nothing to learn.
        let _ = (&mut self.task).await;
    }
}
