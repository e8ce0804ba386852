//! Scripts' bytes: read whole, kept as they are.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

use stopover_model::Finding;

use crate::folder::Store;
use crate::names;

/// So many files are worth a thread: it takes as long to start as some tens of files to read.
const FILES_PER_THREAD: usize = 256;

/// More threads than these would only wait for each other in the file system.
const MOST_THREADS: usize = 8;

/// Most files fit into it.
const BUFFER: usize = 64 << 10;

/// A file's text, or why there is none.
pub(crate) type Text = Result<String, Box<Finding>>;

/// What `make` makes of each item, in their order, share by share; of many by several threads. It is
/// given a reader of files, which a thread keeps.
pub(crate) fn each<Item: Send, Made: Send>(
    store: Store<'_>,
    mut items: Vec<Item>,
    make: impl Fn(&mut Reader<'_>, Item) -> Made + Sync,
) -> Vec<Vec<Made>> {
    let share = |items: Vec<Item>| -> Vec<Made> {
        let mut reader = Reader { store, buffer: Vec::with_capacity(BUFFER) };
        items.into_iter().map(|item| make(&mut reader, item)).collect()
    };
    let count = items.len().div_ceil(threads(items.len()));
    let mut shares = Vec::new();
    while items.len() > count {
        shares.push(items.split_off(items.len() - count));
    }
    let share = &share;
    thread::scope(|scope| {
        let others: Vec<_> =
            shares.into_iter().rev().map(|items| scope.spawn(move || share(items))).collect();
        let first = share(items);
        // One breaks off only by a mistake of ours, which is told as if it were this thread's.
        let others =
            others.into_iter().map(|it| it.join().unwrap_or_else(|panic| resume_unwind(panic)));
        std::iter::once(first).chain(others).collect()
    })
}

/// How many threads so many files are worth.
fn threads(files: usize) -> usize {
    if files <= FILES_PER_THREAD {
        return 1;
    }
    // Only now, for it reads some files itself.
    let cores = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    files.div_ceil(FILES_PER_THREAD).min(cores)
}

/// Reads one file's text.
pub(crate) fn read(store: Store<'_>, path: &Path) -> Text {
    Reader { store, buffer: Vec::new() }.read(path)
}

/// Reads one file after the other.
pub(crate) struct Reader<'a> {
    store: Store<'a>,
    buffer: Vec<u8>,
}

impl Reader<'_> {
    /// Reads a file's text, byte for byte: byte-order mark and CRLF included.
    pub(crate) fn read(&mut self, path: &Path) -> Text {
        let shown = || path.display().to_string();
        let read = self.store.read_into(path, &mut self.buffer);
        read.map_err(|error| Box::new(names::unreadable(&shown(), &error.to_string())))?;
        let text = std::str::from_utf8(&self.buffer)
            .map_err(|error| Box::new(not_utf8(&shown(), error.valid_up_to(), &self.buffer)))?;
        match text.find('\0') {
            Some(offset) => Err(Box::new(nul_byte(&shown(), offset))),
            None => Ok(text.to_owned()),
        }
    }
}

fn not_utf8(path: &str, offset: usize, bytes: &[u8]) -> Finding {
    let place = line_of(bytes, offset);
    let byte = bytes.get(offset).copied().unwrap_or_default();
    let guess = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => " (it looks like UTF-16)",
        _ => "",
    };
    Finding::error(
        "not-utf8",
        path,
        format!("{path} is not UTF-8: byte 0x{byte:02x} at offset {offset} (line {place}){guess}"),
        "save the file as UTF-8; nothing is ever replaced in silence",
    )
}

fn nul_byte(path: &str, offset: usize) -> Finding {
    Finding::error(
        "nul-byte",
        path,
        format!("{path} holds a zero byte at offset {offset}, which PostgreSQL cannot take"),
        "remove the byte; save the file as UTF-8 if it is UTF-16",
    )
}

fn line_of(bytes: &[u8], offset: usize) -> usize {
    bytes.iter().take(offset).filter(|&&byte| byte == b'\n').count() + 1
}
