//! Our splitter against SQLite's own parser: both must cut a script at the same places.

use proptest::prelude::*;
use proptest::sample::select;
use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Connection};
use stopover_sql::{Dialect, PieceKind, Splitter};

/// Statements that SQLite prepares on the tables `a (n)` and `b (n)`; `~` stands for white space
/// and comments, `@` for a string.
const STATEMENTS: &[&str] = &[
    "SELECT~1",
    "SELECT~@,~n~FROM~a~WHERE~n~<~2~-~-1",
    "SELECT \"n\",[n],`n`~FROM~[a]~AS~`x;\"[y`~",
    "SELECT~x'00ff',~1.5e-3,~.5,~0x1F~",
    "SELECT~CASE~n~WHEN~1~THEN~@~ELSE~@~END~FROM~a",
    "VALUES(@),~(@)",
    "INSERT~INTO~a~VALUES(@)~RETURNING~n",
    "WITH~c(n)~AS~(SELECT~@)~DELETE~FROM~a~WHERE~n~IN~c",
    "CREATE~TABLE~t~(\"end\"~TEXT~DEFAULT~@,~[a;b]~INT)",
    "CREATE~TEMP~TABLE~trigger_log~(n)",
    "CREATE~TRIGGER~t~AFTER~INSERT~ON~a~BEGIN~UPDATE~a~SET~n=@;~DELETE~FROM~b;~END~",
    "CREATE~TEMPORARY~TRIGGER~IF~NOT~EXISTS~t~BEFORE~UPDATE~OF~n~ON~a~FOR~EACH~ROW~\
     WHEN~new.n>1~BEGIN~SELECT~CASE~WHEN~@=@~THEN~RAISE(ABORT,@)~END;~END",
    "EXPLAIN~CREATE~TRIGGER~t~AFTER~DELETE~ON~b~BEGIN~SELECT~1;~SELECT~2;~END",
    "EXPLAIN~QUERY~PLAN~SELECT~*~FROM~a",
    "CREATE~VIEW~v~AS~SELECT~n||@~FROM~a",
    "CREATE~UNIQUE~INDEX~i~ON~a(n)~WHERE~n~IS~NOT~NULL",
    "PRAGMA~foreign_keys",
    "SAVEPOINT~s",
    "BEGIN~IMMEDIATE",
    "END",
];

const BLANKS: &[&str] = &[
    " ",
    "\n",
    "\t\r\n",
    "/**/",
    "/* ; END; ' */",
    "-- ; ' \" [ \n",
    "--\r;\n",
    " /*/ ; */ ",
    "/* /* */",
    "\u{c}",
    " \u{feff} ",
    "/*--*/",
];

const STRINGS: &[&str] =
    &["'a'", "';'", "'it''s;'", "'-- '", "'/*'", "'\n;\n'", "';END;'", "'é\\'", "x'3b'", "''"];

const BETWEEN: &[&str] = &[";", ";;", "; ;\n", ";-- end\n", "; /* ; */", ";\u{feff}"];

const ENDS: &[&str] = &["", ";", ";\n", "; -- open", "; /* open ; ", "\n/* ; */", "--"];

/// A statement with its gaps filled.
fn statement() -> impl Strategy<Value = String> {
    let gaps = prop::collection::vec((select(BLANKS), select(STRINGS)), 40);
    (select(STATEMENTS), gaps).prop_map(|(pattern, gaps)| {
        let mut gaps = gaps.iter().cycle();
        let mut fill = |c: char| {
            let (blank, string) = gaps.next().expect("a cycle has no end");
            match c {
                '~' => (*blank).to_owned(),
                '@' => (*string).to_owned(),
                other => other.to_string(),
            }
        };
        pattern.chars().map(&mut fill).collect()
    })
}

fn script() -> impl Strategy<Value = String> {
    let parts = prop::collection::vec((statement(), select(BETWEEN)), 0..6);
    (parts, statement(), select(ENDS)).prop_map(|(parts, last, end)| {
        let mut text: String =
            parts.iter().map(|(statement, between)| format!("{statement}{between}")).collect();
        text.push_str(&last);
        text.push_str(end);
        text
    })
}

/// The statements as SQLite cuts them: from where the one before ended to its own end.
fn by_sqlite(connection: &Connection, script: &str) -> Vec<String> {
    let mut batch = Batch::new(connection, script);
    let mut texts = Vec::new();
    while let Some(statement) = batch.next().unwrap_or_else(|error| panic!("{error}: {script:?}")) {
        texts.push(statement.expanded_sql().expect("a statement's text"));
    }
    texts
}

fn by_us(script: &str) -> Vec<String> {
    let mut splitter = Splitter::of(Dialect::Sqlite);
    splitter.feed(script.as_bytes());
    splitter.end();
    let mut texts = Vec::new();
    while let Some(piece) = splitter.next_piece().unwrap_or_else(|error| panic!("{error}")) {
        if piece.kind == PieceKind::Statement {
            texts.push(String::from_utf8(piece.bytes.to_vec()).expect("UTF-8"));
        }
    }
    texts
}

/// What stands before a statement belongs to it or to nothing, and where a text ends the parser
/// has no `;` to stop at: only where statements begin and end is compared.
fn trimmed(texts: &[String]) -> Vec<String> {
    let tokens = |text: &String| {
        let tokens: Vec<String> = stopover_sql::tokens_in(Dialect::Sqlite, text)
            .filter(|token| !token.kind.is_trivia())
            .map(|token| token.text.to_owned())
            .collect();
        tokens.join(" ").trim_matches([';', ' ']).to_owned()
    };
    texts.iter().map(tokens).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_cuts_where_we_cut(script in script()) {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE a (n); CREATE TABLE b (n)").unwrap();
        prop_assert_eq!(trimmed(&by_us(&script)), trimmed(&by_sqlite(&connection, &script)));
    }
}

#[test]
fn parameters_with_semicolons_are_one_token_to_both() {
    let connection = Connection::open_in_memory().unwrap();
    for (script, count) in
        [("SELECT $a(;), 1; SELECT 2", 2), ("SELECT $a::b; SELECT :c, @d, ?3", 2), ("SELECT #", 1)]
    {
        assert_eq!(by_us(script).len(), count, "{script}");
        let mut batch = Batch::new(&connection, script);
        let mut seen = 0;
        while let Ok(Some(_)) = batch.next() {
            seen += 1;
        }
        assert!(seen == count || script.contains('#'), "{script}: {seen}");
    }
}
