//! A backup of an SQLite file: a copy by SQLite's backup API, whole and of one moment, checked,
//! counted, and compressed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::Timestamp;
use stopover_backend::{
    Backed, Backend, BackupFailure, BackupMaker, Census, CensusScope, CopyError, Pending, Stop,
};
use stopover_model::report::{BackupKind, BackupMade, BackupManifest, SourceCensus};
use stopover_model::{Event, EventSink, Finding, Silent};
use stopover_sqlite::{Place, SqliteBackend, integrity};
use tokio::task::spawn_blocking;

use crate::command;
use crate::compress::{Counters, pack};
use crate::error::BackupError;
use crate::finish::finish;
use crate::options::{BackupOptions, Proof};
use crate::postgres::{codec, count, suffix};
use crate::shelf::{Form, Shelf, Slot};
use crate::unpacked::UnpackedFile;
use crate::verify::{Proven, prove};

/// Makes backups of one SQLite file.
#[derive(Debug)]
pub struct SqliteBackups {
    backend: SqliteBackend,
    options: BackupOptions,
}

impl SqliteBackups {
    /// Backups of the file of `backend`. Nothing is opened yet.
    #[must_use]
    pub const fn new(backend: SqliteBackend, options: BackupOptions) -> Self {
        Self { backend, options }
    }

    async fn all(&self, stop: &Stop, sink: &mut dyn EventSink) -> Result<Backed, BackupError> {
        if let Some(command) = &self.options.command {
            let file = self.backend.target().describe();
            let environment = vec![("STOPOVER_SQLITE_FILE", file.into())];
            return command::run(command, environment, &self.options, stop, sink).await;
        }
        let there = match self.backend.target().place() {
            Place::File(path) => path.exists(),
            Place::Memory => false,
        };
        if there { self.copy(stop, sink).await } else { Ok(nothing()) }
    }

    async fn copy(&self, stop: &Stop, sink: &mut dyn EventSink) -> Result<Backed, BackupError> {
        let (timestamp, began) = (Timestamp::now(), Instant::now());
        let shelf = Shelf::open(&self.options.folder)?;
        sink.emit(Event::BackupStarted(self.backend.target().describe()));
        let copy = self.backend.copy(stop, &mut Silent).await.map_err(|error| match error {
            CopyError::Stopped(signal) => BackupError::Stopped(signal),
            CopyError::Impossible { message, remedy } => BackupError::Settings { message, remedy },
        })?;
        let packed = self.pack(&copy.backend, &shelf).await;
        let left = copy.discard().await;
        let (slot, made, source) = packed?;
        let mut manifest = BackupManifest::of(timestamp, self.backend.target().describe(), made);
        manifest.source = Some(source);
        count(&mut manifest);
        let mut findings = left;
        let slot = self.prove(slot, &mut manifest, &mut findings, stop, sink).await?;
        finish((&shelf, slot), manifest, findings, (&self.options, began), sink).await
    }

    /// Checks, counts and compresses the copy.
    async fn pack(
        &self,
        copy: &SqliteBackend,
        shelf: &Shelf,
    ) -> Result<(Slot, BackupMade, SourceCensus), BackupError> {
        let Place::File(path) = copy.target().place().clone() else {
            return Err(BackupError::cut_off("the copy is no file"));
        };
        whole(&path).await?;
        let mut session = copy.connect().await?;
        let scope = CensusScope::default();
        let tables = session.tables(&scope, self.options.depth).await?;
        let schema = session.schema(&scope).await?;
        drop(session);
        let extension = format!("db{}", suffix(self.options.compression));
        let slot = shelf.slot(&extension, Form::File)?;
        let into = slot.file().try_clone().map_err(BackupError::write(slot.partial()))?;
        let (codec, threads) = (codec(self.options.compression), self.options.threads());
        let packing = spawn_blocking(move || {
            let from = File::open(&path).map_err(crate::compress::PackError::Read)?;
            pack(from, &into, codec, threads, &Counters::default())
        });
        let packed = packing.await.map_err(BackupError::cut_off)?;
        let packed = packed.map_err(|it| it.about(slot.partial()))?;
        let made = BackupMade {
            sha256: Some(packed.sha256),
            bytes: Some(packed.bytes),
            content_bytes: Some(packed.content),
            compression: Some(self.options.compression),
            ..BackupMade::of(BackupKind::Sqlite)
        };
        Ok((slot, made, SourceCensus { tables, schema }))
    }

    async fn prove(
        &self,
        slot: Slot,
        manifest: &mut BackupManifest,
        findings: &mut Vec<Finding>,
        stop: &Stop,
        sink: &mut dyn EventSink,
    ) -> Result<Slot, BackupError> {
        if self.options.proof == Proof::Later {
            return Ok(slot);
        }
        let folder = self.options.scratch.folder.clone();
        let mut scratch = UnpackedFile::new(PathBuf::from(slot.partial()), folder);
        let proven = prove(&mut scratch, manifest, self.options.depth, stop, sink).await?;
        crate::verify::conclude(slot, manifest, findings, Proven::of(proven))
    }
}

async fn whole(path: &Path) -> Result<(), BackupError> {
    let path = path.to_owned();
    let checked = spawn_blocking(move || integrity(&path)).await;
    let wrong = checked.map_err(BackupError::cut_off)??;
    match wrong.first() {
        None => Ok(()),
        Some(first) => {
            let message = format!("the database is damaged: integrity_check: {first}");
            Err(BackupError::Damaged(message))
        }
    }
}

/// A file that is not there yet has nothing to lose.
fn nothing() -> Backed {
    let message = "the file is not there yet: there is nothing to back up";
    let note = Finding::note("nothing-to-back-up", "the database", message, "");
    Backed { made: None, findings: vec![note] }
}

impl BackupMaker for SqliteBackups {
    fn make<'a>(
        &'a self,
        stop: &'a Stop,
        sink: &'a mut dyn EventSink,
    ) -> Pending<'a, Result<Backed, BackupFailure>> {
        Box::pin(async move { self.all(stop, sink).await.map_err(BackupFailure::from) })
    }
}
