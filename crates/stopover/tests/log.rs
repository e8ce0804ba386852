//! What stands in the service's log.
//!
//! A process of its own, with one test: `tracing` remembers for the whole process whether anybody
//! listens to a place in the code, and tests beside this one would be asked too.

use std::io;
use std::sync::{Arc, Mutex};

use stopover::{Embedded, OrphanPolicy, Policy, Runner};
use tracing_subscriber::fmt::MakeWriter;

const SHOP: Embedded = stopover::embed!("tests/migrations");

/// Lines in memory.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The log of what `work` does on this thread.
fn log_of(work: impl FnOnce()) -> String {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .with_ansi(false)
        .without_time()
        .finish();
    tracing::subscriber::with_default(subscriber, work);
    let bytes = lines.0.lock().expect("nobody panicked").clone();
    String::from_utf8(bytes).expect("a log is text")
}

#[test]
fn migrations_are_told_warnings_warn_and_nothing_of_a_refusal_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("app.db").display());
    let runner = Runner::new(&url).unwrap();
    let log = log_of(|| drop(runner.clone().embedded(SHOP).run_blocking().unwrap()));
    let applied: Vec<&str> = log.lines().filter(|it| it.contains("migration applied")).collect();
    assert_eq!(applied.len(), 2, "{log}");
    assert!(applied[0].contains("INFO") && applied[0].contains("version=1"), "{log}");

    let older =
        || runner.clone().embedded(const { &[("0001_customers.up.sql", SHOP.files()[1].1)] });
    let warn = Policy { orphan: OrphanPolicy::Warn, ..Policy::default() };
    let log = log_of(|| drop(older().policy(warn).run_blocking().unwrap()));
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
    assert!(log.contains("code=\"orphan\""), "{log}");

    let log = log_of(|| drop(older().run_blocking().unwrap_err()));
    assert_eq!(log.matches("ERROR").count(), 1, "{log}");
    assert!(log.contains("no migration was run"), "{log}");

    let edited =
        || runner.clone().embedded(const { &[("0001_clients.up.sql", b"SELECT 1;".as_slice())] });
    let log = log_of(|| drop(edited().run_blocking().unwrap_err()));
    for code in ["modified", "renamed", "orphan"] {
        assert!(log.contains(&format!("code=\"{code}\"")), "{code} is missing: {log}");
    }
}
