//! A scratch from an SQLite backup: a copy of the file, in a folder that nobody else may enter.
//!
//! The backup itself is only read, byte by byte, and never opened by SQLite. What lies beside it
//! (`-wal`, `-journal`) is copied along: it holds changes that the file has not taken up yet.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use stopover_backend::{PrepareError, PrepareStage, Prepared, ScratchProvider, Stop};
use stopover_model::report::ScratchReport;
use stopover_model::{Event, EventSink, Finding, RestorePhase};
use stopover_sqlite::{PrivateFolder, SqliteBackend, Target, integrity, private_file, settle};

use crate::backup::SqliteBackup;

use super::failure::Failed;
use super::{Known, PostgresScratch, ScratchRequest};

/// What SQLite keeps beside a database.
const BESIDE: [&str; 2] = ["-wal", "-journal"];

/// How to get another backup, as a command.
const AGAIN: &str = "make the backup again: sqlite3 app.db \"VACUUM INTO 'backup.db'\"";

/// The length of the header of an SQLite file. Source of all offsets in it:
/// <https://sqlite.org/fileformat2.html#the_database_header>.
const HEADER: usize = 100;

/// Makes and throws away the scratch of one rehearsal of an SQLite backup.
#[derive(Debug)]
pub struct SqliteScratch {
    request: ScratchRequest,
    known: Known,
    folder: Option<PrivateFolder>,
}

/// A copy that was made.
struct Copied {
    folder: PrivateFolder,
    path: PathBuf,
    sha256: String,
    /// Bytes of the backup as it lies on disk.
    bytes: u64,
    /// The SQLite that wrote it last.
    version: Option<String>,
    /// What lay beside it.
    beside: Vec<&'static str>,
}

impl SqliteScratch {
    pub(super) fn of(scratch: PostgresScratch) -> Self {
        Self { request: scratch.request, known: scratch.known, folder: None }
    }

    async fn make(
        &mut self,
        stop: &Stop,
        sink: &mut dyn EventSink,
    ) -> Result<Prepared<SqliteBackend>, Failed> {
        let began = Instant::now();
        let path = self.request.backup.clone().unwrap_or_default();
        let backup = self.open(&path).await?;
        let judged = self.request.max_age.is_some();
        let mut findings: Vec<Finding> = self.known.undated(judged).into_iter().collect();
        sink.emit(Event::Phase(RestorePhase::Restoring));
        let place = self.request.folder.clone().unwrap_or_else(std::env::temp_dir);
        let stop = stop.clone();
        let copying = move || copy(backup, &path, &place, &stop);
        let copied = tokio::task::spawn_blocking(copying).await.map_err(Failed::cut_off)??;
        self.known.backup.sha256 = Some(copied.sha256);
        self.known.backup.bytes = Some(copied.bytes);
        self.known.backup.server_version = copied.version;
        self.known.backup.complete = Some(true);
        findings.extend(self.told(&copied.beside));
        let scratch = ScratchReport {
            kind: "file".to_owned(),
            server_version: stopover_sqlite::version().to_owned(),
            base_reused: false,
            base_copy: None,
            fsync: true,
            role: None,
        };
        self.known.scratch = Some(scratch.clone());
        self.folder = Some(copied.folder);
        Ok(Prepared {
            backend: SqliteBackend::new(Target::copy(copied.path)),
            auditor: None,
            backup: self.known.backup.clone(),
            scratch,
            findings,
            fetch_ms: self.known.fetch_ms(),
            restore_ms: Some(began.elapsed().as_secs_f64() * 1e3),
            base_ms: None,
        })
    }

    /// Opens the backup, and judges its age.
    async fn open(&mut self, path: &Path) -> Result<SqliteBackup, Failed> {
        self.known.backup.path = path.display().to_string();
        let opening = {
            let path = path.to_owned();
            move || SqliteBackup::open(&path)
        };
        let opened = tokio::task::spawn_blocking(opening).await.map_err(Failed::cut_off)?;
        let backup = opened
            .map_err(Failed::of_backup)?
            .ok_or_else(|| broken(format!("{} is no SQLite database any more", path.display())))?;
        let age = backup.age(SystemTime::now());
        self.known.backup.bytes = Some(backup.bytes);
        self.known.backup.age_ms = age.and_then(|it| u64::try_from(it.as_millis()).ok());
        match (self.request.max_age, age) {
            (Some(limit), Some(age)) if age > limit => {
                Err(Failed { remedy: AGAIN.to_owned(), ..Failed::too_old(age, limit) })
            }
            (Some(limit), None) => Err(Failed::age_unknown(limit)),
            _ => Ok(backup),
        }
    }

    /// What was copied along, and what an SQLite backup has no use for.
    fn told(&self, beside: &[&str]) -> Vec<Finding> {
        let subject = self.known.backup.path.clone();
        let mut findings = Vec::new();
        if !beside.is_empty() {
            let names: Vec<String> = beside.iter().map(|it| format!("{subject}{it}")).collect();
            findings.push(Finding::note(
                "sqlite-beside",
                subject.clone(),
                format!(
                    "{} was copied along, and what it holds is in the scratch",
                    names.join(", ")
                ),
                "if a service writes to this very file, make a backup of it first: \
                 sqlite3 app.db \"VACUUM INTO 'backup.db'\"",
            ));
        }
        let unused = [
            ("--scratch-url", self.request.scratch_url.is_some()),
            ("--as-role", self.request.as_role.is_some()),
        ];
        for (setting, _) in unused.into_iter().filter(|it| it.1) {
            findings.push(Finding::note(
                "not-used",
                setting,
                format!("{setting} means nothing to an SQLite backup: the scratch is a file"),
                "",
            ));
        }
        findings
    }
}

/// Copies the backup, and proves that the copy is whole.
fn copy(backup: SqliteBackup, path: &Path, place: &Path, stop: &Stop) -> Result<Copied, Failed> {
    let SqliteBackup { name, mut stream, .. } = backup;
    let written = |source: io::Error| unwritable(place, &source);
    let folder = PrivateFolder::make(place).map_err(written)?;
    let copy = folder.path().join("scratch.db");
    let mut file = private_file(&copy).map_err(written)?;
    let (mut head, mut length) = (Vec::new(), 0_u64);
    while let Some(chunk) = stream.next_chunk().map_err(Failed::of_backup)? {
        if let Some(signal) = stop.requested() {
            return Err(Failed::stopped(signal));
        }
        let missing = HEADER.saturating_sub(head.len()).min(chunk.len());
        head.extend_from_slice(&chunk[..missing]);
        length += chunk.len() as u64;
        file.write_all(&chunk).map_err(written)?;
    }
    drop(file);
    let mut beside = Vec::new();
    for ending in BESIDE {
        if copy_beside(path, &copy, ending).map_err(written)? {
            beside.push(ending);
        }
    }
    whole(&name, &copy, &head, length, &beside)?;
    let digest = stream.digest().ok_or_else(|| broken(format!("{name} has no end")))?;
    let (sha256, bytes) = (digest.sha256.clone(), digest.bytes);
    Ok(Copied { folder, path: copy, sha256, bytes, version: version(&head), beside })
}

/// Copies what lies beside the backup under that ending; whether anything does.
fn copy_beside(path: &Path, copy: &Path, ending: &str) -> io::Result<bool> {
    let named = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let mut from = match File::open(named(path)) {
        Ok(from) => from,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if from.metadata()?.len() == 0 {
        return Ok(false);
    }
    io::copy(&mut from, &mut private_file(&named(copy))?)?;
    Ok(true)
}

/// Whether the copy is all of a database.
fn whole(name: &str, copy: &Path, head: &[u8], length: u64, beside: &[&str]) -> Result<(), Failed> {
    if let Some(wanted) = announced(head).filter(|it| length < *it && beside.is_empty()) {
        return Err(broken(format!(
            "truncated: {name} ends at byte {length}, and its header tells of {wanted} bytes"
        )));
    }
    let corrupt = |error: &dyn std::fmt::Display| {
        broken(format!("corrupt: {name}, by SQLite's integrity_check: {error}"))
    };
    if !beside.is_empty() {
        settle(copy).map_err(|error| corrupt(&error))?;
    }
    let wrong = integrity(copy).map_err(|error| corrupt(&error))?;
    // Each line may be several, below a heading with the database's name.
    let lines: Vec<&str> =
        wrong.iter().flat_map(|it| it.lines()).filter(|it| !it.starts_with("***")).collect();
    match (wrong.is_empty(), lines.as_slice()) {
        (true, _) => Ok(()),
        (false, []) => Err(corrupt(&"it is not whole")),
        (false, [only]) => Err(corrupt(only)),
        (false, [first, more @ ..]) => {
            Err(corrupt(&format!("{first}\nand {} more like it", more.len())))
        }
    }
}

/// The size that the header tells, where it holds: bytes 24 to 27 equal 92 to 95.
fn announced(head: &[u8]) -> Option<u64> {
    let size = match u16::from_be_bytes(head.get(16..18)?.try_into().ok()?) {
        1 => 65536,
        size => u64::from(size),
    };
    let holds = head.get(24..28)? == head.get(92..96)?;
    holds.then_some(size * u64::from(number(head, 28)?))
}

/// The SQLite that wrote the file last: 3045001 is 3.45.1.
fn version(head: &[u8]) -> Option<String> {
    let number = number(head, 96).filter(|it| *it > 0)?;
    Some(format!("{}.{}.{}", number / 1_000_000, number / 1000 % 1000, number % 1000))
}

fn number(head: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?))
}

/// The backup is not what it should be.
fn broken(message: String) -> Failed {
    Failed { complete: Some(false), ..Failed::new(PrepareStage::Restore, message, AGAIN) }
}

fn unwritable(place: &Path, error: &io::Error) -> Failed {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let what = if full { "disk full: " } else { "" };
    let message = format!("{what}no copy can be made in {}: {error}", place.display());
    let stage = if full { PrepareStage::Restore } else { PrepareStage::Tool };
    Failed::new(stage, message, "name a folder with room that may be written: --scratch-dir")
}

impl ScratchProvider for SqliteScratch {
    type Backend = SqliteBackend;

    async fn prepare(
        &mut self,
        stop: &Stop,
        sink: &mut dyn EventSink,
    ) -> Result<Prepared<SqliteBackend>, PrepareError> {
        let ended = tokio::select! {
            made = self.make(stop, sink) => made,
            signal = stop.wait() => Err(Failed::stopped(signal)),
        };
        ended.map_err(|failed| self.known.failed(failed))
    }

    async fn discard(&mut self) -> Vec<Finding> {
        self.folder.take().map(PrivateFolder::remove).unwrap_or_default()
    }
}

impl PostgresScratch {
    /// Gets the backup, where it is to be fetched, before anything is known of it. What keeps it
    /// from being had is told when the scratch is to be prepared.
    pub async fn fetch_early(&mut self, stop: &Stop, sink: &mut dyn EventSink) {
        if self.request.require_scratch_url && self.request.scratch_url.is_none() {
            return;
        }
        let fetched = tokio::select! {
            fetched = self.fetch(sink) => fetched,
            signal = stop.wait() => Err(Failed::stopped(signal)),
        };
        self.early = Some(fetched);
    }

    /// A provider for the same backup where that is an SQLite file.
    ///
    /// # Errors
    /// This one, where it is not.
    pub fn into_sqlite(self) -> Result<SqliteScratch, Box<Self>> {
        let is_here = !matches!(self.early, Some(Err(_)));
        match &self.request.backup {
            Some(path) if is_here && matches!(SqliteBackup::open(path), Ok(Some(_))) => {
                Ok(SqliteScratch::of(self))
            }
            _ => Err(Box::new(self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(pages: u32, counters: (u32, u32), version: u32) -> Vec<u8> {
        let mut head = vec![0; HEADER];
        head[16..18].copy_from_slice(&4096_u16.to_be_bytes());
        head[24..28].copy_from_slice(&counters.0.to_be_bytes());
        head[28..32].copy_from_slice(&pages.to_be_bytes());
        head[92..96].copy_from_slice(&counters.1.to_be_bytes());
        head[96..100].copy_from_slice(&version.to_be_bytes());
        head
    }

    #[test]
    fn a_header_tells_size_and_writer_where_it_holds() {
        let head = header(3, (7, 7), 3_045_001);
        assert_eq!(announced(&head), Some(12_288));
        assert_eq!(version(&head).as_deref(), Some("3.45.1"));
        assert_eq!(announced(&header(3, (8, 7), 0)), None, "an old SQLite wrote after a new one");
        assert_eq!(version(&header(3, (8, 7), 0)), None);
        assert_eq!(announced(&head[..50]), None);
    }
}
