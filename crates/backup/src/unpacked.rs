//! An SQLite backup, unpacked into a folder of its own: the scratch of its proof.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

use stopover_backend::{PrepareError, PrepareStage, Prepared, ScratchProvider, Stop};
use stopover_model::report::{BackupReport, ScratchReport};
use stopover_model::{EventSink, Finding};
use stopover_scratch::backup::{Backup, BackupError};
use stopover_sqlite::{SqliteBackend, Target, integrity};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

/// What a file of SQLite's begins with (<https://sqlite.org/fileformat.html>, 1.3).
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Whether a backup is an SQLite file, compressed or not.
#[must_use]
pub fn is_sqlite(path: &Path) -> bool {
    let first = Backup::contents(path).and_then(|mut stream| stream.next_chunk());
    matches!(first, Ok(Some(chunk)) if chunk.starts_with(MAGIC))
}

/// Unpacks a backup, and throws it away.
#[derive(Debug)]
pub struct UnpackedFile {
    backup: PathBuf,
    folder: Option<PathBuf>,
    made: Option<TempDir>,
}

/// Why it is not unpacked.
enum Spoilt {
    /// There is no room for it.
    Tool(io::Error),
    /// It is not whole.
    Backup(String),
}

impl From<BackupError> for Spoilt {
    fn from(error: BackupError) -> Self {
        Self::Backup(error.to_string())
    }
}

impl UnpackedFile {
    /// A provider of what is in `backup`, below `folder`; `None` is the system's temporary folder.
    #[must_use]
    pub const fn new(backup: PathBuf, folder: Option<PathBuf>) -> Self {
        Self { backup, folder, made: None }
    }

    fn place(&self) -> io::Result<TempDir> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("stopover-verify-");
        builder.permissions(std::fs::Permissions::from_mode(0o700));
        match &self.folder {
            Some(folder) => builder.tempdir_in(folder),
            None => builder.tempdir(),
        }
    }

    async fn unpack(&mut self, report: &mut BackupReport) -> Result<SqliteBackend, Spoilt> {
        let place = self.place().map_err(Spoilt::Tool)?;
        let into = place.path().join("restored.db");
        self.made = Some(place);
        let (from, path) = (self.backup.clone(), into.clone());
        let unpacking = spawn_blocking(move || unpack(&from, &into));
        let cut_off = |error: tokio::task::JoinError| Spoilt::Tool(io::Error::other(error));
        let digest = unpacking.await.map_err(cut_off)??;
        report.sha256 = Some(digest.sha256);
        report.bytes = Some(digest.bytes);
        let checked = path.clone();
        let wrong = spawn_blocking(move || integrity(&checked)).await.map_err(cut_off)?;
        let wrong = wrong.map_err(|error| Spoilt::Backup(error.to_string()))?;
        if let Some(first) = wrong.first() {
            return Err(Spoilt::Backup(format!("integrity_check: {first}")));
        }
        report.complete = Some(true);
        Ok(SqliteBackend::new(Target::file(path).read_only()))
    }
}

fn unpack(from: &Path, into: &Path) -> Result<stopover_scratch::backup::Digest, Spoilt> {
    let mut stream = Backup::contents(from)?;
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(into);
    let mut file: File = file.map_err(Spoilt::Tool)?;
    while let Some(chunk) = stream.next_chunk()? {
        file.write_all(&chunk).map_err(Spoilt::Tool)?;
    }
    let digest = stream.digest().cloned();
    digest.ok_or_else(|| Spoilt::Backup("its end was not seen".to_owned()))
}

impl ScratchProvider for UnpackedFile {
    type Backend = SqliteBackend;

    async fn prepare(
        &mut self,
        _stop: &Stop,
        _sink: &mut dyn EventSink,
    ) -> Result<Prepared<SqliteBackend>, PrepareError> {
        let began = Instant::now();
        let mut backup =
            BackupReport { path: self.backup.display().to_string(), ..BackupReport::default() };
        let backend = match self.unpack(&mut backup).await {
            Ok(backend) => backend,
            Err(spoilt) => {
                let (stage, message, remedy) = match spoilt {
                    Spoilt::Tool(error) => (
                        PrepareStage::Tool,
                        format!("the backup cannot be unpacked: {error}"),
                        "make room in the temporary folder, or name another: --scratch-dir",
                    ),
                    Spoilt::Backup(what) => {
                        backup.complete = Some(false);
                        (PrepareStage::Restore, what, "make the backup again")
                    }
                };
                let remedy = remedy.to_owned();
                return Err(PrepareError {
                    stage,
                    message,
                    remedy,
                    backup,
                    scratch: None,
                    fetch_ms: None,
                });
            }
        };
        let scratch = ScratchReport {
            kind: "file".to_owned(),
            server_version: "SQLite".to_owned(),
            base_reused: false,
            base_copy: None,
            fsync: false,
            role: None,
        };
        Ok(Prepared {
            backend,
            auditor: None,
            backup,
            scratch,
            findings: Vec::new(),
            fetch_ms: None,
            restore_ms: Some(began.elapsed().as_secs_f64() * 1e3),
            base_ms: None,
        })
    }

    async fn discard(&mut self) -> Vec<Finding> {
        let Some(folder) = self.made.take() else { return Vec::new() };
        let path = folder.path().display().to_string();
        let closed = folder.close();
        let warning = |error: io::Error| {
            let message = format!("the scratch could not be removed: {error}");
            Finding::warning("scratch-left", path, message, "remove the folder")
        };
        closed.err().map(warning).into_iter().collect()
    }
}
