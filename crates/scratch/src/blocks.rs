//! Memory for bytes on their way through, used again once they are gone.
//!
//! A dump's bytes come in blocks of a quarter of a megabyte. Memory that is taken anew for each of
//! them is memory that the system first has to find and to clear, page by page.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// How many bytes a block has room for.
pub(crate) const BLOCK_BYTES: usize = 256 * 1024;

/// Fewer bytes than these are given memory of their own: a block is as large however little is in it.
const LEAST: usize = BLOCK_BYTES / 2;

/// Where blocks come from, and where they go back to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Blocks {
    free: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Blocks {
    /// What `fill` writes into a block: it gives how many bytes that is.
    pub(crate) fn filled(&self, fill: impl FnOnce(&mut [u8]) -> usize) -> Bytes {
        let mut block = self.take();
        block.length = fill(&mut block.memory).min(block.memory.len());
        if block.length < LEAST {
            return Bytes::copy_from_slice(block.as_ref());
        }
        Bytes::from_owner(block)
    }

    /// The same bytes.
    pub(crate) fn copied(&self, bytes: &[u8]) -> Bytes {
        if bytes.len() < LEAST || bytes.len() > BLOCK_BYTES {
            return Bytes::copy_from_slice(bytes);
        }
        self.filled(|memory| {
            memory[..bytes.len()].copy_from_slice(bytes);
            bytes.len()
        })
    }

    fn take(&self) -> Block {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let memory = free.unwrap_or_else(|| vec![0; BLOCK_BYTES]);
        Block { memory, length: 0, home: self.clone() }
    }
}

/// A block that is in use.
struct Block {
    memory: Vec<u8>,
    length: usize,
    home: Blocks,
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.length]
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        self.home.free.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_used_again_once_nobody_reads_it() {
        let blocks = Blocks::default();
        let full = |byte| vec![byte; BLOCK_BYTES];
        let first = blocks.copied(&full(1));
        let part = first.slice(10..20);
        let place = first.as_ptr();
        drop(first);
        let second = blocks.copied(&full(2));
        assert_ne!(second.as_ptr(), place, "somebody reads it");
        assert_eq!(part.as_ref(), [1; 10]);
        drop(part);
        let third = blocks.copied(&full(3)[1..]);
        assert_eq!(third.as_ptr(), place);
        assert_eq!(third, full(3)[1..], "what was in it before is not to be seen");
        assert_eq!(second, full(2));
    }

    #[test]
    fn little_takes_no_block_and_much_is_whole() {
        let blocks = Blocks::default();
        assert_eq!(blocks.copied(b"row\n").as_ref(), b"row\n");
        assert_eq!(blocks.filled(|_| 0).as_ref(), b"");
        let much = vec![7; BLOCK_BYTES + 1];
        assert_eq!(blocks.copied(&much), much);
        assert_eq!(blocks.free.lock().unwrap().len(), 1);
    }
}
