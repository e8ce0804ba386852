//! The data of a COPY: where to cut it, and where its `\.` line is.
//!
//! psql ends inline data at a line that is `\.` (with or without a carriage return) and nothing
//! else, in every format (`handleCopyIn` in `src/bin/psql/copy.c`); so does this. Blocks are cut
//! by what the data is, never by how it arrived: the longest run of whole lines of at most
//! [`COPY_BLOCK_BYTES`].

use memchr::{memmem, memrchr};

use crate::lexer::Input;

/// The most bytes that one piece of COPY data has. A longer line comes in parts of this size.
pub const COPY_BLOCK_BYTES: usize = 256 * 1024;

/// The longest form of the line that ends the data.
const LONGEST_END: &[u8] = b"\\.\r\n";

/// What comes next in the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// So many bytes of data.
    Data(usize),
    /// The line that ends the data, of so many bytes.
    End(usize),
    /// That cannot be told without more input.
    Wait,
    /// The input has ended, and the data has not.
    Missing,
}

enum EndLine {
    Here(usize),
    NotHere,
    NotYet,
}

/// Cuts the data of one COPY.
pub(super) struct CopyCutter {
    /// How far the uncut data was searched for its end.
    searched: usize,
    /// Whether the uncut data begins at the start of a line.
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    LineStart,
    WithinLine,
}

impl CopyCutter {
    pub(super) fn new() -> Self {
        CopyCutter { searched: 0, place: Place::LineStart }
    }

    /// Where to cut `data`, which is all that was not cut yet.
    pub(super) fn cut(&mut self, data: &[u8], input: Input) -> Cut {
        if self.place == Place::LineStart {
            match end_line(data, input) {
                EndLine::Here(length) => return Cut::End(length),
                EndLine::NotYet => return Cut::Wait,
                EndLine::NotHere => {}
            }
        }
        let complete = COPY_BLOCK_BYTES + LONGEST_END.len();
        let window = &data[..data.len().min(complete)];
        for found in memmem::find_iter(&window[self.searched..], b"\n\\.") {
            let line = self.searched + found + 1;
            if line > COPY_BLOCK_BYTES {
                break;
            }
            match end_line(&data[line..], input) {
                EndLine::Here(_) => return self.data(line, data),
                EndLine::NotYet => {
                    self.searched = line - 1;
                    return Cut::Wait;
                }
                EndLine::NotHere => {}
            }
        }
        if data.len() >= complete {
            let block = &data[..COPY_BLOCK_BYTES];
            return self.data(memrchr(b'\n', block).map_or(block.len(), |last| last + 1), data);
        }
        self.searched = window.len().saturating_sub(2).max(self.searched);
        if input == Input::Ended { Cut::Missing } else { Cut::Wait }
    }

    fn data(&mut self, length: usize, data: &[u8]) -> Cut {
        self.searched = 0;
        let ends_line = data[..length].ends_with(b"\n");
        self.place = if ends_line { Place::LineStart } else { Place::WithinLine };
        Cut::Data(length)
    }
}

/// Whether the line at the start of `data` is the one that ends it.
fn end_line(data: &[u8], input: Input) -> EndLine {
    if data.starts_with(b"\\.\n") {
        return EndLine::Here(3);
    }
    if data.starts_with(LONGEST_END) {
        return EndLine::Here(4);
    }
    match input {
        Input::Open if LONGEST_END.starts_with(data) => EndLine::NotYet,
        Input::Ended if data == b"\\." || data == b"\\.\r" => EndLine::Here(data.len()),
        Input::Open | Input::Ended => EndLine::NotHere,
    }
}
