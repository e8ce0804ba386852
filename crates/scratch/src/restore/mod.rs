//! Restores a backup by our own reader: whole, or not at all (red).
//!
//! ```text
//! file ─► decompress ─► cut into jobs ─► load            plain dumps
//! file ─► pg_restore ─► cut into jobs ─► load            archives
//!         thread        thread           async
//! ```
//!
//! The parts are joined by bounded channels, so memory is flat. The reader knows no server, the
//! loader no file: more loaders can take jobs from the same reader.
//!
//! A dump is hostile input. Nothing is executed but SQL, in the session of a role made for the
//! restore, which has no rights beyond the scratch database; what needs a superuser goes through
//! the `policy`. psql's commands are errors.
//!
//! Which role the migrations run as, and what they do, is not decided here.

mod archive;
mod complaint;
mod crew;
mod encoding;
mod error;
mod extension;
mod finish;
mod footing;
mod given;
mod keeper;
mod loader;
mod notes;
mod order;
mod policy;
mod reader;
mod session;
mod target;

pub use error::{Place, RestoreError};
pub use extension::MissingExtension;
pub use given::{DatabaseIdentity, GivenError, GivenServer, Sameness, mark_scratch};
pub use notes::KnownError;
pub use target::RestoreTarget;

use std::thread;
use std::time::{Duration, Instant};

use stopover_model::{Event, EventSink, Finding, RestorePhase};
use tokio::sync::{mpsc, oneshot};

use crate::backup::{Backup, Digest, Header, Kind, Progress};
use crate::binaries::Binaries;
use archive::Conversion;
use encoding::Encoding;
use loader::{Gauge, Loader};
use reader::{Job, Reading, Source};
use target::{Site, server_major};

/// Jobs that may wait between reader and loader; each has at most one block of data or one
/// statement.
const JOBS_WAITING: usize = 8;

/// A restored backup.
#[derive(Debug, Clone)]
pub struct Restored {
    /// The database.
    pub database: String,
    /// Rows loaded.
    pub rows: u64,
    /// Bytes of the backup as it lies on disk.
    pub bytes: u64,
    /// SHA-256 of the backup, in lower-case hex digits.
    pub sha256: String,
    /// How long it took, statistics included.
    pub duration: Duration,
    /// The server that it was dumped from.
    pub server_version: Option<String>,
    /// The pg_dump that wrote it.
    pub dump_version: Option<String>,
    /// The role that owns the database now: the owner of the ledger's table, else of most
    /// relations.
    pub owner: String,
    /// Roles that the dump names.
    pub roles: Vec<String>,
    /// Extensions that were created.
    pub extensions: Vec<String>,
    /// What was changed or left out: notes.
    pub findings: Vec<Finding>,
    /// Errors that are known to be harmless, with their counts.
    pub known_errors: Vec<(KnownError, u64)>,
}

/// Restores `backup` into a new database.
///
/// # Errors
///
/// Whatever keeps the database from being exactly what the backup holds. The database may be there
/// half filled then; it is the caller's to throw away.
pub async fn restore(
    backup: Backup,
    target: &RestoreTarget,
    sink: &mut dyn EventSink,
) -> Result<Restored, RestoreError> {
    let begun = Instant::now();
    let server_major = server_major(&target.superuser).await?;
    must_fit(&backup, server_major)?;
    let input = Input::open(backup, target.pg_restore.clone()).await?;
    let encoding = input.encoding()?;
    let site = Site::prepare(target, &encoding, server_major).await?;
    fill(input, site, encoding, begun, sink).await
}

/// Loads the dump into a database that is ready, and puts it in its final state.
async fn fill(
    input: Input,
    site: Site,
    encoding: Encoding,
    begun: Instant,
    sink: &mut dyn EventSink,
) -> Result<Restored, RestoreError> {
    sink.emit(Event::Phase(RestorePhase::Restoring));
    let Site { session, crew, spool, keeper } = site;
    let gauge = Gauge { progress: input.progress.clone(), of: input.bytes };
    let mut loader = Loader::new((session, crew, spool), keeper, encoding, gauge, sink);
    let read = load(input, &mut loader).await?;
    let Loader { session, crew, mut keeper, mut notes, rows, sink, .. } = loader;
    let owner = finish::finish((session, crew), &mut keeper, &mut notes, sink).await?;
    let (findings, known_errors) = notes.into_findings();
    let duration = begun.elapsed();
    sink.emit(Event::RestoreFinished { duration_ms: duration.as_secs_f64() * 1e3, rows });
    Ok(Restored {
        database: keeper.database,
        rows,
        bytes: read.digest.bytes,
        sha256: read.digest.sha256,
        duration,
        server_version: read.header.server_version,
        dump_version: read.header.dump_version,
        owner,
        roles: keeper.roles,
        extensions: keeper.extensions,
        findings,
        known_errors,
    })
}

/// A dump of a newer server has SQL that an older one does not know.
fn must_fit(backup: &Backup, server_major: u32) -> Result<(), RestoreError> {
    match backup.header.server_major() {
        Some(dumped) if dumped > server_major => Err(RestoreError::Version {
            what: format!(
                "{} is a dump of PostgreSQL {dumped}, and the scratch server is {server_major}: \
                 install postgresql-{dumped}, or name its folder with --pg-bin",
                backup.name
            ),
        }),
        _ => Ok(()),
    }
}

/// The dump's text, wherever it comes from.
struct Input {
    source: Box<dyn Source>,
    conversion: Option<Conversion>,
    header: Header,
    progress: Progress,
    bytes: Option<u64>,
}

/// What is known once all was read.
struct Read {
    digest: Digest,
    header: Header,
}

impl Input {
    async fn open(backup: Backup, binaries: Option<Binaries>) -> Result<Self, RestoreError> {
        let bytes = backup.bytes;
        let said = backup.header.clone();
        let Kind::Plain(_, stream) = backup.kind else {
            let convert = move || archive::convert(backup, binaries.as_ref());
            let converted = tokio::task::spawn_blocking(convert).await.map_err(cut_off)??;
            let archive::Converted { pipe, conversion, header, progress } = converted;
            let header = Header { encoding: header.encoding, ..said };
            let source = Box::new(pipe);
            return Ok(Self { source, conversion: Some(conversion), header, progress, bytes });
        };
        let progress = stream.progress();
        Ok(Self { source: Box::new(stream), conversion: None, header: said, progress, bytes })
    }

    fn encoding(&self) -> Result<Encoding, RestoreError> {
        let Some(name) = &self.header.encoding else { return Ok(Encoding::Utf8) };
        Encoding::of(name)
            .ok_or_else(|| RestoreError::Refused { line: 1, what: encoding::refusal(name) })
    }
}

fn cut_off(error: tokio::task::JoinError) -> RestoreError {
    RestoreError::Io { what: "a thread broke off".to_owned(), source: error.into() }
}

/// Reads and loads everything.
async fn load(input: Input, loader: &mut Loader<'_>) -> Result<Read, RestoreError> {
    let Input { source, conversion, header, .. } = input;
    let (sender, mut jobs) = mpsc::channel::<Job>(JOBS_WAITING);
    let (done, outcome) = oneshot::channel::<Reading>();
    thread::spawn(move || {
        let reading = reader::read(source, &sender, || !done.is_closed());
        drop(sender);
        // Nobody waits any more when the restore was given up.
        let _ = done.send(reading);
    });
    let loaded = loader.run(&mut jobs).await;
    drop(jobs);
    let broken = |_| RestoreError::Io {
        what: "the reading thread broke off".to_owned(),
        source: std::io::ErrorKind::BrokenPipe.into(),
    };
    let reading = outcome.await.map_err(broken)?;
    let converted = match conversion {
        Some(conversion) => {
            let place = reading.place.clone();
            let wait = move || conversion.finish(&place);
            Some(tokio::task::spawn_blocking(wait).await.map_err(cut_off)?)
        }
        None => None,
    };
    judge(loaded, reading, converted, header)
}

/// Of several errors, the one that explains the others: damage in the archive, damage in the
/// dump, then what the server said.
fn judge(
    loaded: Result<(), RestoreError>,
    reading: Reading,
    converted: Option<Result<Digest, RestoreError>>,
    header: Header,
) -> Result<Read, RestoreError> {
    let Reading { digest, result, facts, .. } = reading;
    let damage = match &converted {
        Some(Err(_)) => true,
        _ => result.is_err(),
    };
    if let Err(error) = loaded
        && !(damage && error.may_come_of_damage())
    {
        return Err(error);
    }
    let digest = match converted {
        Some(converted) => Some(converted?),
        None => digest,
    };
    result?;
    let digest = digest
        .ok_or_else(|| RestoreError::NotADump { what: "its end was not reached".to_owned() })?;
    let header = Header {
        server_version: facts.server_version.or(header.server_version),
        dump_version: facts.dump_version.or(header.dump_version),
        ..header
    };
    Ok(Read { digest, header })
}
