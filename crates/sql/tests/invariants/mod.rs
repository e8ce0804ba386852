//! What must hold for any input at all. The property tests, the mutation test and the fuzz target
//! all call [`hold_for`].

use std::ops::Range;

use stopover_sql::dump::DumpScanner;
use stopover_sql::{
    COPY_BLOCK_BYTES, CopyStdin, Envelope, Piece, PieceKind, SplitError, Splitter, classify,
    envelope, statements, tokens,
};

/// A piece that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnedPiece {
    pub(crate) kind: PieceKind,
    pub(crate) offset: u64,
    pub(crate) line: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) body: Range<usize>,
    pub(crate) body_line: u64,
    pub(crate) copy: Option<CopyStdin>,
    pub(crate) rows: u64,
    pub(crate) row_end: bool,
}

impl From<&Piece<'_>> for OwnedPiece {
    fn from(piece: &Piece<'_>) -> Self {
        OwnedPiece {
            kind: piece.kind,
            offset: piece.offset,
            line: piece.line,
            bytes: piece.bytes.to_vec(),
            body: piece.body.clone(),
            body_line: piece.body_line,
            copy: piece.copy,
            rows: piece.rows,
            row_end: piece.row_end,
        }
    }
}

/// What a splitter made of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) pieces: Vec<OwnedPiece>,
    pub(crate) error: Option<SplitError>,
    /// Whether it is a whole dump.
    pub(crate) whole: bool,
}

/// Splits an input that arrives in the given chunks.
pub(crate) fn split<'c>(
    mut splitter: Splitter,
    chunks: impl IntoIterator<Item = &'c [u8]>,
) -> Split {
    let mut split = Split { pieces: Vec::new(), error: None, whole: false };
    let mut scanner = DumpScanner::new();
    let mut bytes = 0;
    for chunk in chunks {
        splitter.feed(chunk);
        bytes += chunk.len() as u64;
        take_all(&mut splitter, &mut scanner, &mut split);
    }
    splitter.end();
    take_all(&mut splitter, &mut scanner, &mut split);
    split.whole = scanner.finish(bytes, split.error.clone().map_or(Ok(()), Err)).is_ok();
    split
}

fn take_all(splitter: &mut Splitter, scanner: &mut DumpScanner, split: &mut Split) {
    loop {
        match splitter.next_piece() {
            Ok(Some(piece)) => {
                scanner.piece(&piece);
                split.pieces.push((&piece).into());
            }
            Ok(None) => return,
            Err(error) => {
                split.error = Some(error);
                return;
            }
        }
    }
}

/// Checks an input, whole and in chunks that are cut at `cuts` (taken modulo the input's length).
pub(crate) fn hold_for(input: &[u8], cuts: &[usize]) {
    let whole = split(Splitter::new(), [input]);
    pieces_are_exact(input, &whole);
    chunks_change_nothing(input, cuts, Splitter::new, &whole);
    let limit = cuts.first().map_or(7, |cut| cut % 97);
    let limited = || Splitter::with_limit(limit);
    chunks_change_nothing(input, cuts, limited, &split(limited(), [input]));
    if let Ok(text) = std::str::from_utf8(input) {
        statements_are_exact(text, &whole);
        tokens_are_exact(text);
        assert!(classify(text).locks.iter().all(|claim| !claim.relation.is_empty()));
    }
}

fn pieces_are_exact(input: &[u8], split: &Split) {
    let mut place = 0;
    for piece in &split.pieces {
        assert_eq!(piece.offset, place as u64, "pieces follow each other");
        assert_eq!(piece.line, line_at(input, place));
        assert_eq!(piece.body_line, line_at(input, place + piece.body.start));
        assert_eq!(piece.bytes, &input[place..place + piece.bytes.len()]);
        assert!(!piece.bytes.is_empty(), "no piece is empty");
        assert!(piece.body.start <= piece.body.end && piece.body.end <= piece.bytes.len());
        bodies_fit_their_kind(piece);
        place += piece.bytes.len();
    }
    match &split.error {
        None => assert_eq!(place, input.len(), "all pieces joined are the input"),
        Some(error) => {
            let at = usize::try_from(error.offset).expect("a place in the input");
            assert!((place..=input.len()).contains(&at), "an error is about what is not cut yet");
            assert_eq!(error.line, line_at(input, at));
        }
    }
}

fn bodies_fit_their_kind(piece: &OwnedPiece) {
    let body = &piece.bytes[piece.body.clone()];
    match piece.kind {
        PieceKind::Statement => assert!(!body.is_empty() && body.trim_ascii() == body),
        PieceKind::Blank => assert!(body.is_empty()),
        PieceKind::CopyData => {
            assert!(piece.bytes.len() <= COPY_BLOCK_BYTES);
            assert_eq!(piece.row_end, piece.bytes.ends_with(b"\n"));
            let ends = piece.bytes.iter().filter(|&&byte| byte == b'\n').count();
            assert_eq!(piece.rows, ends as u64);
        }
        PieceKind::CopyEnd => assert_eq!(body, b"\\."),
        PieceKind::MetaCommand => {
            assert!(body.starts_with(b"\\") && !body.contains(&b'\n'));
        }
    }
}

fn line_at(input: &[u8], place: usize) -> u64 {
    1 + input[..place].iter().filter(|&&byte| byte == b'\n').count() as u64
}

fn chunks_change_nothing(
    input: &[u8],
    cuts: &[usize],
    splitter: impl Fn() -> Splitter,
    whole: &Split,
) {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
    places.extend([0, input.len()]);
    places.sort_unstable();
    let chunks = places.windows(2).map(|pair| &input[pair[0]..pair[1]]);
    assert_eq!(&split(splitter(), chunks), whole, "chunks of any size give the same pieces");
    if input.len() < 4096 {
        assert_eq!(&split(splitter(), input.chunks(1)), whole, "so do single bytes");
    }
}

fn statements_are_exact(text: &str, split: &Split) {
    let Ok(list) = statements(text) else { return };
    let pieces = split.pieces.iter().filter(|piece| piece.kind == PieceKind::Statement);
    assert_eq!(list.len(), pieces.count());
    for (place, statement) in list.iter().enumerate() {
        assert_eq!(statement.index, place + 1);
        let before = &text[..statement.range.start];
        let line = before.rsplit('\n').next().unwrap_or_default();
        let bom = usize::from(statement.line == 1 && line.starts_with('\u{FEFF}'));
        assert_eq!(statement.line as u64, line_at(text.as_bytes(), statement.range.start));
        assert_eq!(statement.column, line.chars().count() - bom + 1);
        assert_eq!(&text[statement.range.clone()], statement.text);
        tokens_are_exact(&statement.text);
    }
    if let Envelope::Broken { line, what } = envelope(&list) {
        assert!(list.iter().any(|statement| statement.line == line), "{what} stands in that line");
    }
}

fn tokens_are_exact(text: &str) {
    let mut place = 0;
    for token in tokens(text) {
        assert_eq!(token.range.start, place);
        assert_eq!(&text[token.range.clone()], token.text);
        assert!(!token.text.is_empty());
        place = token.range.end;
    }
    assert_eq!(place, text.len(), "all tokens joined are the statement");
}
