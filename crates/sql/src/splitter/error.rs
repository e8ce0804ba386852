//! What can be wrong with an input.

use thiserror::Error;

/// Why an input cannot be split, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line} (byte {offset}): {kind}")]
pub struct SplitError {
    /// What is wrong.
    pub kind: SplitErrorKind,
    /// The byte in the whole input: where the thing began that has no end, what is out of place,
    /// or (for COPY data) where the input broke off.
    pub offset: u64,
    /// The line of that byte, from 1.
    pub line: u64,
}

/// What is wrong with an input.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SplitErrorKind {
    /// A `'…'` that the input ends in.
    #[error("a string that starts here is never closed; add the missing `'`")]
    UnterminatedString,
    /// A `"…"` that the input ends in.
    #[error("a quoted identifier that starts here is never closed; add the missing `\"`")]
    UnterminatedIdentifier,
    /// A `` `…` `` or `[…]` of SQLite that the input ends in.
    #[error("a quoted identifier that starts here is never closed; add the missing `{close}`")]
    UnterminatedName {
        /// What it would end in.
        close: char,
    },
    /// A `$tag$…` that the input ends in.
    #[error("a dollar quote that starts here is never closed; add the missing `{tag}`")]
    UnterminatedDollarQuote {
        /// The whole delimiter, as `$body$`.
        tag: String,
    },
    /// A `/* …` that the input ends in.
    #[error("a comment that starts here is never closed; add the missing `*/`")]
    UnterminatedComment,
    /// COPY data that the input ends in.
    #[error("the input ends within the data of a COPY, after {rows} rows, without a line `\\.`")]
    UnterminatedCopy {
        /// The line ends seen in that data.
        rows: u64,
    },
    /// Something after the `;` of a `COPY … FROM stdin`, in the same line.
    #[error("text after the `;` of a COPY FROM stdin; its data must start on the next line")]
    TextAfterCopy,
    /// A psql command inside of a statement.
    #[error("a backslash inside of a statement; psql commands are not part of SQL")]
    BackslashInStatement,
    /// A statement of more bytes than the splitter takes.
    #[error("a statement that starts here is larger than {limit} bytes")]
    StatementTooLarge {
        /// The splitter's limit in bytes.
        limit: usize,
    },
}
