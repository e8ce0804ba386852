//! From the dump's bytes to jobs: statements and blocks of table data, each owning its bytes.
//!
//! Knows nothing of servers; a loader takes the jobs from a bounded channel. The reader runs on a
//! thread of its own, so that cutting the dump and loading it overlap.

use std::fmt;

use bytes::Bytes;
use stopover_sql::dump::{DumpError, DumpScanner};
use stopover_sql::{CopyFormat, MetaCommand, Piece, PieceKind, Splitter, Strings};
use tokio::sync::mpsc::Sender;

use super::crew::BlockEnd;
use super::error::{Place, RestoreError};
use crate::backup::{BackupError, Codec, Digest, Stream};
use crate::blocks::Blocks;

/// The most bytes of a statement: as much as the server takes in one message.
const STATEMENT_BYTES: usize = 1 << 30;

/// One thing to do, in the dump's order.
#[derive(Debug)]
pub(super) enum Job {
    /// Execute a statement.
    Statement(Statement),
    /// Begin to load data: the statement is a `COPY … FROM stdin`.
    Copy {
        /// The COPY statement.
        statement: Statement,
        /// The table, for people.
        table: Option<String>,
        /// How its data is written.
        format: CopyFormat,
    },
    /// Data of the COPY.
    Rows {
        /// Cut at row ends, but for rows that are longer than a block.
        bytes: Bytes,
        /// Rows that end in it.
        rows: u64,
        /// Whether it ends with a row.
        end: BlockEnd,
    },
    /// The end of the COPY's data.
    CopyEnd,
}

/// A statement of the dump.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    /// Without comments around it and without its semicolon, in the dump's encoding.
    pub(super) text: Vec<u8>,
    /// Its line in the dump, from 1.
    pub(super) line: u64,
    /// How its plain strings are read.
    pub(super) strings: Strings,
}

/// Where the dump's text comes from.
pub(super) trait Source: Send + fmt::Debug {
    /// The next bytes; `None` at a proper end.
    fn next_chunk(&mut self) -> Result<Option<Bytes>, BackupError>;

    /// Whether damage further on can be noticed, by a checksum or by a program that converts it.
    fn proves_itself(&self) -> bool;

    /// The hash of the backup, once its end was reached; `None` where somebody else has it.
    fn digest(&self) -> Option<&Digest>;
}

impl Source for Stream {
    fn next_chunk(&mut self) -> Result<Option<Bytes>, BackupError> {
        Stream::next_chunk(self)
    }

    fn proves_itself(&self) -> bool {
        self.codec() != Codec::Plain
    }

    fn digest(&self) -> Option<&Digest> {
        Stream::digest(self)
    }
}

/// How the reading ended.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) digest: Option<Digest>,
    pub(super) result: Result<(), RestoreError>,
    pub(super) place: Place,
    pub(super) facts: DumpFacts,
}

/// What the dump said of itself.
#[derive(Debug, Clone, Default)]
pub(super) struct DumpFacts {
    pub(super) server_version: Option<String>,
    pub(super) dump_version: Option<String>,
}

/// Why reading stopped before the end.
enum Stop {
    /// The loader takes no more.
    Unwanted,
    Broken(RestoreError),
}

/// Reads all of `source`. When the loader gives up, the rest is read nevertheless, as long as
/// `wanted` says that somebody waits: damage further on may be what made it give up.
pub(super) fn read(
    mut source: Box<dyn Source>,
    jobs: &Sender<Job>,
    wanted: impl Fn() -> bool,
) -> Reading {
    let mut scanner = DumpScanner::new();
    let result = match cut(source.as_mut(), &mut scanner, jobs) {
        Ok(()) => Ok(()),
        Err(Stop::Broken(error)) => Err(error),
        Err(Stop::Unwanted) => drain(source.as_mut(), wanted)
            .map_err(|error| RestoreError::of_backup(error, place(&scanner))),
    };
    let facts = DumpFacts {
        server_version: scanner.server_version().map(str::to_owned),
        dump_version: scanner.pg_dump_version().map(str::to_owned),
    };
    Reading { digest: source.digest().cloned(), result, place: place(&scanner), facts }
}

fn drain(source: &mut dyn Source, wanted: impl Fn() -> bool) -> Result<(), BackupError> {
    while source.proves_itself() && wanted() && source.next_chunk()?.is_some() {}
    Ok(())
}

fn cut(source: &mut dyn Source, scanner: &mut DumpScanner, jobs: &Sender<Job>) -> Result<(), Stop> {
    let mut splitter = Splitter::with_limit(STATEMENT_BYTES);
    let blocks = Blocks::default();
    let mut bytes = 0;
    loop {
        let chunk = source.next_chunk();
        let chunk =
            chunk.map_err(|error| Stop::Broken(RestoreError::of_backup(error, place(scanner))))?;
        match &chunk {
            Some(chunk) => {
                bytes += chunk.len() as u64;
                splitter.feed(chunk);
            }
            None => splitter.end(),
        }
        let result = loop {
            match splitter.next_piece() {
                Ok(Some(piece)) => hand_on(&piece, scanner, &blocks, jobs)?,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        if chunk.is_none() || result.is_err() {
            let whole = scanner.finish(bytes, result);
            return whole.map_err(|error| Stop::Broken(not_whole(error, scanner)));
        }
    }
}

fn hand_on(
    piece: &Piece<'_>,
    scanner: &mut DumpScanner,
    blocks: &Blocks,
    jobs: &Sender<Job>,
) -> Result<(), Stop> {
    scanner.piece(piece);
    let job = match piece.kind {
        PieceKind::Blank => return Ok(()),
        PieceKind::MetaCommand => return meta_command(piece).map_err(Stop::Broken),
        PieceKind::CopyEnd => Job::CopyEnd,
        PieceKind::CopyData => {
            let end = if piece.row_end { BlockEnd::Row } else { BlockEnd::WithinRow };
            Job::Rows { bytes: blocks.copied(piece.bytes), rows: piece.rows, end }
        }
        PieceKind::Statement => {
            let statement = Statement {
                text: piece.body_bytes().to_vec(),
                line: piece.body_line,
                strings: piece.strings,
            };
            match piece.copy {
                Some(copy) => {
                    let table = scanner.table().map(str::to_owned);
                    Job::Copy { statement, table, format: copy.format }
                }
                None => Job::Statement(statement),
            }
        }
    };
    jobs.blocking_send(job).map_err(|_| Stop::Unwanted)
}

/// psql's commands are not executed; the two that guard a dump mean nothing here.
fn meta_command(piece: &Piece<'_>) -> Result<(), RestoreError> {
    let command = MetaCommand::parse(piece.body_bytes());
    if command.guard().is_some() {
        return Ok(());
    }
    let name = &command.name;
    let what = match name.as_str() {
        "connect" | "c" => format!(
            "psql's \\{name}: the dump was made with pg_dump --create; make it without, for the \
             scratch database is made by this tool"
        ),
        _ => format!(
            "psql's command \\{name} is not SQL and is not executed: a dump of pg_dump has none, \
             so find out who wrote it there"
        ),
    };
    Err(RestoreError::Refused { line: piece.body_line, what })
}

fn not_whole(error: DumpError, scanner: &DumpScanner) -> RestoreError {
    let no_header = scanner.server_version().is_none() && scanner.pg_dump_version().is_none();
    match error {
        DumpError::NoTrailer { .. } if no_header => RestoreError::NotADump {
            what: "it has neither the first lines nor the last line that pg_dump writes".to_owned(),
        },
        DumpError::NoTrailer { place } => RestoreError::Truncated {
            what: format!(
                "the dump ends at byte {} without its last line, \"PostgreSQL database dump \
                 complete\"",
                place.offset
            ),
            place: own(place),
        },
        DumpError::BrokenOff { place } => RestoreError::Truncated {
            what: format!("the dump ends at byte {} in the middle of something", place.offset),
            place: own(place),
        },
        DumpError::Unreadable { place, error } => {
            RestoreError::Corrupt { what: error.to_string(), place: own(place) }
        }
    }
}

fn own(place: stopover_sql::dump::DumpPlace) -> Place {
    Place { table: place.table, rows: place.rows, byte: place.offset }
}

fn place(scanner: &DumpScanner) -> Place {
    own(scanner.place())
}
