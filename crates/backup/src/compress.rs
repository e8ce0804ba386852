//! Compression on all cores: the stream is cut into blocks, each of which becomes a member (gzip) or
//! a frame (Zstandard) of its own, compressed by whichever thread is free and written in order.
//!
//! A file of several members is a gzip file like any other (RFC 1952, 2.2): `zcat`, `gzip -t` and
//! pg_restore read it as one stream. The blocks share no history, which costs about 1 % of the size.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;
use nix::sys::signal::{SigSet, Signal};
use sha2::{Digest as _, Sha256};

use crate::error::BackupError;

/// Bytes of a block. Smaller ones compress worse, larger ones keep threads waiting at the end.
const BLOCK: usize = 1 << 20;

/// Bytes at the end of the stream that are kept, to see whether it is whole.
const TAIL: usize = 4096;

/// How a stream is compressed, with its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    None,
    /// gzip, 1 (fast) to 9 (small).
    Gzip(u32),
    /// Zstandard, 1 (fast) to 19 (small).
    Zstd(i32),
}

/// How far it has come; shared with whoever shows progress.
#[derive(Debug, Default)]
pub struct Counters {
    content: AtomicU64,
    written: AtomicU64,
}

impl Counters {
    /// Bytes that were read, and bytes that were written.
    pub(crate) fn read(&self) -> (u64, u64) {
        (self.content.load(Ordering::Relaxed), self.written.load(Ordering::Relaxed))
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// Its bytes.
    pub bytes: u64,
    /// The bytes of the stream.
    pub content: u64,
    /// The last bytes of the stream, at most 4 KiB.
    pub tail: Vec<u8>,
}

/// Why it was not.
#[derive(Debug)]
pub enum PackError {
    /// The stream could not be read.
    Read(io::Error),
    /// The file could not be written.
    Write(io::Error),
    /// A block could not be compressed.
    Compress(io::Error),
}

impl PackError {
    /// As an error about the file at `path`.
    pub(crate) fn about(self, path: &std::path::Path) -> BackupError {
        match self {
            Self::Write(source) => BackupError::write(path)(source),
            Self::Read(error) => BackupError::cut_off(format!("its source: {error}")),
            Self::Compress(error) => BackupError::cut_off(format!("compression: {error}")),
        }
    }
}

type Block = (Vec<u8>, SyncSender<io::Result<Vec<u8>>>);

/// Reads `from` to its end, compresses it on `threads` threads, and writes it to `into`, which is
/// not synced.
///
/// # Errors
/// What could not be read, compressed or written; the first of them.
pub fn pack(
    from: impl Read + Send,
    into: &File,
    codec: Codec,
    threads: usize,
    counters: &Counters,
) -> Result<Packed, PackError> {
    let (jobs, waiting) = sync_channel::<Block>(threads);
    let (order, ordered) = sync_channel::<Receiver<io::Result<Vec<u8>>>>(threads * 2);
    let waiting = Mutex::new(waiting);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&waiting, codec));
        }
        let writer = scope.spawn(move || write(into, &ordered, counters));
        let read = cut(from, &jobs, &order, counters);
        // The threads end when nothing can come any more.
        drop((jobs, order));
        let written = writer.join().unwrap_or_else(|_| Err(PackError::Write(broken())));
        // A writer that failed is why the reader found nobody to give a block to.
        let (sha256, bytes) = written?;
        let (content, tail) = read.map_err(PackError::Read)?;
        Ok(Packed { sha256, bytes, content, tail })
    })
}

fn broken() -> io::Error {
    io::Error::other("a thread broke off; this is a defect of the tool")
}

/// Cuts the stream into blocks. An empty stream is one empty block: no file may be empty.
fn cut(
    mut from: impl Read,
    jobs: &SyncSender<Block>,
    order: &SyncSender<Receiver<io::Result<Vec<u8>>>>,
    counters: &Counters,
) -> io::Result<(u64, Vec<u8>)> {
    let (mut content, mut tail) = (0_u64, Vec::new());
    loop {
        let mut block = Vec::with_capacity(BLOCK);
        let read = from.by_ref().take(BLOCK as u64).read_to_end(&mut block)?;
        if read == 0 && content > 0 {
            return Ok((content, tail));
        }
        content += read as u64;
        counters.content.store(content, Ordering::Relaxed);
        tail.extend_from_slice(&block[block.len().saturating_sub(TAIL)..]);
        tail.drain(..tail.len().saturating_sub(TAIL));
        let (done, result) = sync_channel(1);
        // The writer goes first: where it is gone, nobody wants the block.
        if order.send(result).is_err() || jobs.send((block, done)).is_err() || read == 0 {
            return Ok((content, tail));
        }
    }
}

fn work(waiting: &Mutex<Receiver<Block>>, codec: Codec) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((block, done)) = next else { return };
        // Nobody waits for it any more where the writer has failed.
        let _ = done.send(compressed(block, codec));
    }
}

fn compressed(block: Vec<u8>, codec: Codec) -> io::Result<Vec<u8>> {
    match codec {
        Codec::None => Ok(block),
        Codec::Gzip(level) => {
            let room = Vec::with_capacity(block.len() / 3 + 64);
            let mut encoder = GzEncoder::new(room, Compression::new(level));
            encoder.write_all(&block)?;
            encoder.finish()
        }
        Codec::Zstd(level) => zstd::bulk::compress(&block, level),
    }
}

fn write(
    mut into: &File,
    ordered: &Receiver<Receiver<io::Result<Vec<u8>>>>,
    counters: &Counters,
) -> Result<(String, u64), PackError> {
    // A limit of the file's size (`ulimit -f`) is an error of ours, not our end.
    let mut limit = SigSet::empty();
    limit.add(Signal::SIGXFSZ);
    let _ = limit.thread_block();
    let (mut hash, mut bytes) = (Sha256::new(), 0_u64);
    while let Ok(result) = ordered.recv() {
        let block = result.recv().map_err(|_| PackError::Compress(broken()))?;
        let block = block.map_err(PackError::Compress)?;
        into.write_all(&block).map_err(PackError::Write)?;
        hash.update(&block);
        bytes += block.len() as u64;
        counters.written.store(bytes, Ordering::Relaxed);
    }
    Ok((hex(&hash.finalize()), bytes))
}

/// In lower-case hex digits.
pub(crate) fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::io::Seek;

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_u32;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            b"0123456789abcdef"[(state & 15) as usize]
        };
        (0..length).map(|_| next()).collect()
    }

    fn packed(content: &[u8], codec: Codec, threads: usize) -> (Packed, Vec<u8>) {
        let mut file = tempfile::tempfile().unwrap();
        let packed = pack(content, &file, codec, threads, &Counters::default()).unwrap();
        file.rewind().unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        (packed, bytes)
    }

    fn unpacked(bytes: &[u8], codec: Codec) -> Vec<u8> {
        let mut content = Vec::new();
        match codec {
            Codec::None => content.extend_from_slice(bytes),
            Codec::Gzip(_) => {
                flate2::read::MultiGzDecoder::new(bytes)
                    .read_to_end(&mut content)
                    .map(drop)
                    .unwrap();
            }
            Codec::Zstd(_) => content = zstd::decode_all(bytes).unwrap(),
        }
        content
    }

    #[test]
    fn every_codec_gives_back_what_it_was_given_whatever_the_number_of_threads() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 17] {
            let content = noise(length);
            for codec in [Codec::None, Codec::Gzip(4), Codec::Zstd(1)] {
                for threads in [1, 3] {
                    let (packed, bytes) = packed(&content, codec, threads);
                    assert!(unpacked(&bytes, codec) == content, "{codec:?} {length}");
                    assert_eq!(packed.bytes, bytes.len() as u64);
                    assert_eq!(packed.content, length as u64);
                    assert_eq!(packed.sha256, hex(&Sha256::digest(&bytes)));
                    assert!(content.ends_with(&packed.tail));
                    assert_eq!(packed.tail.len(), length.min(TAIL));
                }
            }
        }
    }

    #[test]
    fn a_disk_that_is_full_is_an_error_of_writing() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let content = noise(9 * BLOCK);
        let packed = pack(&content[..], &full, Codec::Gzip(1), 2, &Counters::default());
        assert!(
            matches!(packed, Err(PackError::Write(it)) if it.kind() == io::ErrorKind::StorageFull)
        );
    }

    #[test]
    fn a_source_that_breaks_off_is_an_error_of_reading() {
        struct Broken(usize);
        impl Read for Broken {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                self.0 += 1;
                if self.0 > 3 { Err(io::Error::other("gone")) } else { Ok(into.len()) }
            }
        }
        let into = tempfile::tempfile().unwrap();
        let packed = pack(Broken(0), &into, Codec::Zstd(1), 2, &Counters::default());
        assert!(matches!(packed, Err(PackError::Read(_))));
    }
}
