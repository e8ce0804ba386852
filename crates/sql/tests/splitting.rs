//! Where statements, data and psql commands begin and end.

use stopover_sql::{COPY_BLOCK_BYTES, CopyFormat, PieceKind, SplitError, SplitErrorKind, Splitter};

type Kinds = Vec<(PieceKind, String)>;

fn split(text: &str) -> Result<Kinds, SplitError> {
    let mut splitter = Splitter::new();
    splitter.feed(text.as_bytes());
    splitter.end();
    let mut pieces = Vec::new();
    while let Some(piece) = splitter.next_piece()? {
        pieces.push((piece.kind, String::from_utf8_lossy(piece.body_bytes()).into_owned()));
    }
    Ok(pieces)
}

/// The bodies of the statements; every other piece must be blank.
fn bodies(text: &str) -> Vec<String> {
    let pieces = split(text).expect("text that can be split");
    assert!(
        pieces.iter().all(|(kind, _)| matches!(kind, PieceKind::Statement | PieceKind::Blank)),
        "{pieces:?}"
    );
    pieces.into_iter().filter(|(kind, _)| *kind == PieceKind::Statement).map(|(_, b)| b).collect()
}

fn failure(text: &str) -> (SplitErrorKind, u64, u64) {
    let error = split(text).expect_err("text that cannot be split");
    (error.kind, error.offset, error.line)
}

/// The text is one statement as it stands, whatever semicolons it has inside.
#[track_caller]
fn one(statement: &str) {
    assert_eq!(bodies(&format!("{statement}; SELECT 2;")), [statement, "SELECT 2"]);
}

#[test]
fn semicolons_in_quotes_and_comments_end_nothing() {
    one("SELECT ';', ';'';', \";\"\";\"");
    one(r"SELECT 'a\', 1");
    one(r"SELECT E'\';', e'\\', E''';'");
    one(r"SELECT B'1;', X'F;', N'a;', U&'\0041;', U&';\'");
    one("SELECT U&\";\" FROM u&\"d!0061t;\" UESCAPE '!'");
    one("SELECT $$;$$, $a$;$$;$b$;$a$, $é$;$é$");
    one("SELECT 1 /* ; /* ; */ ; */ + 2 -- ;\n, 3");
    one("SELECT 1 +-- ;\n 2, 3 @/* ; */ 4");
}

#[test]
fn a_string_goes_on_in_the_next_line_as_what_it_began() {
    one("SELECT E'a'\n '\\';'");
    one("SELECT E'a' -- comment\r '\\';'");
    one("SELECT 'a'\n'\\'");
    // In the same line, or with another kind of comment between, it is a string of its own.
    one("SELECT E'a' '\\'");
    one("SELECT E'a' /* \n */ '\\'");
    one("SELECT B'1'';'");
}

#[test]
fn dollar_signs_that_open_no_quote() {
    one("SELECT $1, $2");
    one("SELECT foo$bar$baz");
    one("SELECT a$$, b$x$");
    assert_eq!(
        bodies("SELECT $ x; SELECT $a b; SELECT 1"),
        ["SELECT $ x", "SELECT $a b", "SELECT 1"]
    );
    one("SELECT $x$ $x $x $ $$ ; $x$");
    one("SELECT $a$ ; $b$a$");
    one("SELECT 1$a$;$a$");
    one("SELECT 0x1F$a$ 1e5$b$");
}

#[test]
fn identifiers_may_hold_anything() {
    one("SELECT \"begin;\" FROM \"größe;\" WHERE größe = 1");
    one("SELECT étoile$1, _e'a\\'");
}

#[test]
fn letters_after_a_number_begin_no_string() {
    one("SELECT 1e'\\', 0x1Fe'\\', 1.5x';'");
    one("SELECT 1 e'\\';', $1 e'\\';'");
}

#[test]
fn parentheses_hold_statements_together() {
    one("CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO a VALUES (1); DELETE FROM b;)");
    // One too many closes nothing.
    assert_eq!(bodies("SELECT 1); SELECT 2"), ["SELECT 1)", "SELECT 2"]);
}

#[test]
fn the_body_of_a_standard_routine_is_one_statement() {
    one("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END");
    one("create or replace procedure s.p(a int) language sql begin atomic ; ; end");
    one("CREATE FUNCTION f() RETURNS int BEGIN /* x */ ATOMIC\n\
         SELECT CASE WHEN a THEN CASE b WHEN 1 THEN 2 END ELSE 3 END FROM t; END");
    one("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT (1; END); SELECT 2; END");
    one("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT (CASE WHEN a THEN 1 END); END");
}

#[test]
fn begin_end_and_case_as_names_confuse_nothing() {
    one("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC \
         SELECT t.end, t.case, 1 AS end, 2 AS case, 3 end, 4 case, begin FROM t; \
         UPDATE t SET begin = 1; SELECT \"end\"; END");
    one("CREATE FUNCTION begin(begin int, \"atomic\" int) RETURNS int RETURN 1");
    one("CREATE FUNCTION f() RETURNS s.begin LANGUAGE sql AS 'BEGIN ATOMIC'");
    one("CREATE FUNCTION f() RETURNS int \"begin\" atomic");
    one("CREATE FUNCTION f() RETURNS int RETURN CASE WHEN true THEN 1 END");
    one("CREATE TABLE begin (atomic int, \"case\" int)");
    one("SELECT begin atomic FROM t");
    assert_eq!(bodies("BEGIN; SELECT 1; END;"), ["BEGIN", "SELECT 1", "END"]);
}

#[test]
fn plain_bodies_of_functions_are_opaque() {
    one("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $_$BEGIN PERFORM $1; END;$_$");
    one("DO $$ BEGIN IF a THEN b; END IF; END $$");
}

#[test]
fn blanks_and_bodies_are_told_apart() {
    let text = "\u{feff}-- head\n  SELECT 1 /* in */ + 1 -- tail\n ;; -- rest\n";
    let pieces = split(text).unwrap();
    assert_eq!(
        pieces,
        [
            (PieceKind::Statement, "SELECT 1 /* in */ + 1".to_owned()),
            (PieceKind::Blank, String::new()),
            (PieceKind::Blank, String::new()),
        ]
    );
    assert_eq!(bodies("SELECT 1"), ["SELECT 1"], "the last may lack its semicolon");
    assert_eq!(split("").unwrap(), []);
    assert_eq!(split("\u{feff}").unwrap(), [(PieceKind::Blank, String::new())]);
}

#[test]
fn lines_and_offsets_are_of_the_whole_input() {
    let mut splitter = Splitter::new();
    splitter.feed(b"SELECT 1;\r\n\r\n-- two\r\nSELECT\r\n2;");
    splitter.end();
    splitter.next_piece().unwrap().unwrap();
    let piece = splitter.next_piece().unwrap().unwrap();
    assert_eq!((piece.offset, piece.line), (9, 1));
    assert_eq!((piece.body_offset(), piece.body_line), (21, 4));
    assert_eq!(piece.leading_trivia(), b"\r\n\r\n-- two\r\n");
}

#[test]
fn old_dumps_switch_the_meaning_of_strings() {
    let off = "SET standard_conforming_strings = off;";
    assert_eq!(
        bodies(&format!("{off} SELECT '\\';'; SELECT 1"))[1..],
        ["SELECT '\\';'", "SELECT 1"]
    );
    for on in [
        "SET standard_conforming_strings TO 'on';",
        "set session STANDARD_CONFORMING_STRINGS = true;",
        "RESET standard_conforming_strings;",
        "RESET ALL;",
        "DISCARD ALL;",
        "SET standard_conforming_strings TO DEFAULT;",
    ] {
        let text = format!("{off} {on} SELECT '\\'; SELECT 1");
        assert_eq!(bodies(&text)[2..], ["SELECT '\\'", "SELECT 1"], "{on}");
    }
    let local = "BEGIN; SET LOCAL standard_conforming_strings = off;";
    assert_eq!(bodies(&format!("{local} SELECT '\\';'; COMMIT; SELECT '\\'; SELECT 1")).len(), 6);
    assert_eq!(bodies(&format!("{local} ROLLBACK TO a; SELECT '\\';'")).len(), 4);
    // A string of that name, or a comment, sets nothing.
    assert_eq!(
        bodies("SELECT 'standard_conforming_strings = off'; SELECT '\\'; SELECT 1").len(),
        3
    );
}

#[test]
fn copy_data_follows_its_statement() {
    let copy = "COPY public.\"T\" (a, \"stdin\") FROM stdin;";
    let pieces = split(&format!("{copy} \t\r\n1\t;'\n\\.x\n\\.\nSELECT 1;")).unwrap();
    assert_eq!(
        pieces,
        [
            (PieceKind::Statement, copy.trim_end_matches(';').to_owned()),
            (PieceKind::CopyData, "1\t;'\n\\.x\n".to_owned()),
            (PieceKind::CopyEnd, "\\.".to_owned()),
            (PieceKind::Statement, "SELECT 1".to_owned()),
        ]
    );
    let empty = split("COPY t FROM stdin;\n\\.\r\n").unwrap();
    assert_eq!(empty[1..], [(PieceKind::CopyEnd, "\\.".to_owned())]);
    let at_end = split("COPY t FROM stdin; -- rows\na\n\\.").unwrap();
    assert_eq!(at_end[1].1, "a\n");
}

fn format_of(statement: &str) -> Option<CopyFormat> {
    let mut splitter = Splitter::new();
    splitter.feed(format!("{statement};\n\\.\n").as_bytes());
    let piece = splitter.next_piece().ok().flatten().expect("a statement");
    piece.copy.map(|copy| copy.format)
}

#[test]
fn the_format_of_copy_data_is_told() {
    for (statement, format) in [
        ("COPY t FROM stdin", CopyFormat::Text),
        ("copy t from STDIN with (header, format 'csv', delimiter ';')", CopyFormat::Csv),
        ("COPY t FROM STDIN (FORMAT \"csv\")", CopyFormat::Csv),
        ("COPY t FROM stdin WITH (FORMAT binary)", CopyFormat::Binary),
        ("COPY BINARY t FROM stdin", CopyFormat::Binary),
        ("COPY t FROM stdin CSV HEADER", CopyFormat::Csv),
        ("COPY t FROM stdin WITH DELIMITER AS 'csv' NULL 'binary'", CopyFormat::Text),
        ("COPY t FROM stdin WITH (NULL 'csv', FORCE_NULL (format, csv))", CopyFormat::Text),
        ("COPY t FROM stdin WHERE csv = 1", CopyFormat::Text),
        ("COPY s.from (a) FROM stdout", CopyFormat::Text),
        ("/* c */ COPY db.s.t FROM /* c */ stdin", CopyFormat::Text),
    ] {
        assert_eq!(format_of(statement), Some(format), "{statement}");
    }
}

#[test]
fn other_copies_have_no_data_in_the_text() {
    for statement in [
        "COPY t TO stdout",
        "COPY t (a, b) TO STDOUT",
        "COPY (SELECT a FROM stdin) TO stdout",
        "COPY t FROM 'file'",
        "COPY t FROM PROGRAM 'stdin'",
        "COPY \"from\" (stdin) TO 'stdin'",
        "SELECT copy FROM stdin",
    ] {
        one(statement);
    }
}

#[test]
fn copy_data_comes_in_blocks_of_whole_rows() {
    let row = "x".repeat(1000);
    let rows = 2 * COPY_BLOCK_BYTES / row.len();
    let data = format!("{row}\n").repeat(rows);
    let long = "y".repeat(COPY_BLOCK_BYTES + 10);
    let text = format!("COPY t FROM stdin;\n{data}{long}\nz\n\\.\n");
    let mut splitter = Splitter::new();
    splitter.feed(text.as_bytes());
    splitter.next_piece().unwrap();
    let mut seen = Vec::new();
    while let Some(piece) = splitter.next_piece().unwrap() {
        seen.push((piece.kind, piece.bytes.len(), piece.rows, piece.row_end));
    }
    let per_block = COPY_BLOCK_BYTES / 1001;
    let left = rows - 2 * per_block;
    let full = (PieceKind::CopyData, per_block * 1001, per_block as u64, true);
    assert_eq!(
        seen,
        [
            full,
            full,
            (PieceKind::CopyData, left * 1001, left as u64, true),
            (PieceKind::CopyData, COPY_BLOCK_BYTES, 0, false),
            (PieceKind::CopyData, 13, 2, true),
            (PieceKind::CopyEnd, 3, 0, true),
        ]
    );
}

#[test]
fn psql_commands_stand_outside_of_statements() {
    let text = "-- head\n\\restrict Ab1\r\nSELECT 1; \\echo ';'\n\\.\n\\!ls";
    let pieces = split(text).unwrap();
    let commands: Vec<_> = pieces
        .iter()
        .filter(|(kind, _)| *kind == PieceKind::MetaCommand)
        .map(|(_, body)| body.as_str())
        .collect();
    assert_eq!(commands, ["\\restrict Ab1", "\\echo ';'", "\\.", "\\!ls"]);
}

#[test]
fn a_backslash_within_a_statement_is_an_error_of_its_line() {
    use SplitErrorKind::BackslashInStatement;
    assert_eq!(failure("SELECT 1\n\\gexec\n"), (BackslashInStatement, 9, 2));
    assert_eq!(failure("SELECT (\n\n\\d);"), (BackslashInStatement, 10, 3));
}

#[test]
fn what_never_ends_is_told_by_where_it_began() {
    use SplitErrorKind::*;
    assert_eq!(failure("SELECT 1;\n 'abc"), (UnterminatedString, 11, 2));
    assert_eq!(failure("\n\nE'\\'"), (UnterminatedString, 2, 3));
    assert_eq!(failure("E'a\\"), (UnterminatedString, 0, 1));
    assert_eq!(failure("SELECT \"a"), (UnterminatedIdentifier, 7, 1));
    assert_eq!(failure("\n/* /* */"), (UnterminatedComment, 1, 2));
    let tag = "$é$".to_owned();
    assert_eq!(failure("DO $é$ BEGIN $$ END"), (UnterminatedDollarQuote { tag }, 3, 1));
    let tag = "$$".to_owned();
    assert_eq!(failure("DO $$ $"), (UnterminatedDollarQuote { tag }, 3, 1));
}

#[test]
fn unfinished_copy_data_is_told_with_its_rows() {
    use SplitErrorKind::{TextAfterCopy, UnterminatedCopy};
    assert_eq!(failure("COPY t FROM stdin;\n1\n2\n3"), (UnterminatedCopy { rows: 2 }, 24, 4));
    assert_eq!(failure("COPY t FROM stdin;\n1\n\\"), (UnterminatedCopy { rows: 1 }, 22, 3));
    assert_eq!(failure("COPY t FROM stdin"), (UnterminatedCopy { rows: 0 }, 17, 1));
    assert_eq!(failure("COPY t FROM stdin; "), (UnterminatedCopy { rows: 0 }, 19, 1));
    assert_eq!(failure("\nCOPY t FROM stdin;  x\n\\.\n"), (TextAfterCopy, 21, 2));
    assert_eq!(failure("COPY t FROM stdin; SELECT 1;"), (TextAfterCopy, 19, 1));
    let rows = "1\n".repeat(COPY_BLOCK_BYTES);
    let error = failure(&format!("COPY t FROM stdin;\n{rows}"));
    assert_eq!(error.0, UnterminatedCopy { rows: COPY_BLOCK_BYTES as u64 });
}

#[test]
fn a_statement_over_the_limit_is_refused_and_data_is_not() {
    let mut splitter = Splitter::with_limit(20);
    splitter.feed(b"SELECT 1; COPY t FROM stdin;\n");
    splitter.feed("a long row of data that is over the limit\n".repeat(9).as_bytes());
    splitter.feed(b"\\.\n\nSELECT 'a very long string");
    let error = loop {
        match splitter.next_piece() {
            Ok(piece) => assert!(piece.is_some()),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, SplitErrorKind::StatementTooLarge { limit: 20 });
    assert_eq!(error.line, 13);
    assert_eq!(splitter.next_piece(), Err(error), "and it stays refused");
}

#[test]
fn errors_name_line_byte_and_remedy() {
    let error = split("SELECT 1;\nSELECT 'x").unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 2 (byte 17): a string that starts here is never closed; add the missing `'`"
    );
}
