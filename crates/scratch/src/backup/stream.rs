//! The dump's bytes, decompressed on a thread of their own.
//!
//! A bounded channel lies between: memory stays flat however large the dump is and however slow
//! the server. Dropping a [`Stream`] ends its thread.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use bytes::Bytes;

use super::BackupError;
use super::codec::Codec;
use super::decode::{Halt, decode};
use super::raw::{Digest, Progress, Raw};

/// Chunks that may wait between the two threads.
const CHUNKS_WAITING: usize = 4;

enum Message {
    Chunk(Bytes),
    End(Digest),
    Failed(BackupError),
}

/// A backup's decompressed bytes, chunk by chunk.
#[derive(Debug)]
pub struct Stream {
    /// In a mutex only so that a stream can be shared between threads; nobody ever waits for it.
    receiver: Mutex<Receiver<Message>>,
    peeked: VecDeque<Bytes>,
    /// What came behind the peeked chunks, if the end was already seen.
    ending: Option<Result<Digest, BackupError>>,
    digest: Option<Digest>,
    progress: Progress,
    codec: Codec,
}

impl Stream {
    /// Starts to read `source` and to decompress it; `path` is for messages.
    pub(super) fn start(source: Box<dyn Read + Send>, codec: Codec, path: String) -> Self {
        let (sender, receiver) = sync_channel(CHUNKS_WAITING);
        let progress = Progress::default();
        let mut raw = Raw::new(source, progress.clone());
        thread::spawn(move || {
            let mut emit = |chunk| sender.send(Message::Chunk(chunk)).map_err(|_| Halt::Unwanted);
            let done = decode(&mut raw, codec, &path, &mut emit);
            conclude(&sender, done, raw, path);
        });
        Self {
            receiver: Mutex::new(receiver),
            peeked: VecDeque::new(),
            ending: None,
            digest: None,
            progress,
            codec,
        }
    }

    /// How much of the file has been read.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// How it is compressed.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The next chunk; `None` when the backup has properly ended.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, as soon as everything before the damage was given out.
    pub fn next_chunk(&mut self) -> Result<Option<Bytes>, BackupError> {
        if let Some(chunk) = self.peeked.pop_front() {
            return Ok(Some(chunk));
        }
        if let Some(ending) = self.ending.take() {
            self.digest = Some(ending?);
        }
        if self.digest.is_some() {
            return Ok(None);
        }
        match self.receive() {
            Message::Chunk(chunk) => Ok(Some(chunk)),
            Message::Failed(error) => Err(error),
            Message::End(digest) => {
                self.digest = Some(digest);
                Ok(None)
            }
        }
    }

    /// The hash of the file; `None` before its end.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The first chunk, which stays in the stream; empty for an empty dump.
    pub(super) fn head(&mut self) -> Result<Bytes, BackupError> {
        if self.peeked.is_empty() && self.ending.is_none() {
            match self.receive() {
                Message::Chunk(chunk) => self.peeked.push_back(chunk),
                Message::End(digest) => self.ending = Some(Ok(digest)),
                Message::Failed(error) => return Err(error),
            }
        }
        Ok(self.peeked.front().cloned().unwrap_or_default())
    }

    fn receive(&mut self) -> Message {
        let receiver = self.receiver.get_mut().unwrap_or_else(PoisonError::into_inner);
        receiver.recv().unwrap_or_else(|_| {
            // The thread is gone without a last word: it panicked.
            Message::Failed(BackupError::Corrupt {
                path: "backup".to_owned(),
                at: self.progress.bytes(),
                what: "the reading thread broke off; this is a defect of the tool".to_owned(),
            })
        })
    }
}

fn conclude(sender: &SyncSender<Message>, done: Result<(), Halt>, raw: Raw, path: String) {
    let last = match done {
        Err(Halt::Unwanted) => return,
        Err(Halt::Failed(error)) => Message::Failed(error),
        Ok(()) => {
            let at = raw.taken();
            match raw.finish() {
                Ok(digest) => Message::End(digest),
                Err(source) => Message::Failed(BackupError::Unreadable { path, at, source }),
            }
        }
    };
    // The receiver may be gone by now, which is no news to anybody.
    let _ = sender.send(last);
}
