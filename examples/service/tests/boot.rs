//! The service as an orchestrator starts it: a process, its health page, and signals.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use stopover::{Embedded, Runner};
use stopover_testkit::TestDatabase;

const MIGRATIONS: Embedded = stopover::embed!("migrations");
const PATIENCE: Duration = Duration::from_secs(60);

/// A service that was started; killed where a test ends before it does.
struct Service {
    process: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Service {
    fn start(url: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_stopover-example-service"))
            .envs([("DATABASE_URL", url), ("LISTEN", "127.0.0.1:0")])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the service starts");
        let mut output = BufReader::new(process.stdout.take().expect("its output"));
        let mut line = String::new();
        output.read_line(&mut line).expect("its output");
        let address = line.trim().strip_prefix("listening on ").expect("its first line").to_owned();
        Self { process, output, address }
    }

    /// Status code and body of the health page.
    fn health(&self) -> std::io::Result<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer of HTTP");
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
        Ok((status.expect("a status"), body.to_owned()))
    }

    /// Waits until it is healthy, and returns what it says then.
    fn healthy(&self) -> String {
        let began = Instant::now();
        loop {
            let (status, body) = self.health().expect("it answers");
            if status == 200 {
                return body;
            }
            assert_eq!((status, body.as_str()), (503, "migrating\n"));
            assert!(began.elapsed() < PATIENCE, "it never became healthy");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.process.id().try_into().expect("a process id"));
        kill(pid, signal).expect("it runs");
    }

    /// Waits for its end: how it ended, and what it wrote to standard error.
    fn end(mut self) -> (ExitStatus, String) {
        let mut errors = String::new();
        let mut stream = self.process.stderr.take().expect("its errors");
        stream.read_to_string(&mut errors).expect("its errors");
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("its output");
        (self.process.wait().expect("its end"), errors)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and need not.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How many migrations a service's log says that it applied.
fn applied(log: &str) -> usize {
    log.matches("migration applied").count()
}

fn two_at_once(url: &str) {
    let services = [Service::start(url), Service::start(url)];
    for service in &services {
        assert_eq!(service.healthy(), "applied: 1 2 3\n");
        service.signal(Signal::SIGTERM);
    }
    let ends = services.map(Service::end);
    for (status, log) in &ends {
        assert!(status.success(), "{status}: {log}");
    }
    assert_eq!(ends.iter().map(|(_, log)| applied(log)).sum::<usize>(), 3, "{ends:?}");
}

#[tokio::test]
async fn two_services_at_once_on_a_fresh_postgresql_database() {
    let database = TestDatabase::create().await;
    two_at_once(&database.url());
    assert_eq!(
        database.psql(
            "select string_agg(version::text, ',' order by version) \
             from stopover.applied_migrations"
        ),
        "1,2,3"
    );
}

#[test]
fn two_services_at_once_on_a_fresh_sqlite_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    two_at_once(&format!("sqlite:{}", path.display()));
    let connection = rusqlite::Connection::open(path).unwrap();
    let tables = "select group_concat(name) from (select name from sqlite_master \
                  where name in ('customers', 'orders') order by name)";
    let found: String = connection.query_row(tables, [], |row| row.get(0)).unwrap();
    assert_eq!(found, "customers,orders");
}

/// The first of the service's migrations, as an earlier version of it had applied it.
const EARLIER: &[(&str, &[u8])] = &[("0001_customers.up.sql", MIGRATIONS.files()[1].1)];

#[tokio::test]
async fn data_that_a_migration_trips_over_keeps_the_service_from_booting() {
    let database = TestDatabase::create().await;
    Runner::new(&database.url()).unwrap().embedded(EARLIER).run().await.unwrap();
    database.psql("insert into customers values (1, 'a@example.com'), (2, 'a@example.com')");
    let (status, log) = Service::start(&database.url()).end();
    assert_eq!(status.code(), Some(1), "{log}");
    let last = log.lines().last().unwrap();
    assert_eq!(
        last,
        "error: the database cannot be migrated: migration 2 (emails_once) failed at \
         migrations/0002_emails_once.up.sql:1:1: could not create unique index \
         \"customers_email\": Key (email)=(a@example.com) is duplicated; nothing of it is left: \
         correct the migration or the data, and run again"
    );
    assert_eq!(database.psql("select count(*) from stopover.applied_migrations"), "1");

    database.psql("delete from customers where id = 2");
    let service = Service::start(&database.url());
    assert_eq!(service.healthy(), "applied: 1 2 3\n", "it boots when the data is right");
}

#[tokio::test]
async fn a_service_that_waits_for_another_says_503_and_ends_at_once_when_it_is_told_to() {
    const SLOW: &[(&str, &[u8])] = &[("1_slow.sql", b"SELECT pg_sleep(60);")];
    let database = TestDatabase::create().await;
    let other = Runner::new(&database.url()).unwrap().embedded(SLOW);
    let other = tokio::spawn(async move { other.run().await });
    let sleeping = "select count(*) from pg_stat_activity where datname = current_database() \
                    and query like '%pg_sleep(60)%' and pid <> pg_backend_pid()";
    let began = Instant::now();
    while database.psql(sleeping) == "0" {
        assert!(began.elapsed() < PATIENCE, "the other one never began");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let service = Service::start(&database.url());
    assert_eq!(service.health().unwrap(), (503, "migrating\n".to_owned()));
    let told = Instant::now();
    service.signal(Signal::SIGTERM);
    let (status, log) = service.end();
    assert!(status.success(), "{status}: {log}");
    assert!(told.elapsed() < Duration::from_secs(30), "{:?}", told.elapsed());
    assert_eq!(applied(&log), 0);
    other.abort();
}
