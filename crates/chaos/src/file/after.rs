//! What must hold when everything is over: every effect exactly once, ledger and journal in order, a
//! whole file, and nothing of ours beside it.

use rusqlite::Connection;

use crate::Complaint;
use crate::source::Ledger;
use crate::tool::{End, Tool};

use super::source::{ITEMS, Source};
use super::{DATABASE, URL, ask, open};

/// Versions that nobody repaired and of which a statement finished twice, or which were applied
/// twice, or whose last line is not that they are settled.
const JOURNAL: &str = "WITH j AS (SELECT * FROM stopover_migration_journal WHERE version <> ''), \
    plain AS (SELECT * FROM j WHERE version NOT IN \
      (SELECT version FROM j WHERE event IN ('settled', 'reverted'))), \
    last AS (SELECT version, event FROM j WHERE id IN (SELECT max(id) FROM j GROUP BY version)) \
    SELECT version || ' finished ' || statement || ' twice' FROM plain \
      WHERE event = 'finished' GROUP BY version, statement HAVING count(*) > 1 \
    UNION ALL SELECT version || ' applied twice' FROM plain \
      WHERE event = 'applied' GROUP BY version HAVING count(*) > 1 \
    UNION ALL SELECT version || ' ends with ' || event FROM last \
      WHERE event NOT IN ('applied', 'settled')";

const HAS_JOURNAL: &str =
    "SELECT count(*) FROM sqlite_schema WHERE name = 'stopover_migration_journal'";

/// Ends of the files that belong to a database in WAL mode.
const OF_WAL: [&str; 2] = ["-wal", "-shm"];

/// Complains of everything that does not hold.
pub(super) async fn verify(source: &Source, tool: &Tool) -> Result<(), Complaint> {
    // The tool first: what it leaves is looked at as it is.
    let status = tool.run(URL, &["status", "--check"]).await?;
    let mut wrong = Vec::new();
    if status.end != End::Exit(0) {
        wrong.push(format!("the tool finds drift\n{status}"));
    }
    let beside = beside(tool);
    let connection = open(&tool.folder)?;
    // What a killed process left in a `-wal` is the database's: who only reads leaves it there.
    let is_wal = ask(&connection, "PRAGMA journal_mode")? == ["wal"];
    let beside: Vec<String> = beside
        .into_iter()
        .filter(|it| !(is_wal && OF_WAL.iter().any(|end| it.ends_with(end))))
        .collect();
    if !beside.is_empty() {
        wrong.push(format!("left beside the database: {}", beside.join(", ")));
    }
    for (what, sql, expected) in expectations(source, tool, &connection)? {
        let found = ask(&connection, &sql).map_err(|it| Complaint::new(format!("{what}: {it}")))?;
        if found != expected {
            wrong.push(format!(
                "{what}: there should be\n    {}\n  and there is\n    {}",
                expected.join(" "),
                found.join(" ")
            ));
        }
    }
    wrong.extend(copies(source, tool)?);
    if wrong.is_empty() { Ok(()) } else { Err(Complaint::new(wrong.join("\n"))) }
}

type Expectation = (&'static str, String, Vec<String>);

/// Questions to the database, and their only right answers.
fn expectations(
    source: &Source,
    tool: &Tool,
    connection: &Connection,
) -> Result<Vec<Expectation>, Complaint> {
    let versions: Vec<String> = source.migrations.iter().map(|it| it.number.to_string()).collect();
    let ledger = match tool.ledger {
        Ledger::Sqlx => {
            "SELECT version || CASE WHEN success THEN '' ELSE '!' END FROM _sqlx_migrations \
             ORDER BY version"
        }
        Ledger::Stopover | Ledger::Diesel => {
            "SELECT version FROM stopover_applied_migrations ORDER BY version"
        }
    };
    let one = |value: &str| vec![value.to_owned()];
    let items = format!("{ITEMS} {ITEMS}");
    let mut all: Vec<Expectation> = vec![
        ("the marks", "SELECT mark FROM marks ORDER BY mark".to_owned(), source.marks()),
        ("the counter", "SELECT n FROM counter".to_owned(), one(&source.bumps().to_string())),
        (
            "the rebuilt table",
            "SELECT count(*), count(DISTINCT note) FROM items".to_owned(),
            one(&items),
        ),
        ("foreign keys", "PRAGMA foreign_key_check".to_owned(), Vec::new()),
        ("the file", "PRAGMA integrity_check".to_owned(), one("ok")),
        ("the ledger", ledger.to_owned(), versions),
    ];
    if ask(connection, HAS_JOURNAL)? == ["1"] {
        all.push(("the journal", JOURNAL.to_owned(), Vec::new()));
    }
    Ok(all)
}

/// Files of ours, or of SQLite's, beside the database.
fn beside(tool: &Tool) -> Vec<String> {
    let ends = ["-stopover-lock", "-stopover-lock-journal", "-journal"].into_iter().chain(OF_WAL);
    let files = ends.map(|it| format!("{DATABASE}{it}"));
    files.filter(|it| tool.folder.join(it).exists()).collect()
}

/// Copies that are not there, or not whole.
fn copies(source: &Source, tool: &Tool) -> Result<Vec<String>, Complaint> {
    let mut wrong = Vec::new();
    for copy in source.migrations.iter().filter_map(|it| it.copy.as_ref()) {
        let path = tool.folder.join(copy);
        let found = if path.exists() {
            let opened = Connection::open(&path);
            ask(&opened.map_err(|it| Complaint::new(it.to_string()))?, "PRAGMA integrity_check")?
        } else {
            vec!["nothing".to_owned()]
        };
        if found != ["ok"] {
            wrong.push(format!("{copy}: {}", found.join(" ")));
        }
    }
    Ok(wrong)
}

/// The database as it is, for people.
pub(super) fn state(tool: &Tool) -> String {
    let questions = [
        "SELECT mark, count(*) FROM marks GROUP BY mark ORDER BY mark",
        "SELECT n FROM counter",
        "SELECT version, name, provenance FROM stopover_applied_migrations ORDER BY version",
        "SELECT version, description, success FROM _sqlx_migrations ORDER BY version",
        "SELECT id, at, version, event, statement, substr(statement_checksum, 1, 6), detail \
         FROM stopover_migration_journal ORDER BY id",
    ];
    let mut text = "-- the database".to_owned();
    let connection = match open(&tool.folder) {
        Ok(connection) => connection,
        Err(complaint) => return format!("{text}\n{complaint}"),
    };
    for question in questions {
        match ask(&connection, question) {
            Ok(rows) => text.push_str(&format!("\n> {question}\n{}", rows.join("\n"))),
            Err(error) if error.to_string().contains("no such table") => {}
            Err(error) => text.push_str(&format!("\n> {error}")),
        }
    }
    text
}
