//! A proxy that pools transactions, as pgbouncer does with `pool_mode = transaction`, and stricter:
//! after every transaction a client may meet another session of the server.
//!
//! Each client logs in for itself, through the proxy; its session of the server then belongs to
//! the pool, or is closed where the pool has enough. What the proxy does not do: TLS, cancel
//! requests, replies to `COPY` in the extended protocol.
//!
//! Source of the messages: PostgreSQL's documentation, "Message Formats".

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::AbortHandle;

use crate::Access;

/// Which of the idle sessions is given out next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolOrder {
    /// The one that came back last: what pgbouncer does by default.
    LastFirst,
    /// The one that waits longest.
    InTurn,
}

/// A proxy that listens on a port of this machine until it is dropped.
#[derive(Debug)]
pub struct PoolingProxy {
    port: u16,
    accepting: AbortHandle,
}

/// The code of a request for TLS, in place of a protocol version.
const TLS_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();

/// How long a client waits between two looks for a session that is free.
const BUSY: Duration = Duration::from_millis(2);

impl PoolingProxy {
    /// Starts one before the server of `access`. The pool keeps at most `sessions` for each way to
    /// log in.
    pub async fn start(access: &Access, order: PoolOrder, sessions: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port for a proxy");
        let port = listener.local_addr().expect("a port for a proxy").port();
        let pools = Arc::new(Pools {
            server: access.socket(),
            order,
            sessions,
            idle: Mutex::new(HashMap::new()),
        });
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let pools = Arc::clone(&pools);
                // A client or a server that goes away ends this connection, and is no failure.
                tokio::spawn(async move { pools.serve(client).await });
            }
        });
        Self { port, accepting: accepting.abort_handle() }
    }

    /// The way through the proxy to what `access` leads to.
    pub fn access(&self, access: &Access) -> Access {
        access.through("127.0.0.1", self.port)
    }
}

impl Drop for PoolingProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The idle sessions, by what their client said at its login.
struct Pools {
    server: PathBuf,
    order: PoolOrder,
    sessions: usize,
    idle: Mutex<HashMap<Vec<u8>, Pool>>,
}

#[derive(Default)]
struct Pool {
    idle: VecDeque<Wire<UnixStream>>,
    /// How many there are, those that work included.
    sessions: usize,
}

impl Pools {
    async fn serve(&self, client: TcpStream) -> io::Result<()> {
        let mut client = Wire::new(client);
        let login = opening(&mut client).await?;
        let server = Wire::new(UnixStream::connect(&self.server).await?);
        let server = log_in(&mut client, server, &login).await?;
        self.take_in(&login, server);
        let mut working = None;
        let served = self.relay(&mut client, &login, &mut working).await;
        // As a real one does: a session that was left in a transaction is closed, not given on.
        if working.is_some() {
            self.with(&login, |pool| pool.sessions -= 1);
        }
        served
    }

    /// Passes messages on, each transaction to whichever session is free.
    async fn relay(
        &self,
        client: &mut Wire<TcpStream>,
        login: &[u8],
        working: &mut Option<Wire<UnixStream>>,
    ) -> io::Result<()> {
        let mut answered = true;
        loop {
            let Some(server) = working.as_mut() else {
                let message = client.message().await?;
                if message[0] == b'X' {
                    return Ok(());
                }
                let server = working.insert(self.take(login).await);
                server.stream.write_all(&message).await?;
                answered = !asks(&message);
                continue;
            };
            tokio::select! {
                // One request at a time: whoever sends several may meet several sessions.
                message = client.message(), if answered => {
                    let message = message?;
                    server.stream.write_all(&message).await?;
                    answered = !asks(&message);
                }
                message = server.message() => {
                    let message = message?;
                    client.stream.write_all(&message).await?;
                    // `G`: the server waits for inline data.
                    answered |= matches!(message[0], b'Z' | b'G');
                    if message.starts_with(b"Z") && message.ends_with(b"I") {
                        self.give_back(login, working.take());
                    }
                }
            }
        }
    }

    fn with<T>(&self, login: &[u8], work: impl FnOnce(&mut Pool) -> T) -> T {
        let mut pools = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        work(pools.entry(login.to_vec()).or_default())
    }

    fn take_in(&self, login: &[u8], server: Wire<UnixStream>) {
        self.with(login, |pool| {
            if pool.sessions < self.sessions {
                pool.sessions += 1;
                pool.idle.push_back(server);
            }
        });
    }

    fn give_back(&self, login: &[u8], server: Option<Wire<UnixStream>>) {
        self.with(login, |pool| pool.idle.extend(server));
    }

    async fn take(&self, login: &[u8]) -> Wire<UnixStream> {
        loop {
            let taken = self.with(login, |pool| match self.order {
                PoolOrder::LastFirst => pool.idle.pop_back(),
                PoolOrder::InTurn => pool.idle.pop_front(),
            });
            match taken {
                Some(server) => return server,
                None => tokio::time::sleep(BUSY).await,
            }
        }
    }
}

/// Whether an answer follows that ends with ReadyForQuery: query, sync, function call.
fn asks(message: &[u8]) -> bool {
    matches!(message.first(), Some(b'Q' | b'S' | b'F'))
}

/// The message that begins a session. TLS is declined.
async fn opening(client: &mut Wire<TcpStream>) -> io::Result<Vec<u8>> {
    loop {
        let message = client.whole(0).await?;
        if message.get(4..8) != Some(&TLS_REQUEST) {
            return Ok(message);
        }
        client.stream.write_all(b"N").await?;
    }
}

/// Lets the client log in at the server; gives the session back when it is ready.
async fn log_in(
    client: &mut Wire<TcpStream>,
    mut server: Wire<UnixStream>,
    login: &[u8],
) -> io::Result<Wire<UnixStream>> {
    server.stream.write_all(login).await?;
    loop {
        tokio::select! {
            message = server.message() => {
                let message = message?;
                client.stream.write_all(&message).await?;
                if message[0] == b'Z' {
                    return Ok(server);
                }
            }
            message = client.message() => server.stream.write_all(&message?).await?,
        }
    }
}

/// One end of a connection, read message by message. A wait that is given up loses nothing.
struct Wire<S> {
    stream: S,
    pending: Vec<u8>,
}

impl<S: AsyncRead + Unpin> Wire<S> {
    const fn new(stream: S) -> Self {
        Self { stream, pending: Vec::new() }
    }

    /// The next message, type byte included.
    async fn message(&mut self) -> io::Result<Vec<u8>> {
        self.whole(1).await
    }

    /// The next message whose length stands behind `head` bytes.
    async fn whole(&mut self, head: usize) -> io::Result<Vec<u8>> {
        loop {
            if let Some(said) = self.pending.get(head..head + 4) {
                let said = <[u8; 4]>::try_from(said).map_or(4, u32::from_be_bytes);
                let length = head + usize::try_from(said).unwrap_or(usize::MAX);
                if self.pending.len() >= length {
                    return Ok(self.pending.drain(..length).collect());
                }
            }
            if self.stream.read_buf(&mut self.pending).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
