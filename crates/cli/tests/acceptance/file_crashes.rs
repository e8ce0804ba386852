//! A tool that is killed in the middle of a migration of an SQLite file: the next run applies each
//! migration once, or says what nobody can tell.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use crate::program::Call;

const FIRST: &str = "CREATE TABLE runs AS SELECT 1 AS version;\nCREATE TABLE patience AS SELECT 20000000000 AS wait;\n";

/// Longest wait for something that must come to pass, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// Takes as long as patience says.
const SLOW: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \
                    (SELECT wait FROM patience)) SELECT count(*) FROM n;\n";

/// A folder with migrations and a database.
struct Shop(TempDir);

impl Shop {
    /// With the first migration, and this as its second.
    fn with(second: &str) -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        fs::create_dir(shop.0.path().join("migrations")).unwrap();
        shop.write("1_first.up.sql", FIRST);
        shop.write("2_slow.up.sql", second);
        shop
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join("migrations").join(name), text).unwrap();
    }

    fn call(&self, arguments: &str) -> Call {
        Call::in_folder(self.0.path())
            .variable("DATABASE_URL", "sqlite:app.db")
            .arguments(arguments.split_whitespace())
    }

    /// An apply that is killed when this statement of the second migration, the slow one, has begun.
    fn killed_in(&self, statement: usize) {
        self.killed(&self.call("apply"), statement);
    }

    fn killed(&self, call: &Call, statement: usize) {
        let begun = format!(
            "SELECT count(*) FROM stopover_migration_journal \
             WHERE version = '2' AND event = 'started' AND statement = {statement}"
        );
        let running = call.start();
        let began = Instant::now();
        // What is not there yet, and what somebody commits just now, is an error.
        let has_begun = || self.opened()?.query_row(&begun, [], |row| row.get::<_, i64>(0));
        while !has_begun().is_ok_and(|it| it == 1) {
            assert!(began.elapsed() < PATIENCE, "it does not come to its statement {statement}");
            sleep(Duration::from_millis(10));
        }
        running.signal(Signal::SIGKILL);
        assert_eq!(running.end().end, "signal 9");
    }

    /// The wait is over.
    fn goes_on(&self) {
        self.open().execute("UPDATE patience SET wait = 0", []).unwrap();
    }

    fn open(&self) -> Connection {
        self.opened().unwrap()
    }

    /// The database, where it is there.
    fn opened(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        Connection::open_with_flags(self.0.path().join("app.db"), flags)
    }

    fn value(&self, sql: &str) -> String {
        self.open().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn runs(&self) -> String {
        self.value("SELECT group_concat(version, ' ') FROM (SELECT * FROM runs ORDER BY 1)")
    }

    fn ledger(&self) -> String {
        self.value("SELECT group_concat(version, ' ') FROM stopover_applied_migrations")
    }
}

#[test]
fn a_transaction_in_a_file_whose_tool_is_killed_leaves_nothing() {
    let slow = format!("INSERT INTO runs VALUES (2);\n{SLOW}");
    let shop = Shop::with(&slow);
    let mut running = shop.call("apply -v").start();
    running.hears("line 1: INSERT");
    running.signal(Signal::SIGKILL);
    assert_eq!(running.end().end, "signal 9");
    // The tool finds the file as it was left: nobody else opens it before.
    shop.write("2_slow.up.sql", "INSERT INTO runs VALUES (2);\n");
    shop.call("apply").run().exits(0);
    assert_eq!((shop.runs(), shop.ledger()), ("1 2".to_owned(), "1 2".to_owned()));
}

#[test]
fn statements_without_a_transaction_go_on_where_the_killed_tool_was() {
    let slow = "-- stopover: no-transaction\nINSERT INTO runs VALUES (2);\n";
    let shop = Shop::with(&format!("{slow}{SLOW}INSERT INTO runs VALUES (3);\n"));
    shop.killed_in(2);
    assert_eq!((shop.runs(), shop.ledger()), ("1 2".to_owned(), "1".to_owned()));
    shop.goes_on();
    shop.call("apply").run().exits(0);
    assert_eq!((shop.runs(), shop.ledger()), ("1 2 3".to_owned(), "1 2".to_owned()));
}

#[test]
fn with_all_that_stands_around_it_an_apply_goes_on_behind_a_killed_one() {
    let slow = "-- stopover: no-transaction\nCREATE TABLE made (x INTEGER);\n";
    let shop = Shop::with(&format!("{slow}{SLOW}INSERT INTO runs VALUES (2);\n"));
    // It records the schema; the next one is killed, and records none.
    shop.call("apply --skip-backup --steps 1").whole().run().exits(0);
    shop.killed(&shop.call("apply --skip-backup").whole(), 2);
    shop.goes_on();
    let said = shop.call("apply --skip-backup").whole().run().exits(0);
    let text = said.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("table made (new)"), "{text}");
    assert_eq!((shop.runs(), shop.ledger()), ("1 2".to_owned(), "1 2".to_owned()));
    // From here on a change by hand is one again.
    shop.open().execute_batch("CREATE TABLE by_hand (x INTEGER)").unwrap();
    shop.call("preflight --no-report").run().exits(1);
}

/// A migration whose later statements need what ended with the killed session.
fn staged() -> Shop {
    let staged = "-- stopover: no-transaction\nCREATE TEMP TABLE staged AS SELECT 3 AS version;\n\
                  INSERT INTO runs VALUES (2);\n";
    let shop = Shop::with(&format!("{staged}{SLOW}INSERT INTO runs SELECT version FROM staged;\n"));
    shop.write("2_slow.down.sql", "DELETE FROM runs WHERE version > 1;\n");
    shop.killed_in(3);
    shop.goes_on();
    shop
}

fn refused(shop: &Shop) {
    let said = shop.call("apply").run().exits(8);
    let text = said.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in ["error[dirty] 2", "a temporary table", "repair applied 2", "repair pending 2"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!((shop.runs(), shop.ledger()), ("1 2".to_owned(), "1".to_owned()));
}

#[test]
fn what_nobody_can_tell_of_a_killed_tool_is_refused_and_settled_by_its_down_script() {
    let shop = staged();
    refused(&shop);
    shop.call("apply --recover-dirty down").run().exits(0);
    assert_eq!((shop.runs(), shop.ledger()), ("1 2 3".to_owned(), "1 2".to_owned()));
    shop.call("status --check").run().exits(0);
}

#[test]
fn what_nobody_can_tell_of_a_killed_tool_is_settled_by_the_repair_that_is_named() {
    let shop = staged();
    refused(&shop);
    shop.open().execute("DELETE FROM runs WHERE version > 1", []).unwrap();
    shop.call("repair pending 2 --reason undone").run().exits(0);
    shop.call("apply").run().exits(0);
    assert_eq!((shop.runs(), shop.ledger()), ("1 2 3".to_owned(), "1 2".to_owned()));
}

#[test]
fn a_run_with_nothing_to_do_left_a_killed_runners_lock_file_there() {
    let shop = Shop::with("CREATE TABLE orders (id integer);\n");
    shop.call("apply").run().exits(0);
    // As one leaves it that is killed between its last commit and its end.
    let lock = shop.0.path().join("app.db-stopover-lock");
    Connection::open(&lock).unwrap().execute_batch("CREATE TABLE holder (pid integer)").unwrap();
    shop.call("apply").run().exits(0);
    assert!(!lock.exists(), "whoever comes next removes it");
}
