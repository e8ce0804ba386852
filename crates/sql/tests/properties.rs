//! What holds for any text that is made of the nastiest parts of SQL.

mod invariants;

use invariants::hold_for;
use proptest::prelude::*;
use proptest::sample::select;
use stopover_sql::COPY_BLOCK_BYTES;

/// Parts that begin, end, continue or imitate something.
const FRAGMENTS: &[&str] = &[
    "'",
    "''",
    "\"",
    "\"\"",
    "E'",
    "e'",
    "B'01'",
    "x'F",
    "N'",
    "U&'",
    "u&\"",
    "U&",
    "\\",
    "\\'",
    "$",
    "$$",
    "$a$",
    "$ab$",
    "$é$",
    "$1",
    "a$b$c",
    "$a",
    "--",
    "-",
    "- -",
    "/*",
    "*/",
    "/",
    "*",
    "+-",
    "=-",
    "@-",
    "::",
    ":",
    ":=",
    ".",
    "..",
    "1.5e-3",
    "0x1F",
    "1e",
    "1e+",
    "(",
    ")",
    "[",
    "]",
    ";",
    ",",
    "\n",
    "\r",
    "\r\n",
    " ",
    "\t",
    "\u{c}",
    "\0",
    "é",
    "日本",
    "\u{feff}",
    "a",
    "begin",
    "BEGIN ATOMIC ",
    "END",
    "end;",
    "case ",
    "CREATE FUNCTION f() ",
    "create or replace procedure p()",
    "SELECT 1",
    "COPY t FROM stdin;\n",
    "COPY t FROM stdin; -- c\n",
    "copy t(a) from stdin ",
    "COPY a.\"B\" FROM STDIN WITH (FORMAT csv);\r\n",
    "\\.",
    "\\.\n",
    "\n\\.\n",
    "\n\\.\r\n",
    "\\.x\n",
    "1\t\\N\n",
    "\\restrict Ab1\n",
    "\\unrestrict Ab1\n",
    "\\connect x\n",
    "\\!",
    "SET ",
    "RESET ",
    "ALTER SEQUENCE s OWNED BY",
    "COMMENT ON COLUMN ",
    "VACUUM (",
    "SET standard_conforming_strings = off;",
    "SET standard_conforming_strings TO on;",
    "set local standard_conforming_strings=off;",
    "COMMIT;",
    "BEGIN;",
    "rollback to s;",
    "CREATE RULE r AS ON INSERT TO t DO (a; b);",
    "-- PostgreSQL database dump complete\n",
    "-- c\n",
    "/* /* */ */",
    "'a'\n'b'",
    "E'a\\''\n'\\''",
    "$f$ ' -- $f$",
    "ALTER TABLE t ADD COLUMN c int REFERENCES o(i),",
    "WITH x AS (SELECT 1) ",
    " FROM a JOIN b USING (i)",
    " FOR UPDATE OF a",
    "DELETE FROM t ",
];

fn nasty_text() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(select(FRAGMENTS), 0..40).prop_map(|parts| parts.concat().into_bytes())
}

fn nasty_bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => select(b"'\"\\$a1-/*\n;. ()".to_vec()), 1 => any::<u8>()];
    prop::collection::vec(byte, 0..80)
}

fn whole_copy() -> impl Strategy<Value = Vec<u8>> {
    let row = select(&["1\t2", "\\N", "", "\\.", "\\.x", "a;'$$", "x\r", "\\\\."][..]);
    (prop::collection::vec(row, 0..30), nasty_text()).prop_map(|(rows, after)| {
        let data: String = rows.iter().map(|row| format!("{row}\n")).collect();
        [b"COPY t FROM stdin;\n", data.as_bytes(), b"\\.\n", after.as_slice()].concat()
    })
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(any::<usize>(), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn text_of_nasty_fragments_splits_exactly(input in nasty_text(), cuts in cuts()) {
        hold_for(&input, &cuts);
    }

    #[test]
    fn any_bytes_split_exactly(input in nasty_bytes(), cuts in cuts()) {
        hold_for(&input, &cuts);
    }

    #[test]
    fn copy_blocks_split_exactly(input in whole_copy(), cuts in cuts()) {
        hold_for(&input, &cuts);
    }
}

#[test]
fn the_end_of_copy_data_is_found_around_the_edge_of_a_block() {
    for bytes in COPY_BLOCK_BYTES - 5..COPY_BLOCK_BYTES + 6 {
        for end in ["\\.\n", "\\.\r\n", "\\.", "\\.x\n\\.\n"] {
            let head = "COPY t FROM stdin; -- rows\n";
            let rows = "1\n".repeat(10);
            let last = "x".repeat(bytes - rows.len() - 1);
            let input = format!("{head}{rows}{last}\n{end}");
            let cuts: Vec<usize> = (0..9).map(|back| input.len() - back).collect();
            hold_for(input.as_bytes(), &cuts);
        }
    }
}
