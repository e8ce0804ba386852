//! A text with a limit: parts are put whole or not at all, and what is left out is told.

use crate::units;

/// Kept free for saying that something was left out.
const RESERVE: usize = 400;

/// A text that grows up to a limit, in bytes.
pub(super) struct Room {
    text: String,
    limit: usize,
    left_out: usize,
}

impl Room {
    pub(super) const fn of(limit: usize) -> Self {
        Self { text: String::new(), limit, left_out: 0 }
    }

    /// Puts a part where it fits.
    pub(super) fn put(&mut self, part: &str) {
        if self.fits(part.len()) {
            self.text.push_str(part);
        } else {
            self.left_out += 1;
        }
    }

    /// A head, as many rows as fit, and a tail; nothing of it where not even one row fits.
    pub(super) fn list(&mut self, head: &str, rows: impl Iterator<Item = String>, tail: &str) {
        let mut rows = rows.peekable();
        let first = rows.peek().map_or(0, String::len);
        if first == 0 || !self.fits(head.len() + first + tail.len()) {
            self.left_out += rows.count();
            return;
        }
        self.text.push_str(head);
        let mut full = false;
        for row in rows {
            full = full || !self.fits(row.len() + tail.len());
            if full {
                self.left_out += 1;
            } else {
                self.text.push_str(&row);
            }
        }
        self.text.push_str(tail);
    }

    /// The text, with a note where something is missing.
    pub(super) fn finish(mut self) -> String {
        if self.left_out > 0 {
            let note = format!(
                "\n> **Not everything fits here**: {} lines were left out. The whole is in the \
                 JSON report, and `stopover report FILE.json --html OUT.html` shows it.\n",
                units::count(self.left_out as u64)
            );
            self.text.push_str(&note);
        }
        self.text
    }

    fn fits(&self, length: usize) -> bool {
        self.text.len() + length + RESERVE <= self.limit
    }
}
