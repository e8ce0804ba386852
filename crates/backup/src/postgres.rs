//! A backup of a PostgreSQL database: pg_dump on an exported snapshot, and beside it a census of the
//! same moment.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use stopover_backend::{
    Backed, Backend, BackendError, BackupFailure, BackupMaker, Census, CensusDepth, CensusScope,
    Pending, Stop,
};
use stopover_model::report::{BackupCompression, BackupMade, BackupManifest, SourceCensus};
use stopover_model::{Event, EventSink, Finding};
use stopover_postgres::{PostgresBackend, Target};
use stopover_scratch::backup::{Backup, BackupPath};
use stopover_scratch::binaries::ClientProgram;
use stopover_scratch::provider::{PostgresScratch, ScratchRequest};
use tokio::task::spawn_blocking;

use crate::command;
use crate::compress::{Codec, Counters, Packed, pack};
use crate::error::BackupError;
use crate::finish::finish;
use crate::options::{BackupFormat, BackupOptions, Proof};
use crate::pg_dump::{self, Dump};
use crate::process;
use crate::shelf::{Form, Shelf, Slot};
use crate::verify::{Proven, prove};

/// Level at which scripts are compressed: each step more costs a third more time for 3 % less.
pub(crate) const GZIP_LEVEL: u32 = 4;
/// The same for Zstandard: its default.
pub(crate) const ZSTD_LEVEL: i32 = 3;

/// How often progress is told.
const TICK: Duration = Duration::from_millis(200);

/// Makes backups of one PostgreSQL database.
#[derive(Debug)]
pub struct PostgresBackups {
    target: Target,
    options: BackupOptions,
}

/// A dump that ended well, in the slot.
struct Dumped {
    packed: Option<Packed>,
    exit_status: i32,
    said: Vec<String>,
    source: Result<SourceCensus, BackendError>,
}

impl PostgresBackups {
    /// Backups of `target`. Nothing is connected or started yet.
    #[must_use]
    pub const fn new(target: Target, options: BackupOptions) -> Self {
        Self { target, options }
    }

    async fn all(&self, stop: &Stop, sink: &mut dyn EventSink) -> Result<Backed, BackupError> {
        match &self.options.command {
            Some(command) => {
                let environment = self.target.client_environment();
                command::run(command, environment, &self.options, stop, sink).await
            }
            None => self.dump(stop, sink).await,
        }
    }

    async fn dump(&self, stop: &Stop, sink: &mut dyn EventSink) -> Result<Backed, BackupError> {
        let (timestamp, began) = (Timestamp::now(), Instant::now());
        let backend = PostgresBackend::new(self.target.clone());
        let mut keeper = backend.connect().await?;
        let moment = keeper.export_moment().await?;
        let (options, major) = (self.options.clone(), keeper.major());
        let choosing = spawn_blocking(move || pg_dump::program(&options, major)).await;
        let program = choosing.map_err(BackupError::cut_off)??;
        let shelf = Shelf::open(&self.options.folder)?;
        let slot = shelf.slot(&self.extension(), self.form())?;
        let what = format!("{} with pg_dump {}", self.target.describe(), program.version);
        sink.emit(Event::BackupStarted(what));
        let dumped = self.run(&backend, &program, &moment, &slot, stop, sink).await?;
        let server_version = keeper.server_version();
        // Nobody needs the moment any more, and it keeps the server from cleaning up.
        drop(keeper);
        let mut made = BackupMade {
            compression: Some(self.options.compression),
            server_version: Some(server_version),
            dump_version: Some(program.version.number().to_owned()),
            exit_status: Some(dumped.exit_status),
            output: dumped.said.clone(),
            ..BackupMade::of(self.options.format.kind())
        };
        let mut findings = told(&dumped);
        self.measure(&slot, &dumped, &mut made).await?;
        let mut manifest = BackupManifest::of(timestamp, self.target.describe(), made);
        manifest.schemas.clone_from(&self.options.schemas);
        manifest.source = dumped.source.ok();
        count(&mut manifest);
        let slot = self.prove(slot, &mut manifest, &mut findings, stop, sink).await?;
        finish((&shelf, slot), manifest, findings, (&self.options, began), sink).await
    }

    /// Dumps, compresses and counts, all at once; the first that fails ends the others.
    async fn run(
        &self,
        backend: &PostgresBackend,
        program: &ClientProgram,
        moment: &str,
        slot: &Slot,
        stop: &Stop,
        sink: &mut dyn EventSink,
    ) -> Result<Dumped, BackupError> {
        let options = &self.options;
        let (mut dump, output) =
            Dump::start(program, &self.target, options, moment, slot.partial())?;
        let counters = Arc::new(Counters::default());
        let file = slot.file().try_clone().map_err(BackupError::write(slot.partial()))?;
        let (codec, threads, shared) = (self.codec(), options.threads(), Arc::clone(&counters));
        let packing = output.map(|output| {
            spawn_blocking(move || pack(File::from(output), &file, codec, threads, &shared))
        });
        let dumping = async {
            let packed = match packing {
                Some(packing) => {
                    let packed = packing.await.map_err(BackupError::cut_off)?;
                    Some(packed.map_err(|it| it.about(slot.partial()))?)
                }
                None => None,
            };
            let (exit_status, said) = dump.ended().await?;
            if let (BackupFormat::Plain, Some(packed)) = (options.format, &packed) {
                dump.whole(&packed.tail)?;
            }
            Ok((packed, exit_status, said))
        };
        let counting = async { Ok(census(backend, moment, options).await) };
        let mut work = Box::pin(async { tokio::try_join!(dumping, counting) });
        let mut tick = tokio::time::interval(TICK);
        let ended = loop {
            tokio::select! {
                ended = &mut work => break ended,
                signal = stop.wait() => break Err(BackupError::Stopped(signal)),
                _ = tick.tick() => {
                    let (content, bytes) = counters.read();
                    sink.emit(Event::BackedUp { bytes, content });
                }
            }
        };
        drop(work);
        match ended {
            Ok(((packed, exit_status, said), source)) => {
                Ok(Dumped { packed, exit_status, said, source })
            }
            Err(error) => {
                process::end(&mut dump.child).await;
                Err(error)
            }
        }
    }

    /// Size and hash, and whether an archive has its head.
    async fn measure(
        &self,
        slot: &Slot,
        dumped: &Dumped,
        made: &mut BackupMade,
    ) -> Result<(), BackupError> {
        if let Some(packed) = &dumped.packed {
            made.sha256 = Some(packed.sha256.clone());
            made.bytes = Some(packed.bytes);
            made.content_bytes =
                (self.options.format == BackupFormat::Plain).then_some(packed.content);
        }
        if self.options.format == BackupFormat::Plain {
            return Ok(());
        }
        let (path, form) = (slot.partial().to_owned(), self.form());
        let looking = spawn_blocking(move || {
            Backup::open(&BackupPath::of(&path))?;
            (form == Form::Folder).then(|| Backup::hash_folder(&path)).transpose()
        });
        let looked = looking.await.map_err(BackupError::cut_off)?;
        let digest = looked.map_err(|error| BackupError::NotWhole {
            program: "pg_dump".to_owned(),
            what: error.to_string(),
        })?;
        if let Some(digest) = digest {
            made.sha256 = Some(digest.sha256);
            made.bytes = Some(digest.bytes);
        }
        Ok(())
    }

    /// Restores it in a scratch, where that is asked for.
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
        let request = ScratchRequest {
            backup: Some(slot.partial().to_owned()),
            max_age: None,
            bases: None,
            ..self.options.scratch.clone()
        };
        let mut scratch = PostgresScratch::new(request);
        let proven = prove(&mut scratch, manifest, self.options.depth, stop, sink).await?;
        crate::verify::conclude(slot, manifest, findings, Proven::of(proven))
    }

    const fn form(&self) -> Form {
        match self.options.format {
            BackupFormat::Directory => Form::Folder,
            BackupFormat::Plain | BackupFormat::Custom => Form::File,
        }
    }

    fn extension(&self) -> String {
        let base = match self.options.format {
            BackupFormat::Plain => "sql",
            BackupFormat::Custom => return "dump".to_owned(),
            BackupFormat::Directory => return "dir".to_owned(),
        };
        format!("{base}{}", suffix(self.options.compression))
    }

    /// What our own threads do: archives are compressed by pg_dump.
    const fn codec(&self) -> Codec {
        match self.options.format {
            BackupFormat::Plain => codec(self.options.compression),
            BackupFormat::Custom | BackupFormat::Directory => Codec::None,
        }
    }
}

pub(crate) const fn codec(compression: BackupCompression) -> Codec {
    match compression {
        BackupCompression::Gzip => Codec::Gzip(GZIP_LEVEL),
        BackupCompression::Zstd => Codec::Zstd(ZSTD_LEVEL),
        BackupCompression::None => Codec::None,
    }
}

pub(crate) const fn suffix(compression: BackupCompression) -> &'static str {
    match compression {
        BackupCompression::Gzip => ".gz",
        BackupCompression::Zstd => ".zst",
        BackupCompression::None => "",
    }
}

/// What the source holds in that moment.
async fn census(
    backend: &PostgresBackend,
    moment: &str,
    options: &BackupOptions,
) -> Result<SourceCensus, BackendError> {
    let mut session = backend.connect().await?;
    session.share_moment(moment.to_owned());
    let scope = CensusScope::default();
    let depth = if options.schemas.is_empty() { options.depth } else { CensusDepth::Rows };
    let mut tables = session.tables(&scope, depth).await?;
    if !options.schemas.is_empty() {
        tables.retain(|table| options.schemas.iter().any(|it| is_in(&table.relation, it)));
    }
    let schema = session.schema(&scope).await?;
    Ok(SourceCensus { tables, schema })
}

/// Whether a qualified name is of that schema.
fn is_in(relation: &str, schema: &str) -> bool {
    let quoted = format!("\"{}\".", schema.replace('"', "\"\""));
    relation.starts_with(&quoted) || relation.starts_with(&format!("{schema}."))
}

/// What is worth saying of a dump that ended well.
fn told(dumped: &Dumped) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !dumped.said.is_empty() {
        findings.push(Finding::warning(
            "pg-dump-said",
            "pg_dump",
            dumped.said.join("; "),
            "the backup is whole; see whether it restores: stopover verify",
        ));
    }
    if let Err(error) = &dumped.source {
        findings.push(Finding::warning(
            "not-counted",
            "the source",
            format!("what the source held was not counted: {error}"),
            "the backup is whole, and can be restored, but not be compared: give the role the \
             right to read every table",
        ));
    }
    findings
}

/// Takes over what was counted.
pub(crate) fn count(manifest: &mut BackupManifest) {
    if let Some(source) = &manifest.source {
        manifest.backup.tables = Some(source.tables.len() as u64);
        manifest.backup.rows = Some(source.tables.iter().map(|it| it.rows).sum());
    }
}

impl BackupMaker for PostgresBackups {
    fn make<'a>(
        &'a self,
        stop: &'a Stop,
        sink: &'a mut dyn EventSink,
    ) -> Pending<'a, Result<Backed, BackupFailure>> {
        Box::pin(async move { self.all(stop, sink).await.map_err(BackupFailure::from) })
    }
}

#[cfg(test)]
mod tests {
    use stopover_model::report::BackupKind;

    use super::*;

    #[test]
    fn a_table_is_of_its_schema_and_of_no_other_that_begins_alike() {
        assert!(is_in("public.orders", "public"));
        assert!(is_in("\"My Shop\".orders", "My Shop"));
        assert!(!is_in("public_old.orders", "public"));
        assert_eq!(BackupFormat::Custom.kind(), BackupKind::Custom);
    }
}
