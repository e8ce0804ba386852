//! An empty database in a folder of its own: what a history's migrations make of it can be compared
//! with what the target has.

use std::path::PathBuf;

use stopover_backend::{PrepareError, PrepareStage, Prepared, ScratchProvider, Stop};
use stopover_model::report::{BackupReport, ScratchReport};
use stopover_model::{EventSink, Finding};
use tempfile::TempDir;

use crate::{SqliteBackend, Target};

/// Makes and throws away an empty SQLite file that only its owner may read.
#[derive(Debug, Default)]
pub struct EmptyFile {
    folder: Option<PathBuf>,
    made: Option<TempDir>,
}

impl EmptyFile {
    /// A provider of an empty file below `folder`; `None` is the system's temporary folder.
    #[must_use]
    pub const fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, made: None }
    }

    /// A folder that nobody else may enter.
    fn make(&mut self) -> std::io::Result<SqliteBackend> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("stopover-empty-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder = match &self.folder {
            Some(folder) => builder.tempdir_in(folder)?,
            None => builder.tempdir()?,
        };
        let target = Target::copy(folder.path().join("empty.db"));
        self.made = Some(folder);
        Ok(SqliteBackend::new(target))
    }
}

impl ScratchProvider for EmptyFile {
    type Backend = SqliteBackend;

    async fn prepare(
        &mut self,
        _stop: &Stop,
        _sink: &mut dyn EventSink,
    ) -> Result<Prepared<SqliteBackend>, PrepareError> {
        let scratch = ScratchReport {
            kind: "file".to_owned(),
            server_version: rusqlite::version().to_owned(),
            base_reused: false,
            base_copy: None,
            fsync: true,
            role: None,
        };
        let made = self.make().map_err(|error| PrepareError {
            stage: PrepareStage::Tool,
            message: format!("no file can be made for the scratch: {error}"),
            remedy: "name a folder that may be written: --scratch-dir".to_owned(),
            backup: BackupReport::default(),
            scratch: None,
            fetch_ms: None,
        });
        Ok(Prepared {
            backend: made?,
            auditor: None,
            backup: BackupReport::default(),
            scratch,
            findings: Vec::new(),
            fetch_ms: None,
            restore_ms: None,
            base_ms: None,
        })
    }

    async fn discard(&mut self) -> Vec<Finding> {
        let Some(folder) = self.made.take() else { return Vec::new() };
        let path = folder.path().display().to_string();
        match folder.close() {
            Ok(()) => Vec::new(),
            Err(error) => vec![Finding::warning(
                "scratch-left",
                path,
                format!("the scratch could not be removed: {error}"),
                "remove the folder",
            )],
        }
    }
}
