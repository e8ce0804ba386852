//! Messages of one server, cut out of its bytes.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use stopover_postgres::Held;
use tokio::io::ReadBuf;

use super::answer::Answer;
use super::{DATA, read};
use crate::error::{Fatal, Side};

/// A tag and a length, which counts itself.
const HEAD: usize = 5;

/// The bytes of one server in hand, and those of them that are not used yet.
pub(super) struct Inbox<'a> {
    held: Held<'a>,
    side: Side,
    buffer: Vec<u8>,
    /// Bytes that were used.
    begin: usize,
    /// Bytes that are there.
    end: usize,
    /// Bytes of a row that are still to come.
    left: usize,
}

impl<'a> Inbox<'a> {
    pub(super) fn new(held: Held<'a>, side: Side, room: usize) -> Self {
        Self { held, side, buffer: vec![0; room], begin: 0, end: 0, left: 0 }
    }

    fn lost(&self, error: &io::Error) -> Fatal {
        Fatal::lost(self.side, error)
    }

    /// Sends a message with a text.
    pub(super) async fn ask(
        &mut self,
        tag: u8,
        text: &str,
        heard: &mut Answer,
    ) -> Result<(), Fatal> {
        let length = u32::try_from(text.len() + HEAD)
            .map_err(|_| Fatal(format!("{}: a statement is too long", self.side.name())))?;
        let mut message = Vec::with_capacity(text.len() + HEAD + 1);
        message.push(tag);
        message.extend(length.to_be_bytes());
        message.extend(text.as_bytes());
        message.push(0);
        self.write(&message, heard).await
    }

    /// Sends a message that says nothing but its tag.
    pub(super) async fn ask_nothing(&mut self, tag: u8, heard: &mut Answer) -> Result<(), Fatal> {
        self.write(&[tag, 0, 0, 0, 4], heard).await
    }

    async fn write(&mut self, message: &[u8], heard: &mut Answer) -> Result<(), Fatal> {
        self.send(message, heard).await?;
        let flushed = self.held.flush().await;
        flushed.map_err(|error| self.lost(&error))
    }

    /// Sends bytes, and hears what the server says meanwhile: a server whose answers nobody reads
    /// stops to read as well.
    pub(super) async fn send(&mut self, bytes: &[u8], heard: &mut Answer) -> Result<(), Fatal> {
        let mut sent = 0;
        while sent < bytes.len() {
            let turn = poll_fn(|context| {
                if let Poll::Ready(written) = self.held.poll_write(context, &bytes[sent..]) {
                    return Poll::Ready(written.map(Turn::Sent));
                }
                let mut room = ReadBuf::new(&mut self.buffer[self.end..]);
                match self.held.poll_read(context, &mut room) {
                    Poll::Ready(Ok(())) => Poll::Ready(Ok(Turn::Read(room.filled().len()))),
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await;
            match turn {
                Ok(Turn::Sent(0) | Turn::Read(0)) => {
                    return Err(self.lost(&io::ErrorKind::UnexpectedEof.into()));
                }
                Ok(Turn::Sent(more)) => sent += more,
                Ok(Turn::Read(more)) => {
                    self.end += more;
                    self.hear(heard);
                    self.make_room();
                }
                // The server's last words may be waiting to be read.
                Err(error) => return Err(self.last_words(heard, &error).await),
            }
        }
        Ok(())
    }

    /// What the server said before it went away; else why writing was not possible.
    async fn last_words(&mut self, heard: &mut Answer, error: &io::Error) -> Fatal {
        while self.fill().await.is_ok() {
            self.hear(heard);
        }
        match heard.error() {
            Some(said) => Fatal::lost(self.side, &said.message),
            None => self.lost(error),
        }
    }

    /// Hears messages until `enough`.
    pub(super) async fn until(
        &mut self,
        answer: &mut Answer,
        enough: impl Fn(&Answer) -> bool,
    ) -> Result<(), Fatal> {
        self.hear(answer);
        while !enough(answer) {
            self.fill().await?;
            self.hear(answer);
        }
        Ok(())
    }

    /// Takes all whole messages; rows are passed over.
    fn hear(&mut self, answer: &mut Answer) {
        while let Some(next) = self.next() {
            match next {
                Next::Rows(to) => self.begin = to,
                Next::Message { tag, body, to } => {
                    answer.take(tag, &self.buffer[body..to]);
                    self.begin = to;
                }
            }
        }
    }

    /// The next bytes of rows, as they came; none when the server is ready for the next statement.
    pub(super) async fn rows(&mut self, answer: &mut Answer) -> Result<Rows<'_>, Fatal> {
        loop {
            match self.next() {
                Some(Next::Rows(to)) => {
                    let from = std::mem::replace(&mut self.begin, to);
                    let end = if self.left == 0 { RowEnd::Whole } else { RowEnd::Within };
                    return Ok(Rows { data: &self.buffer[from..to], end });
                }
                Some(Next::Message { tag, body, to }) => {
                    answer.take(tag, &self.buffer[body..to]);
                    self.begin = to;
                    if answer.is_ready() {
                        return Ok(Rows { data: &[], end: RowEnd::Whole });
                    }
                }
                None => self.fill().await?,
            }
        }
    }

    /// What comes next: as many rows as there are, or one message that is there whole.
    fn next(&mut self) -> Option<Next> {
        let mut at = self.begin;
        if self.left > 0 && at < self.end {
            let step = self.left.min(self.end - at);
            self.left -= step;
            at += step;
        }
        while self.left == 0 && self.end - at >= HEAD {
            let tag = self.buffer[at];
            let length = [1, 2, 3, 4].map(|it| self.buffer[at + it]);
            let whole = u32::from_be_bytes(length) as usize + 1;
            if tag == DATA {
                let step = whole.min(self.end - at);
                self.left = whole - step;
                at += step;
            } else if at > self.begin {
                break;
            } else if whole <= self.end - at {
                return Some(Next::Message { tag, body: at + HEAD, to: at + whole });
            } else {
                self.need(whole);
                return None;
            }
        }
        (at > self.begin).then_some(Next::Rows(at))
    }

    /// Sees that a message of so many bytes has room.
    fn need(&mut self, whole: usize) {
        if self.buffer.len() < whole {
            self.buffer.resize(whole, 0);
        }
    }

    /// Moves what is not used to the front.
    fn make_room(&mut self) {
        if self.begin > 0 {
            self.buffer.copy_within(self.begin..self.end, 0);
            self.end -= self.begin;
            self.begin = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.end * 2, 0);
        }
    }

    async fn fill(&mut self) -> Result<(), Fatal> {
        self.make_room();
        let read = read(&mut self.held, &mut self.buffer, self.end).await;
        self.end = read.map_err(|error| self.lost(&error))?;
        Ok(())
    }
}

/// Bytes of rows.
pub(super) struct Rows<'b> {
    pub(super) data: &'b [u8],
    pub(super) end: RowEnd,
}

/// Where bytes of rows end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowEnd {
    /// With a row.
    Whole,
    /// Within one.
    Within,
}

enum Turn {
    Sent(usize),
    Read(usize),
}

enum Next {
    /// Up to there are rows.
    Rows(usize),
    Message {
        tag: u8,
        body: usize,
        to: usize,
    },
}
