//! From the file's own bytes to the dump's: one loop per compression, each strict about the end.
//!
//! A decoder that stops quietly where the file stops is how half a backup gets restored; every
//! loop here proves that the last member or frame is complete and that nothing follows it.

use std::io::{self, BufRead, Read};

use bytes::Bytes;

use super::BackupError;
use super::codec::Codec;
use super::raw::Raw;
use crate::blocks::Blocks;

/// Why decoding stopped early.
pub(super) enum Halt {
    /// The bytes are wrong.
    Failed(BackupError),
    /// Nobody wants the rest.
    Unwanted,
}

/// Takes decoded chunks; `Err` when nobody wants more.
pub(super) type Emit<'a> = &'a mut dyn FnMut(Bytes) -> Result<(), Halt>;

/// Decodes all of `raw`.
pub(super) fn decode(raw: &mut Raw, codec: Codec, path: &str, emit: Emit<'_>) -> Result<(), Halt> {
    match codec {
        Codec::Plain => pass(raw, path, emit),
        Codec::Gzip => gunzip(raw, path, emit),
        Codec::Zstd => unzstd(raw, path, emit),
        Codec::Lz4 => unlz4(raw, path, emit),
    }
}

fn pass(raw: &mut Raw, path: &str, emit: Emit<'_>) -> Result<(), Halt> {
    let mut chunks = Chunks::of(&mut *raw, &Blocks::default());
    loop {
        match chunks.next() {
            Ok(Some(chunk)) => emit(chunk)?,
            Ok(None) => return Ok(()),
            Err(error) => return Err(verdict(chunks.decoder, &error, path, Codec::Plain)),
        }
    }
}

fn gunzip(raw: &mut Raw, path: &str, emit: Emit<'_>) -> Result<(), Halt> {
    let blocks = Blocks::default();
    loop {
        let mut member = Chunks::of(flate2::bufread::GzDecoder::new(&mut *raw), &blocks);
        loop {
            match member.next() {
                Ok(Some(chunk)) => emit(chunk)?,
                Ok(None) => break,
                Err(error) => {
                    return Err(verdict(member.decoder.get_mut(), &error, path, Codec::Gzip));
                }
            }
        }
        drop(member);
        match behind_member(raw) {
            Ok(Behind::Nothing) => return Ok(()),
            Ok(Behind::Member) => {}
            Ok(Behind::Garbage) => return Err(garbage(path, raw.taken(), Codec::Gzip)),
            Err(error) => return Err(verdict(raw, &error, path, Codec::Gzip)),
        }
    }
}

/// What follows a gzip member.
enum Behind {
    Nothing,
    Member,
    Garbage,
}

/// Zeros behind the last member are padding of tapes and block devices, as gzip sees it.
fn behind_member(raw: &mut Raw) -> io::Result<Behind> {
    let mut padding = false;
    loop {
        match raw.fill_buf()?.first() {
            None => return Ok(Behind::Nothing),
            Some(0) => padding = true,
            Some(0x1f) if !padding => return Ok(Behind::Member),
            Some(_) => return Ok(Behind::Garbage),
        }
        raw.consume(1);
    }
}

fn unzstd(raw: &mut Raw, path: &str, emit: Emit<'_>) -> Result<(), Halt> {
    let made = zstd::stream::read::Decoder::with_buffer(&mut *raw);
    let mut frames = made
        .map(|it| Chunks::of(it, &Blocks::default()))
        .map_err(|source| Halt::Failed(unreadable(path, 0, source)))?;
    loop {
        match frames.next() {
            Ok(Some(chunk)) => emit(chunk)?,
            Ok(None) => return Ok(()),
            Err(error) => return Err(verdict(frames.decoder.get_mut(), &error, path, Codec::Zstd)),
        }
    }
}

/// The LZ4 decoder takes an end of file between two blocks for the end of the frame. A complete
/// frame is told by its decoder never having asked for more than there is.
fn unlz4(raw: &mut Raw, path: &str, emit: Emit<'_>) -> Result<(), Halt> {
    let blocks = Blocks::default();
    loop {
        let source = EndNoting { raw: &mut *raw, end_seen: false };
        let mut frame = Chunks::of(lz4_flex::frame::FrameDecoder::new(source), &blocks);
        let error = loop {
            match frame.next() {
                Ok(Some(chunk)) => emit(chunk)?,
                Ok(None) if frame.decoder.get_ref().end_seen => {
                    break Some(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        drop(frame);
        let next = match error {
            Some(error) => Err(error),
            None => raw.fill_buf().map(<[u8]>::is_empty),
        };
        match next {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => return Err(verdict(raw, &error, path, Codec::Lz4)),
        }
    }
}

/// Notes whether its reader asked for more than there is.
struct EndNoting<'a> {
    raw: &'a mut Raw,
    end_seen: bool,
}

impl Read for EndNoting<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.raw.read(into)?;
        self.end_seen |= read == 0 && !into.is_empty();
        Ok(read)
    }
}

/// Cuts what a decoder gives into chunks.
struct Chunks<R> {
    decoder: R,
    blocks: Blocks,
    /// An error that came behind decoded bytes. Those are handed on first: they say in which
    /// table the damage lies. Decoders don't repeat their errors, so it is kept.
    pending: Option<io::Error>,
    /// Whether the decoder said that it is at its end. It is not asked again: some begin the next
    /// frame then.
    ended: bool,
}

impl<R: Read> Chunks<R> {
    fn of(decoder: R, blocks: &Blocks) -> Self {
        Self { decoder, blocks: blocks.clone(), pending: None, ended: false }
    }

    /// The next chunk, full except for the last; `None` at the end.
    fn next(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(error) = self.pending.take() {
            return Err(error);
        }
        if self.ended {
            return Ok(None);
        }
        let blocks = self.blocks.clone();
        let mut failure = None;
        let chunk = blocks.filled(|memory| {
            let (filled, error) = self.fill(memory);
            failure = error;
            filled
        });
        match failure {
            Some(error) if chunk.is_empty() => return Err(error),
            failure => self.pending = failure,
        }
        Ok((!chunk.is_empty()).then_some(chunk))
    }

    /// Reads until `memory` is full, the end is there, or an error is: how many bytes came before it.
    fn fill(&mut self, memory: &mut [u8]) -> (usize, Option<io::Error>) {
        let mut filled = 0;
        while filled < memory.len() {
            match self.decoder.read(&mut memory[filled..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (filled, Some(error)),
            }
        }
        (filled, None)
    }
}

/// What an error of a decoder means.
fn verdict(raw: &mut Raw, error: &io::Error, path: &str, codec: Codec) -> Halt {
    let at = raw.taken();
    if let Some(source) = raw.take_failure() {
        return Halt::Failed(unreadable(path, at, source));
    }
    let path = path.to_owned();
    Halt::Failed(if error.kind() == io::ErrorKind::UnexpectedEof {
        let what = format!("the {} stream is not complete there", codec.name());
        BackupError::Truncated { path, at, what }
    } else {
        BackupError::Corrupt { path, at, what: format!("{}: {error}", codec.name()) }
    })
}

fn unreadable(path: &str, at: u64, source: io::Error) -> BackupError {
    BackupError::Unreadable { path: path.to_owned(), at, source }
}

fn garbage(path: &str, at: u64, codec: Codec) -> Halt {
    let what = format!("bytes that are not {} follow the end of the stream", codec.name());
    Halt::Failed(BackupError::Corrupt { path: path.to_owned(), at, what })
}
