//! A service boots on a database whose ledger does not fit its files any more.
//!
//! A process of its own, with its tests one after the other: they read the log (see `log.rs`).

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use stopover::{Embedded, Error, HealKind, Runner, Version};
use stopover_testkit::TestDatabase;
use tracing_subscriber::fmt::MakeWriter;

/// Nine may run twice, ten may not.
const SHOP: [(&str, &[u8]); 2] = [
    (
        "9_codes.up.sql",
        b"CREATE TABLE IF NOT EXISTS codes (id integer PRIMARY KEY, code text);\n\
          INSERT INTO codes (id, code) SELECT 1, 'SUMMER' WHERE NOT EXISTS (SELECT 1 FROM codes WHERE id = 1);\n",
    ),
    ("10_mail.up.sql", b"ALTER TABLE codes ADD COLUMN mail text;\n"),
];

static FILES: [(&str, &[u8]); 2] = SHOP;

/// One test listens at a time.
static LISTENING: Mutex<()> = Mutex::new(());

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

/// The warnings and errors of a boot, and what became of it.
fn boot(runner: &Runner) -> (Vec<String>, Result<stopover::Report, Error>) {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .with_ansi(false)
        .with_max_level(tracing::Level::INFO)
        .without_time()
        .finish();
    let booted = tracing::subscriber::with_default(subscriber, || runner.run_blocking());
    let log = String::from_utf8(lines.0.lock().expect("nobody panicked").clone()).expect("text");
    let loud = log.lines().filter(|it| it.contains("WARN") || it.contains("ERROR"));
    (loud.map(str::to_owned).collect(), booted)
}

fn embedded() -> Embedded {
    Embedded::new("migrations", &FILES)
}

/// What both databases must show; `poison` breaks a version's checksum.
fn the_incident(runner: &Runner, poison: impl Fn(i64)) {
    let _alone = LISTENING.lock().unwrap_or_else(PoisonError::into_inner);
    let service = runner.clone().embedded(embedded()).idempotent([9]);
    let first = service.run_blocking().expect("a first boot").ledger;

    poison(9);
    let (loud, booted) = boot(&service);
    let report = booted.expect("it boots by itself");
    assert_eq!((report.healed, report.ledger), (vec![Version::Integer(9)], first.clone()));
    assert_eq!(loud.len(), 1, "{loud:#?}");
    for part in [
        "WARN",
        "migration 9 was previously applied but has been modified (class: unknown)",
        "it was run again (proven on a copy",
    ] {
        assert!(loud[0].contains(part), "{part}: {loud:#?}");
    }
    let (loud, booted) = boot(&service);
    assert_eq!((loud, booted.expect("a boot").healed), (vec![], vec![]));
    let healed = service.status_blocking().expect("a status").healed;
    assert_eq!((healed.len(), healed[0].way), (1, HealKind::Rerun));

    // Ten would fail a second time: it is not on the list, and nobody tries.
    poison(10);
    let (loud, booted) = boot(&service);
    let Err(Error::Refused { findings }) = booted else { panic!("{booted:?}") };
    assert!(findings[0].message.contains("migration 10 was previously applied but has been"));
    assert!(findings[0].remedy.contains("repair accept 10"), "{findings:#?}");
    assert!(loud.iter().any(|it| it.contains("no migration was run")), "{loud:#?}");
    let stamped = &service.status_blocking().expect("a status").applied[1].checksum;
    assert_ne!(*stamped, first[1].checksum, "nothing is changed, not even the ledger");
}

#[test]
fn a_service_on_sqlite_boots_by_itself_and_silently_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let runner = Runner::new(&format!("sqlite:{}", file.display())).unwrap();
    let connection = || rusqlite::Connection::open(&file).unwrap();
    the_incident(&runner, |version| {
        let sql = "UPDATE stopover_applied_migrations SET checksum = '00' WHERE version = ?1";
        connection().execute(sql, [version]).unwrap();
    });
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "the copy is gone: {left:?}");
}

#[test]
fn a_service_on_postgresql_boots_by_itself_and_silently_the_next_time() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create());
    let runner = Runner::new(&database.url()).unwrap();
    leave_behind();
    the_incident(&runner, |version| {
        database.psql(&format!(
            "UPDATE stopover.applied_migrations SET checksum = '00' WHERE version = {version}"
        ));
    });
}

/// What a run that was killed leaves: it is cleared away by whoever makes the next scratch, and
/// once was a warning in that one's log.
fn leave_behind() {
    let name = format!("stopover-scratch-{:016x}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder).expect("a folder is made");
    let socket = folder.join("socket").display().to_string();
    std::fs::write(folder.join("marker"), format!("stopover scratch 1\nsocket {socket}\n"))
        .expect("a marker is written");
}

#[test]
fn a_service_that_says_so_heals_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let runner =
        Runner::new(&format!("sqlite:{}", folder.path().join("app.db").display())).unwrap();
    runner.clone().embedded(embedded()).run_blocking().unwrap();
    static CRLF: [(&str, &[u8]); 2] =
        [SHOP[0], ("10_mail.up.sql", b"ALTER TABLE codes ADD COLUMN mail text;\r\n")];
    let rebuilt = || runner.clone().embedded(Embedded::new("migrations", &CRLF));
    let off =
        stopover::HealPolicy { mode: stopover::HealMode::Off, ..stopover::HealPolicy::default() };
    assert!(matches!(rebuilt().heal(off).run_blocking(), Err(Error::Refused { .. })));
    let report = rebuilt().run_blocking().unwrap();
    assert_eq!(report.healed, [Version::Integer(10)]);
    assert_eq!(report.findings.len(), 1);
    assert!(report.findings[0].message.contains("(class: line-endings)"), "{report:?}");
}
