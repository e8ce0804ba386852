//! A TCP proxy between the tool and the server that knows where messages end, and that can stop at
//! one of them.
//!
//! It never changes a byte: it forwards, holds back, or cuts.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::frames::{Frame, Frames};
use crate::moment::{Messages, Moment, Phase};

/// The longest wait for the first byte of an answer; a statement may take long.
const ANSWER: Duration = Duration::from_secs(5);

/// How long a connection pauses that goes on.
const MOMENT: Duration = Duration::from_millis(3);

/// How connections are ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Close,
    Reset,
}

/// What becomes of a connection after the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Nothing gets through until one of its ends goes, or [`Proxy::cut`].
    Silence,
    /// It goes on as if nothing had been.
    Service,
}

/// The proxy of one run of the tool. Dropping it ends its connections.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    /// The server's socket.
    server: PathBuf,
    moment: Option<(usize, Messages, Phase)>,
    seen: AtomicUsize,
    /// The moment is there.
    reached: Notify,
    after: After,
    ending: watch::Sender<Ending>,
}

impl Proxy {
    /// Listens on a port of its own, and forwards to the server's socket.
    pub(crate) async fn start(server: PathBuf, moment: Moment, after: After) -> io::Result<Self> {
        let moment = match moment {
            Moment::Message { number, of, phase } => Some((number, of, phase)),
            Moment::After(_) | Moment::Line { .. } => None,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            server,
            moment,
            seen: AtomicUsize::new(0),
            reached: Notify::new(),
            after,
            ending: watch::Sender::new(Ending::Close),
        });
        let with = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&with).connection(client));
            }
        });
        Ok(Self { address, shared, accepting: accepting.abort_handle() })
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns when the moment is there; never where it is none of messages.
    pub(crate) async fn moment(&self) {
        self.shared.reached.notified().await;
    }

    /// Ends the connections that there are; later ones are forwarded. Whether there were any.
    pub(crate) fn cut(&self, ending: Ending) -> bool {
        let any = self.shared.ending.receiver_count() > 0;
        self.shared.ending.send_replace(ending);
        any
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut(Ending::Close);
    }
}

impl Shared {
    /// Forwards until one end goes, or the connection is to be cut.
    async fn connection(self: Arc<Self>, client: TcpStream) {
        let mut endings = self.ending.subscribe();
        let Ok(server) = UnixStream::connect(&self.server).await else { return };
        let _ = client.set_nodelay(true);
        let mut line = Line { client, server, frames: Frames::default(), holds: false };
        let ended = tokio::select! {
            _ = endings.changed() => true,
            _ = line.forward(&self) => false,
        };
        if ended && *endings.borrow() == Ending::Reset {
            let _ = line.client.set_zero_linger();
        }
    }

    /// What is to happen at this message.
    fn phase_at(&self, frame: &Frame) -> Option<Phase> {
        let (number, of, phase) = self.moment?;
        if frame.opening || (of == Messages::Commits && !frame.commits()) {
            return None;
        }
        let seen = self.seen.fetch_add(1, Ordering::SeqCst) + 1;
        (seen == number).then_some(phase)
    }
}

/// One connection, with both its ends.
struct Line {
    client: TcpStream,
    server: UnixStream,
    frames: Frames,
    /// Nothing gets through any more.
    holds: bool,
}

impl Line {
    async fn forward(&mut self, shared: &Shared) -> io::Result<()> {
        let (mut asked, mut answered) = (vec![0; 16 << 10], vec![0; 16 << 10]);
        loop {
            tokio::select! {
                read = self.client.read(&mut asked) => {
                    let read = read?;
                    if read == 0 {
                        return Ok(());
                    }
                    for frame in self.frames.take(&asked[..read]) {
                        self.request(&frame, shared).await?;
                    }
                }
                read = self.server.read(&mut answered) => {
                    let read = read?;
                    if read == 0 {
                        return Ok(());
                    }
                    if !self.holds {
                        self.client.write_all(&answered[..read]).await?;
                    }
                }
            }
        }
    }

    async fn request(&mut self, frame: &Frame, shared: &Shared) -> io::Result<()> {
        if self.holds {
            return Ok(());
        }
        let Some(phase) = shared.phase_at(frame) else {
            return self.server.write_all(&frame.bytes).await;
        };
        if shared.after == After::Service {
            return self.with_pause(frame, phase, shared).await;
        }
        self.holds = true;
        match phase {
            Phase::Before => {}
            Phase::Half => self.server.write_all(&frame.bytes[..frame.bytes.len() / 2]).await?,
            Phase::Sent(pause) => {
                self.server.write_all(&frame.bytes).await?;
                sleep(pause).await;
            }
            Phase::Answered => {
                // Answers to earlier messages that are still to come would be taken for it: the
                // moment is a little early then, which is as good.
                self.server.write_all(&frame.bytes).await?;
                let _ = timeout(ANSWER, self.server.readable()).await;
            }
        }
        shared.reached.notify_one();
        Ok(())
    }

    /// Forwards a message, with a pause at its moment.
    async fn with_pause(&mut self, frame: &Frame, at: Phase, shared: &Shared) -> io::Result<()> {
        let first = match at {
            Phase::Before => 0,
            Phase::Half => frame.bytes.len() / 2,
            Phase::Sent(_) | Phase::Answered => frame.bytes.len(),
        };
        let (first, rest) = frame.bytes.split_at(first);
        self.server.write_all(first).await?;
        if let Phase::Sent(pause) = at {
            sleep(pause).await;
        }
        shared.reached.notify_one();
        sleep(MOMENT).await;
        self.server.write_all(rest).await
    }
}
