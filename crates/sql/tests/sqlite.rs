//! SQLite's SQL: where its statements end, and what they are.

use proptest::prelude::*;
use proptest::sample::select;
use stopover_sql::{
    Dialect, Envelope, PieceKind, ScriptError, SplitErrorKind, Splitter, TokenKind,
    TransactionControl, TransactionNeed, classify_in, envelope, statements_in, tokens_in,
};

fn bodies(script: &str) -> Vec<String> {
    let statements = statements_in(Dialect::Sqlite, script).expect("a script that can be split");
    statements.into_iter().map(|it| it.text).collect()
}

/// The text is one statement as it stands, whatever semicolons it has inside.
#[track_caller]
fn one(statement: &str) {
    assert_eq!(bodies(&format!("{statement}; SELECT 2;")), [statement, "SELECT 2"]);
}

fn failure(script: &str) -> ScriptError {
    let errors = statements_in(Dialect::Sqlite, script).expect_err("a script that cannot be split");
    errors.into_iter().next().expect("a reason")
}

#[test]
fn semicolons_in_quotes_names_and_comments_end_nothing() {
    one("SELECT ';', ';'';', \";\"\";\", `;``;`, [;\"'`;]");
    one(r"SELECT 'a\', x';', X';'");
    one("SELECT 1 /* ; /* ; */ + 2 -- ;\n, 3");
    one("SELECT 1 -- a carriage return ends no comment\r; ;\n + 1");
    one("SELECT $a, $a::b(;'), :a, @a, ?1, #a");
}

#[test]
fn what_only_postgresql_quotes_is_not_quoted() {
    assert_eq!(bodies("SELECT $$; SELECT $$"), ["SELECT $$", "SELECT $$"]);
    assert_eq!(bodies(r"SELECT E'\', 1; SELECT 2"), [r"SELECT E'\', 1", "SELECT 2"]);
    assert_eq!(bodies("SELECT (1; SELECT 2"), ["SELECT (1", "SELECT 2"]);
    assert_eq!(bodies("COPY t FROM stdin;\nSELECT 1;"), ["COPY t FROM stdin", "SELECT 1"]);
}

#[test]
fn a_trigger_is_one_statement() {
    one("CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET n = 1; DELETE FROM c; END");
    one("create temp trigger t after insert on a begin select 1; end");
    one("EXPLAIN QUERY PLAN CREATE TEMPORARY TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END");
    one("CREATE TRIGGER t AFTER UPDATE ON a BEGIN \
         UPDATE a SET n = CASE WHEN n > 1 THEN 2 ELSE 3 END; \
         SELECT CASE n WHEN 1 THEN RAISE(ABORT, ';END;') END; END");
    one("CREATE TRIGGER t AFTER UPDATE ON a BEGIN SELECT 1; -- ;\n /* ; */ END");
    one("CREATE TABLE trigger_log (\"end\" TEXT)");
}

#[test]
fn a_comment_may_be_open_at_the_end_and_a_quote_may_not() {
    assert_eq!(bodies("SELECT 1; /* the rest"), ["SELECT 1"]);
    assert_eq!(bodies("\u{feff}SELECT 1;\r\n\u{feff}SELECT 2"), ["SELECT 1", "SELECT 2"]);
    for (script, kind) in [
        ("SELECT 1;\nSELECT 'a;", SplitErrorKind::UnterminatedString),
        ("SELECT 1;\nSELECT \"a;", SplitErrorKind::UnterminatedIdentifier),
        ("SELECT 1;\nSELECT [a;", SplitErrorKind::UnterminatedName { close: ']' }),
        ("SELECT 1;\nSELECT `a;", SplitErrorKind::UnterminatedName { close: '`' }),
    ] {
        let ScriptError::Split(error) = failure(script) else { panic!("{script}") };
        assert_eq!((error.kind, error.line), (kind, 2), "{script}");
    }
}

#[test]
fn commands_of_the_shell_are_refused_with_their_line() {
    let error = failure("SELECT 1;\n\n.read other.sql\nSELECT 2;");
    assert_eq!(error.line(), 3);
    assert_eq!(
        error.to_string(),
        "line 3: `.read` is a command of the sqlite3 shell and no SQL; remove it"
    );
    assert_eq!(bodies("SELECT a\n.b FROM a; SELECT .5"), ["SELECT a\n.b FROM a", "SELECT .5"]);
}

#[test]
fn statements_say_what_they_are_and_need() {
    for (statement, tag) in [
        ("create table if not exists a (b)", "CREATE TABLE"),
        ("CREATE VIRTUAL TABLE f USING fts5(a)", "CREATE VIRTUAL TABLE"),
        ("CREATE UNIQUE INDEX [i] ON a (b)", "CREATE INDEX"),
        ("CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END", "CREATE TRIGGER"),
        ("REPLACE INTO a VALUES (1)", "INSERT"),
        ("WITH x AS (SELECT 1) INSERT INTO a SELECT * FROM x", "INSERT"),
        ("ALTER TABLE a DROP COLUMN b", "ALTER TABLE"),
        ("PRAGMA main.user_version = 4", "PRAGMA"),
        ("ATTACH 'x.db' AS x", "ATTACH"),
        ("EXPLAIN QUERY PLAN SELECT 1", "EXPLAIN"),
    ] {
        let read = classify_in(Dialect::Sqlite, statement);
        assert_eq!(read.tag, tag, "{statement}");
        assert_eq!(read.transaction, TransactionNeed::Either, "{statement}");
        assert_eq!((read.control, read.caveat, read.locks.len()), (None, None, 0), "{statement}");
    }
}

#[test]
fn what_cannot_run_in_a_transaction_says_so() {
    for statement in [
        "VACUUM",
        "vacuum into 'copy.db'",
        "PRAGMA journal_mode = WAL",
        "pragma main.journal_mode(delete)",
        "PRAGMA synchronous = OFF",
        "PRAGMA wal_checkpoint",
        "PRAGMA wal_checkpoint(TRUNCATE)",
    ] {
        let read = classify_in(Dialect::Sqlite, statement);
        assert!(matches!(read.transaction, TransactionNeed::Outside { .. }), "{statement}");
    }
    let read = classify_in(Dialect::Sqlite, "PRAGMA journal_mode");
    assert_eq!(read.transaction, TransactionNeed::Either);
}

#[test]
fn switching_foreign_keys_off_has_a_caveat_and_switching_them_on_has_none() {
    let caveat = |statement| classify_in(Dialect::Sqlite, statement).caveat;
    for off in ["PRAGMA foreign_keys=OFF", "pragma foreign_keys = 0", "PRAGMA foreign_keys('no')"] {
        assert!(caveat(off).is_some(), "{off}");
    }
    for other in ["PRAGMA foreign_keys = ON", "PRAGMA foreign_keys=1", "PRAGMA foreign_keys"] {
        assert_eq!(caveat(other), None, "{other}");
    }
}

#[test]
fn transactions_and_savepoints_are_told_apart() {
    use TransactionControl as Control;
    for (statement, control) in [
        ("BEGIN IMMEDIATE TRANSACTION", Control::Begin),
        ("END", Control::Commit),
        ("COMMIT TRANSACTION", Control::Commit),
        ("ROLLBACK", Control::Rollback),
        ("ROLLBACK TO SAVEPOINT a", Control::RollbackTo),
        ("ROLLBACK TRANSACTION TO a", Control::RollbackTo),
        ("SAVEPOINT a", Control::Savepoint),
        ("RELEASE a", Control::ReleaseSavepoint),
    ] {
        assert_eq!(classify_in(Dialect::Sqlite, statement).control, Some(control), "{statement}");
    }
    let whole = "BEGIN EXCLUSIVE; CREATE TABLE a (b); END TRANSACTION;";
    let statements = statements_in(Dialect::Sqlite, whole).expect("statements");
    assert_eq!(envelope(&statements), Envelope::Whole);
}

/// Parts that begin, end, continue or imitate something.
const FRAGMENTS: &[&str] = &[
    "'",
    "''",
    "\"",
    "`",
    "``",
    "[",
    "]",
    "x'",
    "X'0",
    "--",
    "-",
    "/*",
    "*/",
    "/",
    "*",
    ";",
    "\n",
    "\r",
    " ",
    "\t",
    "\u{feff}",
    "é",
    ".",
    ".5",
    "..",
    ".read x\n",
    "$",
    "$a",
    "$a(",
    "$$",
    "::",
    ":",
    "@a",
    "?",
    "?1",
    "#",
    "(",
    ")",
    "1e",
    "0x1",
    "1_0",
    "a",
    "b$c",
    "CREATE ",
    "TEMP ",
    "TRIGGER ",
    "EXPLAIN ",
    "QUERY PLAN ",
    "BEGIN ",
    "END",
    "end;",
    "CASE ",
    "SELECT 1",
    "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1;",
    "\\",
    "->>",
    "||",
    "\0",
];

fn nasty_text() -> impl Strategy<Value = String> {
    prop::collection::vec(select(FRAGMENTS), 0..40).prop_map(|parts| parts.concat())
}

/// Kind, bytes and body of each piece.
type Pieces = Vec<(PieceKind, Vec<u8>, Vec<u8>)>;

/// The pieces of an input that arrives in chunks, and why there are no more.
fn split(text: &[u8], cuts: &[usize]) -> (Pieces, Option<String>) {
    let mut splitter = Splitter::of(Dialect::Sqlite);
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    places.extend([0, text.len()]);
    places.sort_unstable();
    let mut pieces = Vec::new();
    let mut chunks = places.windows(2).map(|pair| &text[pair[0]..pair[1]]);
    loop {
        let chunk = chunks.next();
        match chunk {
            Some(chunk) => splitter.feed(chunk),
            None => splitter.end(),
        }
        loop {
            match splitter.next_piece() {
                Ok(Some(it)) => {
                    pieces.push((it.kind, it.bytes.to_vec(), it.body_bytes().to_vec()));
                }
                Ok(None) => break,
                Err(error) => return (pieces, Some(error.to_string())),
            }
        }
        if chunk.is_none() {
            return (pieces, None);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn pieces_joined_are_the_text_however_it_arrives(
        text in nasty_text(),
        cuts in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        let whole = split(text.as_bytes(), &[]);
        prop_assert_eq!(&split(text.as_bytes(), &cuts), &whole);
        let joined: Vec<u8> = whole.0.iter().flat_map(|(_, bytes, _)| bytes.clone()).collect();
        prop_assert!(text.as_bytes().starts_with(&joined));
        prop_assert!(whole.1.is_some() || joined == text.as_bytes());
        for (kind, _, body) in &whole.0 {
            let body = String::from_utf8_lossy(body);
            prop_assert!(*kind != PieceKind::Statement || !body.is_empty());
            let _ = classify_in(Dialect::Sqlite, &body);
        }
    }

    #[test]
    fn tokens_joined_are_the_statement(text in nasty_text()) {
        let joined: String = tokens_in(Dialect::Sqlite, &text).map(|token| token.text).collect();
        prop_assert_eq!(joined, text);
    }
}

#[test]
fn names_and_parameters_are_single_tokens() {
    let kinds: Vec<(TokenKind, &str)> = tokens_in(Dialect::Sqlite, "[a b] `c` ?12 $x::y(z) x'0F'")
        .filter(|token| !token.kind.is_trivia())
        .map(|token| (token.kind, token.text))
        .collect();
    assert_eq!(
        kinds,
        [
            (TokenKind::QuotedIdent, "[a b]"),
            (TokenKind::QuotedIdent, "`c`"),
            (TokenKind::Param, "?12"),
            (TokenKind::Param, "$x::y(z)"),
            (TokenKind::String, "x'0F'"),
        ]
    );
}
