//! Plain dumps: what they say of themselves, and whether they are whole.

use stopover_sql::dump::{DumpError, DumpScanner, lexable_encoding};
use stopover_sql::{PieceKind, Splitter};

const SHOP: &str = include_str!("fixtures/shop.sql");
const OLD: &str = include_str!("fixtures/old.sql");

/// Shows a dump to a scanner and judges it.
fn scan(dump: &[u8]) -> (DumpScanner, Result<(), DumpError>) {
    let mut splitter = Splitter::new();
    let mut scanner = DumpScanner::new();
    splitter.feed(dump);
    splitter.end();
    let end = loop {
        match splitter.next_piece() {
            Ok(Some(piece)) => scanner.piece(&piece),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    let verdict = scanner.finish(dump.len() as u64, end);
    (scanner, verdict)
}

fn verdict(dump: &str) -> Result<(), String> {
    scan(dump.as_bytes()).1.map_err(|error| error.to_string())
}

/// The dump up to just after `mark`.
fn cut_after<'d>(dump: &'d str, mark: &str) -> &'d str {
    let start = dump.find(mark).expect("the mark stands in the dump");
    &dump[..start + mark.len()]
}

#[test]
fn a_whole_dump_tells_where_it_is_from() {
    let (scanner, verdict) = scan(SHOP.as_bytes());
    assert_eq!(verdict, Ok(()));
    assert_eq!(scanner.server_version(), Some("15.14 (Debian 15.14-0+deb12u1)"));
    assert_eq!(scanner.pg_dump_version(), Some("15.14 (Debian 15.14-0+deb12u1)"));
    assert_eq!(scanner.client_encoding(), Some("UTF8"));
    assert_eq!(scanner.total_rows(), 5);
    assert_eq!(scanner.place().offset, SHOP.len() as u64);
    let windows = SHOP.replace('\n', "\r\n");
    assert_eq!(scan(windows.as_bytes()).1, Ok(()));
}

#[test]
fn an_old_dump_is_read_as_it_was_written() {
    let (scanner, verdict) = scan(OLD.as_bytes());
    assert_eq!(verdict, Ok(()));
    assert_eq!(scanner.server_version(), Some("8.4.22"));
    assert_eq!(scanner.client_encoding(), Some("LATIN1"));
    assert_eq!(scanner.total_rows(), 1);
    let latin1: Vec<u8> = OLD.replace("very old", "tr\u{1}s vieux").bytes().collect();
    let latin1: Vec<u8> = latin1.iter().map(|&b| if b == 1 { 0xE8 } else { b }).collect();
    assert_eq!(scan(&latin1).1, Ok(()));
}

#[test]
fn a_dump_that_breaks_off_in_data_names_byte_table_and_rows() {
    let cut = cut_after(SHOP, "2\t3\tit's");
    let expected =
        format!("the dump breaks off at byte {}, in table public.orders, after 1 rows", cut.len());
    assert_eq!(verdict(cut), Err(expected));
    let cut = cut_after(SHOP, "COPY public.customers (id, name, \"Größe\") FROM stdin;\n");
    let expected = format!(
        "the dump breaks off at byte {}, in table public.customers, after 0 rows",
        cut.len()
    );
    assert_eq!(verdict(cut), Err(expected));
}

#[test]
fn a_dump_that_breaks_off_in_a_function_names_the_byte() {
    let cut = cut_after(SHOP, "PERFORM format");
    assert_eq!(verdict(cut), Err(format!("the dump breaks off at byte {}", cut.len())));
}

#[test]
fn a_dump_without_its_trailer_is_not_whole_wherever_it_ends() {
    let complete = SHOP.find("-- PostgreSQL database dump complete\n--\n\n\\unrestrict").unwrap()
        + "-- PostgreSQL database dump complete".len();
    let guard = SHOP.find("\\unrestrict").unwrap();
    for (end, _) in SHOP.char_indices() {
        // Half a comment and half a command are not what they would be.
        let half_comment = SHOP[..end].ends_with("\n-");
        let half_command = end > guard && end < guard + "\\unrestrict H".len();
        let expected = end >= complete && !half_comment && !half_command;
        assert_eq!(scan(&SHOP.as_bytes()[..end]).1.is_ok(), expected, "cut at byte {end}");
    }
}

#[test]
fn the_trailers_text_in_data_strings_and_the_middle_does_not_count() {
    let trailer = "-- PostgreSQL database dump complete\n";
    for dump in [
        format!("COPY t FROM stdin;\n{trailer}\\.\n"),
        format!("SELECT '\n{trailer}';\n"),
        format!("DO $$\n{trailer}$$;\n"),
        format!("/*\n{trailer}*/\n"),
        format!("SELECT 1\n{trailer};"),
        format!("{trailer}SELECT 1;\n"),
        format!("{trailer}\\connect x\n"),
        format!("-- {trailer}"),
        String::new(),
    ] {
        let error = verdict(&dump).unwrap_err();
        assert!(
            error.contains("without the line \"-- PostgreSQL database dump complete\""),
            "{dump}"
        );
    }
}

#[test]
fn a_dump_that_is_no_dump_names_what_is_wrong() {
    let error = verdict("SELECT 1;\nSELECT \\x;").unwrap_err();
    let expected = "the dump cannot be read at byte 17: line 2 (byte 17): a backslash inside of a \
                    statement; psql commands are not part of SQL";
    assert_eq!(error, expected);
}

#[test]
fn the_current_table_is_known_while_its_data_comes() {
    let mut splitter = Splitter::new();
    let mut scanner = DumpScanner::new();
    splitter.feed(SHOP.as_bytes());
    let mut tables = Vec::new();
    while let Some(piece) = splitter.next_piece().unwrap() {
        scanner.piece(&piece);
        if piece.kind == PieceKind::CopyData {
            tables.push((scanner.table().unwrap_or_default().to_owned(), scanner.rows()));
        } else if piece.kind == PieceKind::CopyEnd {
            assert_eq!(scanner.table(), None);
        }
    }
    assert_eq!(tables, [("public.customers".to_owned(), 3), ("public.orders".to_owned(), 2)]);
}

#[test]
fn encodings_whose_characters_hold_ascii_bytes_are_told() {
    for name in ["UTF8", "unicode", "LATIN1", "EUC_JP", "SQL_ASCII", "WIN1252"] {
        assert!(lexable_encoding(name), "{name}");
    }
    for name in ["SJIS", "Shift_JIS", "big5", "GBK", "GB18030", "UHC", "windows-949"] {
        assert!(!lexable_encoding(name), "{name}");
    }
}
