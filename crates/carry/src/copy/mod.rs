//! The rows of one table, from the source's COPY into the target's: bytes are passed on as they
//! come. Both sides use the same frames (`CopyData`), one for each row, so that nothing of them is
//! looked at but their lengths; that counts the rows as well.
//!
//! Source of the protocol: PostgreSQL's documentation, "COPY Operations" and "Message Formats".

mod answer;
mod inbox;

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use stopover_postgres::Held;
use tokio::io::ReadBuf;

use crate::error::{Fatal, Side, Trouble};
use crate::line::Line;
use answer::Answer;
use inbox::{Inbox, RowEnd, Rows};

const DATA: u8 = b'd';
const DONE: u8 = b'c';
const FAIL: u8 = b'f';
const QUERY: u8 = b'Q';

/// What is read from the source at once.
const CHUNK: usize = 256 << 10;

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Copied {
    /// Rows that the source gave, by its own count.
    pub(crate) rows_from: u64,
    /// Rows that were counted in the target afterwards.
    pub(crate) rows_to: u64,
    pub(crate) bytes: u64,
}

/// One copy: `out` is the source's statement; `within` the target's, one request with one
/// `COPY … FROM STDIN` and a last statement that counts the rows.
pub(crate) struct Copy<'a> {
    pub(crate) out: &'a str,
    pub(crate) within: &'a str,
    /// Whether the source may begin before the target is ready.
    pub(crate) eager: bool,
    /// Grows with the bytes passed on.
    pub(crate) passed: &'a AtomicU64,
}

impl Copy<'_> {
    pub(crate) async fn run(&self, from: &mut Line, to: &mut Line) -> Result<Copied, Trouble> {
        let mut from = Inbox::new(from.hold().await?, Side::Source, CHUNK);
        let mut to = Inbox::new(to.hold().await?, Side::Target, 8 << 10);
        let mut given = Answer::default();
        let mut taken = Answer::default();
        to.ask(QUERY, self.within, &mut taken).await?;
        if self.eager {
            from.ask(QUERY, self.out, &mut given).await?;
        }
        to.until(&mut taken, Answer::may_send).await?;
        if !taken.wants_data() {
            // Refused: there is nothing to send.
            if self.eager {
                from.until(&mut given, Answer::is_ready).await?;
            }
            return Err(taken.refusal(Side::Target));
        }
        if !self.eager {
            from.ask(QUERY, self.out, &mut given).await?;
        }
        // Where the source's side breaks off, both connections are given up: the target then drops
        // what it has of the table.
        let bytes = self.pass(&mut from, &mut given, &mut to, &mut taken).await?;
        if let Some(error) = given.error() {
            to.ask(FAIL, "the source broke off", &mut taken).await?;
            to.until(&mut taken, Answer::is_ready).await?;
            return Err(Trouble::refused(Side::Source, error.clone()));
        }
        to.ask_nothing(DONE, &mut taken).await?;
        to.until(&mut taken, Answer::is_ready).await?;
        if taken.error().is_some() {
            return Err(taken.refusal(Side::Target));
        }
        let rows_from = given.copied().ok_or_else(|| no_count(Side::Source))?;
        let rows_to = taken.counted().ok_or_else(|| no_count(Side::Target))?;
        Ok(Copied { rows_from, rows_to, bytes })
    }

    /// Passes on all data, until the source is ready for the next statement. What the target
    /// has refused by then is read to its end and dropped, from the end of a row on: within one,
    /// the target would take the next message for a part of it.
    async fn pass(
        &self,
        from: &mut Inbox<'_>,
        given: &mut Answer,
        to: &mut Inbox<'_>,
        taken: &mut Answer,
    ) -> Result<u64, Fatal> {
        let mut bytes = 0;
        let mut is_wanted = true;
        loop {
            let Rows { data, end } = from.rows(given).await?;
            if data.is_empty() {
                return Ok(bytes);
            }
            bytes += data.len() as u64;
            self.passed.fetch_add(data.len() as u64, Ordering::Relaxed);
            if is_wanted {
                to.send(data, taken).await?;
                is_wanted = taken.error().is_none() || end == RowEnd::Within;
            }
        }
    }
}

fn no_count(side: Side) -> Trouble {
    Fatal(format!("{}: the server did not say how many rows it copied", side.name())).into()
}

/// Reads into `buffer`, of whose bytes the first `filled` are taken; how many there are then.
async fn read(held: &mut Held<'_>, buffer: &mut [u8], filled: usize) -> std::io::Result<usize> {
    poll_fn(|context| {
        let mut room = ReadBuf::new(&mut buffer[filled..]);
        match held.poll_read(context, &mut room) {
            Poll::Ready(Ok(())) if room.filled().is_empty() => {
                Poll::Ready(Err(std::io::ErrorKind::UnexpectedEof.into()))
            }
            Poll::Ready(Ok(())) => Poll::Ready(Ok(filled + room.filled().len())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
