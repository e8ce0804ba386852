//! A connection whose bytes can be taken in hand: the driver connects, logs in and runs
//! statements, and in between somebody else may speak the protocol itself, to pass on the data of
//! a COPY without looking at it.
//!
//! Not for sessions of the engine's: they have no use for bare bytes.

mod wire;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use stopover_backend::BackendError;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::{Client, NoTls};

use crate::error::connect_error;
use crate::served::Served;
use crate::target::Target;
use wire::Wire;

/// A client, and the way to its bytes.
pub struct Tapped {
    /// For statements.
    pub client: Client,
    /// The server's version as it says it.
    pub version: String,
    tap: Tap,
}

/// The driver's side of the bytes.
#[derive(Clone)]
struct Tap(Arc<Mutex<Shared>>);

struct Shared {
    wire: Box<dyn Wire>,
    holder: Holder,
    /// The driver's task: it is woken when it gets its bytes back.
    driver: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Holder {
    Driver,
    Other,
}

impl Tap {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls on behalf of the driver.
    fn driven<T>(
        &self,
        context: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut dyn Wire>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let mut shared = self.shared();
        let polled = match shared.holder {
            Holder::Driver => poll(Pin::new(&mut *shared.wire), context),
            Holder::Other => Poll::Pending,
        };
        if polled.is_pending() {
            // Whoever takes the bytes in hand takes the place of this task at the socket.
            shared.driver = Some(context.waker().clone());
        }
        polled
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.driven(context, |wire, context| wire.poll_read(context, buffer))
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.driven(context, |wire, context| wire.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.driven(context, |wire, context| -> Poll<io::Result<()>> { wire.poll_flush(context) })
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.driven(context, |wire, context| -> Poll<io::Result<()>> {
            wire.poll_shutdown(context)
        })
    }
}

/// The bytes in hand, until it is dropped. The driver must have nothing to do: every statement was
/// answered. Whoever holds it must leave the server ready for the next statement.
pub struct Held<'a> {
    tap: &'a Tap,
}

impl Held<'_> {
    /// Reads what is there, at most as much as there is room for.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.tap.shared().wire).poll_read(context, buffer)
    }

    /// Writes as much as there is room for.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.tap.shared().wire).poll_write(context, bytes)
    }

    /// Sends what is written.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|context| Pin::new(&mut *self.tap.shared().wire).poll_flush(context)).await
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut shared = self.tap.shared();
        shared.holder = Holder::Driver;
        if let Some(driver) = shared.driver.take() {
            driver.wake();
        }
    }
}

impl Tapped {
    /// Connects; the connection is driven by the current runtime until the client is dropped.
    ///
    /// # Errors
    /// Where no session could be opened.
    pub async fn connect(target: &Target) -> Result<Self, BackendError> {
        let (wire, mut config) = wire::open(target).await?;
        config.ssl_mode(tokio_postgres::config::SslMode::Disable);
        let shared = Shared { wire, holder: Holder::Driver, driver: None };
        let tap = Tap(Arc::new(Mutex::new(shared)));
        let connected = config.connect_raw(tap.clone(), NoTls).await;
        let (client, connection) =
            connected.map_err(|error| connect_error(target.describe(), &error))?;
        let served = Served::of(connection);
        Ok(Self { client, version: served.version.clone(), tap })
    }

    /// Takes the bytes in hand.
    pub fn hold(&mut self) -> Held<'_> {
        self.tap.shared().holder = Holder::Other;
        Held { tap: &self.tap }
    }
}
