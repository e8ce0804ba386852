//! A carry beside `pg_dump -n | psql` and `pg_dump -Fd -j2` with `pg_restore -j2`, in turns, on a
//! private server that is durable and set as a server is out of the box: source and target share
//! its machine.
//!
//! `cargo run --release -p stopover-carry --example carry_bench -- [--mb 1000] [--tables 300]
//! [--turns 3] [--jobs 2]`. Prints the median of each way, the ratios to the first, and the most
//! memory that a carry took.
//!
//! `-- --mb 0 --tables 0 --rows 10000000` carries one table of so many rows, and before it one of a
//! hundredth of them: both take the same memory.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "an example that stops at any error")]

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::process::{Command, Stdio};
use std::time::Instant;

use stopover_backend::{Privileges, Stop};
use stopover_carry::{CarryRequest, Existing};
use stopover_model::Silent;
use stopover_postgres::Target;
use stopover_scratch::binaries::{Binaries, Program, Search};
use stopover_scratch::server::{Durability, PrivateServer, ServerOptions};

/// PostgreSQL's own values of what a private server sets for its usual work.
const OUT_OF_THE_BOX: [(&str, &str); 12] = [
    ("shared_buffers", "128MB"),
    ("effective_cache_size", "4GB"),
    ("work_mem", "4MB"),
    ("maintenance_work_mem", "64MB"),
    ("max_parallel_maintenance_workers", "2"),
    ("autovacuum", "on"),
    ("max_connections", "100"),
    ("max_locks_per_transaction", "64"),
    ("max_wal_size", "1GB"),
    ("checkpoint_timeout", "5min"),
    ("max_worker_processes", "8"),
    ("jit", "on"),
];

/// Rows that make about a megabyte of tables and indexes.
const ROWS_OF_A_MEGABYTE: usize = 2_300;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|it| it == "carry") {
        return carry(&arguments[1], &arguments[2], arguments[3].parse().unwrap());
    }
    let number = |flag: &str, default: usize| {
        let at = arguments.iter().position(|it| it == flag);
        at.map_or(default, |at| arguments[at + 1].parse().unwrap())
    };
    let (turns, jobs) = (number("--turns", 3), number("--jobs", 2));
    let programs = [Program::Psql, Program::PgDump, Program::PgRestore];
    let binaries = Search::from_environment(None).choose(None, &programs).unwrap().binaries;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options = ServerOptions {
        durability: Durability::LikeProduction,
        settings: OUT_OF_THE_BOX.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..ServerOptions::default()
    };
    let server = runtime.block_on(PrivateServer::start(&binaries, options)).unwrap();
    let bench = Bench { binaries, server, jobs };
    let (tables, megabytes) = (number("--tables", 300), number("--mb", 200));
    if tables > 0 {
        bench.measure(&format!("{tables} small tables"), &small(tables), turns.max(5));
    }
    if megabytes > 0 {
        bench.measure(&format!("{megabytes} MB"), &large(megabytes), turns);
    }
    let rows = number("--rows", 0);
    for rows in [rows / 100, rows].into_iter().filter(|&it| it > 0) {
        bench.memory(rows);
    }
    runtime.block_on(bench.server.stop()).unwrap();
}

/// One carry in a process of its own, as people start it; says how much memory it took.
fn carry(from: &str, to: &str, jobs: NonZeroUsize) {
    let request = CarryRequest {
        from: Target::parse(from).unwrap(),
        to: Target::parse(to).unwrap(),
        schemas: vec!["s".to_owned()],
        reserved: Vec::new(),
        existing: Existing::Replaced,
        owners: Privileges::LeftOut,
        privileges: Privileges::LeftOut,
        timeout: None,
        callback: None,
        jobs,
        search: Search::from_environment(None),
        stop: Stop::never(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let report = runtime.block_on(stopover_carry::carry(&request, &mut Silent)).unwrap();
    assert_eq!(report.outcome, "success", "{report:#?}");
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|it| it.strip_prefix("VmHWM:"));
    println!("{}", peak.unwrap_or("unknown").trim());
}

fn small(tables: usize) -> String {
    format!(
        "CREATE SCHEMA s; DO $$ BEGIN FOR n IN 1..{tables} LOOP \
           EXECUTE format('CREATE TABLE s.t%s (id serial PRIMARY KEY, name text, at timestamptz)', n); \
           EXECUTE format('INSERT INTO s.t%s (name, at) SELECT md5(i::text), now() FROM generate_series(1, 100) i', n); \
         END LOOP; END $$;"
    )
}

/// Accounts with a filler, wide rows with text and JSON, ten indexes, foreign keys.
fn large(megabytes: usize) -> String {
    let rows = megabytes * ROWS_OF_A_MEGABYTE;
    format!(
        "CREATE SCHEMA s; \
         CREATE TABLE s.branches (id int PRIMARY KEY, name text); \
         INSERT INTO s.branches SELECT i, 'branch ' || i FROM generate_series(1, 1000) i; \
         CREATE TABLE s.accounts (id int PRIMARY KEY, branch int REFERENCES s.branches, balance int, filler char(84)); \
         INSERT INTO s.accounts SELECT i, 1 + i % 1000, (i::bigint * 7919 % 100000)::int, '' FROM generate_series(1, {rows}) i; \
         CREATE INDEX ON s.accounts (branch); CREATE INDEX ON s.accounts (balance); \
         CREATE TABLE s.wide (id bigserial PRIMARY KEY, account int REFERENCES s.accounts, title text, doc jsonb, at timestamptz, v numeric); \
         INSERT INTO s.wide (account, title, doc, at, v) SELECT 1 + (i::bigint * 7919) % {rows}, \
           md5(i::text) || ' ' || md5((i + 1)::text), jsonb_build_object('n', i, 'k', md5((i * 3)::text), 'tags', jsonb_build_array(i % 7, i % 11)), \
           '2026-01-01'::timestamptz + i * interval '1 second', i * 1.25 FROM generate_series(1, {half}) i; \
         CREATE INDEX ON s.wide (account); CREATE INDEX ON s.wide (title); CREATE INDEX ON s.wide (at); \
         CREATE INDEX ON s.wide (v); CREATE INDEX ON s.wide ((doc ->> 'k')); \
         CREATE TABLE s.history (account int, delta int, at timestamptz, note text); \
         INSERT INTO s.history SELECT 1 + (i::bigint * 104729) % {rows}, i % 1000, '2026-01-01'::timestamptz + i * interval '1 second', 'note ' || i \
           FROM generate_series(1, {rows}) i; \
         CREATE INDEX ON s.history (account); CREATE INDEX ON s.history (at);",
        half = rows / 2,
    )
}

struct Bench {
    binaries: Binaries,
    server: PrivateServer,
    jobs: usize,
}

impl Bench {
    fn url(&self, database: &str) -> String {
        let config = self.server.config();
        let host = match config.get_hosts().first() {
            Some(tokio_postgres::config::Host::Unix(path)) => path.display().to_string(),
            other => panic!("no socket: {other:?}"),
        };
        let password =
            String::from_utf8(config.get_password().unwrap_or_default().to_vec()).unwrap();
        format!(
            "host='{host}' port={} user={} password='{password}' dbname={database}",
            config.get_ports().first().copied().unwrap_or(5432),
            config.get_user().unwrap(),
        )
    }

    fn program(&self, program: Program) -> String {
        self.binaries.path(program).display().to_string()
    }

    fn sql(&self, database: &str, sql: &str) -> String {
        let mut command = Command::new(self.program(Program::Psql));
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        let said = command.arg(self.url(database)).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }

    fn shell(&self, script: &str) -> f64 {
        let begun = Instant::now();
        let ended = Command::new("bash")
            .args(["-c", &format!("set -o pipefail; {script}")])
            .stdout(Stdio::null())
            .status();
        assert!(ended.unwrap().success(), "{script}");
        begun.elapsed().as_secs_f64()
    }

    /// One carry: its seconds, and the most memory it took.
    fn carried(&self, from: &str, to: &str) -> (f64, String) {
        let begun = Instant::now();
        let said = Command::new(std::env::current_exe().unwrap())
            .args(["carry", from, to, &self.jobs.to_string()])
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(said.status.success());
        (begun.elapsed().as_secs_f64(), String::from_utf8_lossy(&said.stdout).trim().to_owned())
    }

    /// What one table takes.
    fn memory(&self, rows: usize) {
        self.sql("postgres", "CREATE DATABASE source");
        self.sql("postgres", "CREATE DATABASE target");
        self.sql(
            "source",
            &format!(
                "CREATE SCHEMA s; CREATE TABLE s.t (id int, name text, at timestamptz); \
                 INSERT INTO s.t SELECT i, md5(i::text), now() FROM generate_series(1, {rows}) i"
            ),
        );
        let (took, peak) = self.carried(&self.url("source"), &self.url("target"));
        assert_eq!(self.sql("target", "SELECT count(*) FROM s.t"), rows.to_string());
        println!("one table of {rows} rows: {took:.2} s, most memory {peak}");
        self.sql("postgres", "DROP DATABASE target");
        self.sql("postgres", "DROP DATABASE source");
    }

    fn measure(&self, what: &str, fill: &str, turns: usize) {
        self.sql("postgres", "CREATE DATABASE source");
        self.sql("source", fill);
        self.sql("source", "VACUUM ANALYZE");
        self.sql("source", "CHECKPOINT");
        let size = self.sql("source", "SELECT pg_size_pretty(pg_database_size('source'))");
        let (from, to) = (self.url("source"), self.url("target"));
        let (dump, psql) = (self.program(Program::PgDump), self.program(Program::Psql));
        let restore = self.program(Program::PgRestore);
        let folder = std::env::temp_dir().join(format!("carry-bench-{}", std::process::id()));
        let folder = folder.display().to_string();
        let mut seconds: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        let mut peaks = Vec::new();
        for _ in 0..turns {
            for way in ["1 pipe", "2 folder", "3 carry"] {
                self.sql("postgres", "DROP DATABASE IF EXISTS target");
                self.sql("postgres", "CREATE DATABASE target");
                self.sql("postgres", "CHECKPOINT");
                let took = match way {
                    "1 pipe" => self.shell(&format!(
                        "{dump} -n s \"{from}\" | {psql} -X -q -v ON_ERROR_STOP=1 \"{to}\""
                    )),
                    "2 folder" => {
                        let took = self.shell(&format!(
                            "{dump} -n s -Fd -j2 -Z0 -f {folder} \"{from}\" && {restore} -j2 -d \"{to}\" {folder}"
                        ));
                        std::fs::remove_dir_all(&folder).unwrap();
                        took
                    }
                    _ => {
                        let (took, peak) = self.carried(&from, &to);
                        peaks.push(peak);
                        took
                    }
                };
                seconds.entry(way).or_default().push(took);
            }
        }
        println!("{what} ({size}), medians of {turns} turns:");
        let median = |way: &str| {
            let mut all = seconds[way].clone();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        for way in ["1 pipe", "2 folder", "3 carry"] {
            let ratio = median("1 pipe") / median(way);
            println!("  {way:10} {:7.2} s  {ratio:5.2} x  {:.2?}", median(way), seconds[way]);
        }
        println!("  most memory of a carry: {}", peaks.iter().max().unwrap());
        self.sql("postgres", "DROP DATABASE target");
        self.sql("postgres", "DROP DATABASE source");
    }
}
