//! The backup's own bytes: read once, hashed and counted on the way.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

/// Bytes read from the operating system at a time.
const READ_BYTES: usize = 256 * 1024;

/// How many of the backup's own bytes have been read so far; shared with whoever shows progress.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Bytes of the backup read so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// What is known of the raw bytes once all of them were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// SHA-256, in lower-case hex digits.
    pub sha256: String,
    /// How many bytes.
    pub bytes: u64,
}

/// `hash` in lower-case hex digits.
pub(super) fn hex(hash: &[u8]) -> String {
    use std::fmt::Write as _;
    hash.iter().fold(String::with_capacity(hash.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A reader that hashes and counts what passes.
struct Hashing {
    inner: Box<dyn Read + Send>,
    hash: Sha256,
    progress: Progress,
}

impl Read for Hashing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.hash.update(&into[..read]);
        self.progress.add(read);
        Ok(read)
    }
}

/// The raw bytes behind a decoder. Knows how many of them the decoder has taken, which is where
/// damage is reported.
pub(super) struct Raw {
    reader: BufReader<Hashing>,
    taken: u64,
    /// The operating system's error, kept apart from what decoders make of it.
    failure: Option<io::Error>,
}

impl Raw {
    pub(super) fn new(inner: Box<dyn Read + Send>, progress: Progress) -> Self {
        let hashing = Hashing { inner, hash: Sha256::new(), progress };
        Self { reader: BufReader::with_capacity(READ_BYTES, hashing), taken: 0, failure: None }
    }

    /// Bytes that were taken out so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// The operating system's error, if that is what stopped the decoder.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// Reads what is left, and gives the hash of everything.
    pub(super) fn finish(mut self) -> io::Result<Digest> {
        loop {
            let left = self.fill_buf()?.len();
            if left == 0 {
                break;
            }
            self.consume(left);
        }
        let hash = self.reader.into_inner().hash.finalize();
        Ok(Digest { sha256: hex(&hash), bytes: self.taken })
    }
}

impl BufRead for Raw {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // Interrupted reads are tried again here: not every decoder does.
        loop {
            match self.reader.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let kind = error.kind();
                    self.failure = Some(error);
                    return Err(kind.into());
                }
            }
        }
        Ok(self.reader.buffer())
    }

    fn consume(&mut self, bytes: usize) {
        self.taken += bytes as u64;
        self.reader.consume(bytes);
    }
}

impl Read for Raw {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(into.len());
        into[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}
