//! `COPY … FROM stdin`: which statements have their data in the text after them, and in what
//! format. The grammar is `CopyStmt` in PostgreSQL's `gram.y`.

use std::fmt;

use crate::token::TokenKind;

/// The format that a COPY's options name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CopyFormat {
    /// PostgreSQL's own: tabs and backslash escapes; one line is one row.
    #[default]
    Text,
    /// Comma-separated: a row may hold line ends, so that lines are not rows.
    Csv,
    /// Binary: cannot stand in a text file.
    Binary,
}

impl fmt::Display for CopyFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CopyFormat::Text => "text",
            CopyFormat::Csv => "csv",
            CopyFormat::Binary => "binary",
        })
    }
}

/// A COPY whose data follows in the text, up to a line `\.`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CopyStdin {
    /// How its data is written.
    pub format: CopyFormat,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Before or in the table's name.
    Table,
    /// After a dot of the name, where any word is a name.
    Dotted,
    /// After FROM.
    Source,
    Options,
    /// After `(` or `,` of the options.
    OptionName,
    /// After FORMAT in the options.
    OptionValue,
    /// In WHERE.
    Condition,
    /// Not a COPY from standard input.
    Elsewhere,
}

/// Reads a COPY statement token by token, beginning after the word COPY.
pub(crate) struct CopyTracker {
    step: Step,
    named: Named,
    format: CopyFormat,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    NotYet,
    Table,
}

impl CopyTracker {
    pub(crate) fn new() -> Self {
        CopyTracker { step: Step::Table, named: Named::NotYet, format: CopyFormat::Text }
    }

    /// What the statement turned out to be.
    pub(crate) fn outcome(&self) -> Option<CopyStdin> {
        match self.step {
            Step::Options | Step::OptionName | Step::OptionValue | Step::Condition => {
                Some(CopyStdin { format: self.format })
            }
            Step::Table | Step::Dotted | Step::Source | Step::Elsewhere => None,
        }
    }

    /// Takes the next token that is not trivia; `depth` counts the parentheses around it.
    pub(crate) fn token(&mut self, kind: TokenKind, text: &[u8], depth: u64) {
        self.step = match self.step {
            Step::Table => self.in_table(kind, text, depth),
            Step::Dotted => Step::Table,
            Step::Source if kind == TokenKind::Word && is_any(text, &["stdin", "stdout"]) => {
                Step::Options
            }
            Step::Source | Step::Elsewhere => Step::Elsewhere,
            Step::Options | Step::OptionName => self.in_options(kind, text, depth),
            Step::OptionValue => {
                self.name_format(text);
                Step::Options
            }
            Step::Condition => Step::Condition,
        };
    }

    fn in_table(&mut self, kind: TokenKind, text: &[u8], depth: u64) -> Step {
        if depth > 0 || text == b")" {
            return Step::Table;
        }
        match (self.named, kind) {
            (Named::NotYet, TokenKind::Word) if is_any(text, &["binary"]) => {
                self.format = CopyFormat::Binary;
            }
            (Named::NotYet, TokenKind::Word | TokenKind::QuotedIdent) => self.named = Named::Table,
            (Named::Table, TokenKind::Word) if is_any(text, &["from"]) => return Step::Source,
            (Named::Table, TokenKind::Symbol) if text == b"." => return Step::Dotted,
            (Named::Table, TokenKind::Symbol) if text == b"(" => {}
            (Named::NotYet | Named::Table, _) => return Step::Elsewhere,
        }
        Step::Table
    }

    fn in_options(&mut self, kind: TokenKind, text: &[u8], depth: u64) -> Step {
        match (depth, kind) {
            (0, TokenKind::Word) if is_any(text, &["where"]) => return Step::Condition,
            (0, TokenKind::Word) if is_any(text, &["csv", "binary"]) => self.name_format(text),
            (0, TokenKind::Symbol) if text == b"(" => return Step::OptionName,
            (1, TokenKind::Symbol) if text == b"," => return Step::OptionName,
            (1, TokenKind::Word) if self.step == Step::OptionName && is_any(text, &["format"]) => {
                return Step::OptionValue;
            }
            _ => {}
        }
        Step::Options
    }

    /// The value may be a word, an identifier or a string.
    fn name_format(&mut self, text: &[u8]) {
        let bare = text.trim_ascii();
        let bare = bare.strip_prefix(b"'").or(bare.strip_prefix(b"\"")).unwrap_or(bare);
        let bare = bare.strip_suffix(b"'").or(bare.strip_suffix(b"\"")).unwrap_or(bare);
        if is_any(bare, &["csv"]) {
            self.format = CopyFormat::Csv;
        } else if is_any(bare, &["binary"]) {
            self.format = CopyFormat::Binary;
        }
    }
}

/// Whether a word is one of `words` (given in lower case), in any case of letters.
pub(crate) fn is_any(text: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
}
