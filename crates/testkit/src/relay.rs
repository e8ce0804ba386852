//! A relay before a server that counts how often a client waits for an answer.
//!
//! It passes bytes on and knows next to nothing of the protocol: requests that are sent without
//! waiting in between are one round trip if they come together.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::task::AbortHandle;

use crate::Access;

/// What ends the greeting: ReadyForQuery, idle (source: PostgreSQL's documentation, "Message
/// Formats").
const READY: &[u8] = b"Z\0\0\0\x05I";

/// A relay that listens on a port of this machine until it is dropped.
#[derive(Debug)]
pub struct CountingRelay {
    port: u16,
    accepting: AbortHandle,
    trips: Arc<AtomicUsize>,
}

impl CountingRelay {
    /// Starts one before the server of `access`.
    pub async fn start(access: &Access) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port for a relay");
        let port = listener.local_addr().expect("a port for a relay").port();
        let trips = Arc::new(AtomicUsize::new(0));
        let (server, counted) = (access.socket(), Arc::clone(&trips));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let line = Line {
                    trips: Arc::clone(&counted),
                    ready: AtomicBool::new(false),
                    asked: AtomicBool::new(false),
                };
                // A client or a server that goes away ends this connection, and is no failure.
                tokio::spawn(line.serve(client, server.clone()));
            }
        });
        Self { port, accepting: accepting.abort_handle(), trips }
    }

    /// The way through the relay to what `access` leads to.
    pub fn access(&self, access: &Access) -> Access {
        access.through("127.0.0.1", self.port)
    }

    /// How many answers were waited for so far, those of connecting not counted.
    pub fn round_trips(&self) -> usize {
        self.trips.load(Ordering::SeqCst)
    }
}

impl Drop for CountingRelay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One connection.
struct Line {
    trips: Arc<AtomicUsize>,
    /// The greeting is over.
    ready: AtomicBool,
    /// Something was asked that has no answer yet.
    asked: AtomicBool,
}

impl Line {
    async fn serve(self, mut client: tokio::net::TcpStream, server: PathBuf) -> io::Result<()> {
        let mut server = UnixStream::connect(server).await?;
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let asks = pass(from_client, to_server, |_| self.asked.store(true, Ordering::SeqCst));
        let answers = pass(from_server, to_client, |bytes| self.answered(bytes));
        // Whichever ends, ends both.
        tokio::select! {
            ended = asks => ended,
            ended = answers => ended,
        }
    }

    fn answered(&self, bytes: &[u8]) {
        let asked = self.asked.swap(false, Ordering::SeqCst);
        if self.ready.load(Ordering::SeqCst) {
            self.trips.fetch_add(usize::from(asked), Ordering::SeqCst);
        } else if bytes.ends_with(READY) {
            self.ready.store(true, Ordering::SeqCst);
        }
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    seen: impl Fn(&[u8]),
) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        seen(&buffer[..read]);
        to.write_all(&buffer[..read]).await?;
    }
}
