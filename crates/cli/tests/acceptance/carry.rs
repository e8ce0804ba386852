//! `carry` as an operator runs it: exit codes, documents, kills.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;
use stopover_testkit::{PoolOrder, PoolingProxy, TestDatabase};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::program::{Call, Said};
use crate::schema;

/// Two databases: the source has a table that the target takes its time for, for as long as its
/// function `public.asked` is slow.
struct Stage {
    folder: TempDir,
    from: TestDatabase,
    to: TestDatabase,
    // Drops the databases.
    runtime: Runtime,
}

impl Stage {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let (from, to) = runtime
            .block_on(async { (TestDatabase::create().await, TestDatabase::create().await) });
        let folder = tempfile::tempdir().unwrap();
        let stage = Self { folder, from, to, runtime };
        stage.from.psql(&asked(""));
        stage.to.psql(&asked(""));
        stage.from.psql(
            "CREATE SCHEMA marts; CREATE SCHEMA staging; \
             CREATE TABLE staging.raw AS SELECT i AS id, md5(i::text) AS t FROM generate_series(1, 500) i; \
             ALTER TABLE staging.raw ADD PRIMARY KEY (id); \
             CREATE TABLE marts.checked (a int REFERENCES staging.raw, b text, CHECK (public.asked(a))); \
             INSERT INTO marts.checked SELECT 1 + i % 500, repeat('x', 1000) FROM generate_series(1, 3000) i; \
             CREATE INDEX ON marts.checked (a); \
             CREATE VIEW marts.v AS SELECT count(*) AS n FROM marts.checked",
        );
        stage
    }

    fn call(&self, arguments: &[&str]) -> Call {
        Call::in_folder(self.folder.path())
            .variable("STOPOVER_CARRY_FROM", self.from.url())
            .variable("STOPOVER_CARRY_TO", self.to.url())
            .arguments(["carry", "--schema", "marts", "--schema", "staging"])
            .arguments(arguments)
    }

    fn slow(&self) {
        self.to.psql(&asked("PERFORM pg_sleep(0.01);"));
    }

    fn quick(&self) {
        self.to.psql(&asked(""));
    }

    /// Waits until the slow table is being copied.
    fn await_copy(&self) {
        let begun = Instant::now();
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' \
                   AND datname = current_database()";
        while self.to.psql(sql) == "0" {
            assert!(begun.elapsed() < Duration::from_secs(120), "nothing is copied");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn schemas(&self) -> String {
        self.to.psql(
            "SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace \
             WHERE nspname IN ('marts', 'staging')",
        )
    }

    /// The target has everything, and nothing that was not carried.
    fn is_whole(&self) {
        let counts = "SELECT (SELECT count(*) FROM marts.checked), (SELECT count(*) FROM staging.raw), \
            (SELECT n FROM marts.v), (SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid \
             WHERE c.relnamespace IN ('marts'::regnamespace, 'staging'::regnamespace)), \
            (SELECT count(*) FROM pg_constraint WHERE contype = 'f'), \
            obj_description('marts'::regnamespace) IS NULL";
        assert_eq!(self.to.psql(counts), "3000|500|3000|2|1|t");
    }
}

fn asked(body: &str) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION public.asked(int) RETURNS bool LANGUAGE plpgsql \
         AS $$ BEGIN {body} RETURN true; END $$"
    )
}

fn outcome(said: &Said) -> String {
    said.document()["outcome"].as_str().unwrap().to_owned()
}

#[test]
fn a_carry_tells_how_it_ended_in_every_form() {
    let stage = Stage::new();
    let said = stage.call(&[]).run().exits(0);
    assert!(said.stdout.starts_with("Carry: success\n"), "{}", said.all());
    assert!(said.stderr.contains("copying tables and building indexes"), "{}", said.all());
    stage.is_whole();
    let said = stage
        .call(&["--format", "json", "--report-markdown", "r.md", "--report-json", "r.json", "-q"])
        .run()
        .exits(0);
    assert_eq!((outcome(&said).as_str(), said.stderr.as_str()), ("success", ""));
    schema::check("carry", &said.document());
    let folder = stage.folder.path();
    let stored: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("r.json")).unwrap()).unwrap();
    assert_eq!(stored, said.document());
    let markdown = std::fs::read_to_string(folder.join("r.md")).unwrap();
    assert!(markdown.starts_with("## ✅ Carry: success\n"), "{markdown}");
    assert!(markdown.contains("| `marts.checked` | 3,000 | 3,000 |"), "{markdown}");
}

#[test]
fn statements_that_fail_are_a_warning_unless_that_is_asked_for() {
    let stage = Stage::new();
    stage.from.psql(
        "CREATE TABLE public.up (a int); CREATE VIEW marts.broken AS SELECT a FROM public.up",
    );
    let said = stage.call(&["--format", "json"]).run().exits(0);
    assert_eq!(outcome(&said), "partial: 1 statement error(s)");
    schema::check("carry", &said.document());
    let error = &said.document()["errors"][0];
    assert_eq!(
        (&error["sqlstate"], &error["object"]),
        (&"42P01".into(), &"view marts.broken".into())
    );
    let said = stage.call(&[]).run().exits(0);
    assert!(said.stdout.contains("Carry: partial: 1 statement error(s)"), "{}", said.all());
    assert!(said.stdout.contains("42P01  view marts.broken"), "{}", said.all());
    assert!(said.stdout.contains("warning"), "{}", said.all());
    stage.call(&["--fail-on", "partial"]).run().exits(1);
    stage.is_whole();
}

#[test]
fn killed_in_the_middle_and_run_again_it_is_as_if_nothing_had_been() {
    let stage = Stage::new();
    stage.slow();
    let running = stage.call(&[]).start();
    stage.await_copy();
    running.signal(Signal::SIGKILL);
    running.end();
    // What is half copied says so.
    let mark = "SELECT obj_description('marts'::regnamespace)";
    assert!(stage.to.psql(mark).starts_with("half-copied"), "{}", stage.to.psql(mark));
    stage.quick();
    let said = stage.call(&["--format", "json"]).run().exits(0);
    assert_eq!(outcome(&said), "success");
    stage.is_whole();
}

#[test]
fn stopped_in_the_middle_it_leaves_nothing() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let stage = Stage::new();
        stage.slow();
        let running = stage.call(&[]).start();
        stage.await_copy();
        running.signal(signal);
        let said = running.end().exits(code);
        assert!(said.stderr.contains("the half-copied schemas were dropped"), "{}", said.all());
        assert_eq!(stage.schemas(), "");
    }
}

#[test]
fn when_the_time_is_over_the_exit_code_is_0_and_the_target_is_without_them() {
    let stage = Stage::new();
    stage.slow();
    let said = stage.call(&["--timeout", "2s", "--format", "json"]).run().exits(0);
    assert_eq!(outcome(&said), "timeout-skipped");
    assert_eq!(stage.schemas(), "");
}

#[test]
fn a_source_that_cannot_be_reached_is_exit_code_7_and_no_password_is_told() {
    let stage = Stage::new();
    let nowhere = "postgresql://me:hush@127.0.0.1:1/old";
    let call = stage.call(&["--format", "json"]).variable("STOPOVER_CARRY_FROM", nowhere);
    let said = call.run().exits(7);
    assert!(outcome(&said).starts_with("failed: source: cannot connect to"), "{}", said.all());
    assert!(!said.all().contains("hush"), "{}", said.all());
    assert_eq!(stage.schemas(), "");
}

#[test]
fn a_callback_that_nobody_answers_is_exit_code_7() {
    let stage = Stage::new();
    for url in ["http://127.0.0.1:1/", "https://127.0.0.1:1/"] {
        let arguments = ["--callback", url, "--callback-timeout", "1s", "--format", "json"];
        let said = stage.call(&arguments).run().exits(7);
        assert_eq!(outcome(&said), "unknown");
        assert_eq!(said.document()["callback"]["outcome"], "success");
    }
    stage.is_whole();
}

#[test]
fn what_makes_no_sense_is_exit_code_5() {
    let stage = Stage::new();
    for arguments in [
        &["--schema", "public"][..],
        &["--schema", "stopover"],
        &["--keep-existing", "--timeout", "soon"],
        &["--callback", "ftp://x"],
        &["--callback-format", "json"],
    ] {
        stage.call(arguments).run().exits(5);
    }
    let itself = stage.call(&[]).variable("STOPOVER_CARRY_TO", stage.from.url());
    let said = itself.run().exits(5);
    assert!(said.stderr.contains("the same database"), "{}", said.all());
    stage.call(&[]).run().exits(0);
    let said = stage.call(&["--keep-existing"]).run().exits(5);
    assert!(
        said.stderr.contains("the target has the schemas \"marts\", \"staging\""),
        "{}",
        said.all()
    );
    stage.call(&[]).variable("STOPOVER_CARRY_TO", "sqlite:x.db").run().exits(5);
}

#[test]
fn a_pool_of_transactions_on_either_side_is_exit_code_5() {
    let stage = Stage::new();
    for (variable, database, side) in
        [("STOPOVER_CARRY_FROM", &stage.from, "source"), ("STOPOVER_CARRY_TO", &stage.to, "target")]
    {
        let starting = PoolingProxy::start(database, PoolOrder::LastFirst, 3);
        let proxy = stage.runtime.block_on(starting);
        let said = stage.call(&[]).variable(variable, proxy.access(database).url()).run().exits(5);
        let words = said.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        let expected = format!("the {side}'s address leads to a proxy that pools transactions");
        assert!(words.contains(&expected), "{words}");
        assert_eq!(stage.schemas(), "");
    }
    stage.call(&[]).run().exits(0);
}
