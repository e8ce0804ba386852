//! A copy of a PostgreSQL database: a fresh dump of it, restored into a scratch.
//!
//! The dump lies in a file that nobody else can open, and is gone as soon as it is restored.
//! pg_dump reads one moment of the database, and keeps nobody from writing meanwhile.

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;

use stopover_backend::{
    Backend, Copier, CopyError, CopyKeeper, Pending, PrepareError, PrepareStage, ScratchProvider,
    Stop, TargetCopy,
};
use stopover_model::{EventSink, Finding, redact_urls};
use stopover_postgres::{PostgresBackend, Target};
use tempfile::{NamedTempFile, TempPath};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::binaries::{Binaries, Program, Search};
use crate::provider::{PostgresScratch, ScratchRequest};
use crate::server::Reach;

/// Longest wait of pg_dump for somebody who changes a table: readers queue behind neither.
const LOCK_WAIT: &str = "--lock-wait-timeout=30s";

/// Makes copies of one target.
#[derive(Debug)]
pub struct ScratchCopies {
    target: Target,
    request: ScratchRequest,
}

/// A dump of the target.
struct Dump {
    file: File,
    path: PathBuf,
    /// Removes it, where it has a name.
    _name: Option<TempPath>,
}

impl Dump {
    #[cfg(target_os = "linux")]
    fn of(made: NamedTempFile) -> std::io::Result<Self> {
        use std::os::fd::AsRawFd;

        let (file, name) = made.into_parts();
        name.close()?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        Ok(Self { file, path, _name: None })
    }

    #[cfg(not(target_os = "linux"))]
    fn of(made: NamedTempFile) -> std::io::Result<Self> {
        let (file, name) = made.into_parts();
        Ok(Self { file, path: name.to_path_buf(), _name: Some(name) })
    }
}

/// The scratch that a copy is on.
struct Kept(PostgresScratch);

impl CopyKeeper for Kept {
    fn discard(mut self: Box<Self>) -> Pending<'static, Vec<Finding>> {
        Box::pin(async move { self.0.discard().await })
    }
}

impl ScratchCopies {
    /// Copies of `target`, each on a private server of its own, or on the server that
    /// `scratch_url` names.
    #[must_use]
    pub fn of(target: Target, scratch_url: Option<String>) -> Self {
        let request = ScratchRequest {
            backup: None,
            max_age: None,
            scratch_url,
            target_url: None,
            require_scratch_url: false,
            search: Search::from_environment(None),
            folder: None,
            template_cache: None,
            bases: None,
            fsync: false,
            reach: Reach::Socket,
            as_role: None,
        };
        Self::new(target, request)
    }

    /// Copies of `target`, on a scratch as `request` says; which backup that names, and how old it
    /// may be, does not matter.
    #[must_use]
    pub const fn new(target: Target, request: ScratchRequest) -> Self {
        Self { target, request }
    }

    async fn make(
        &self,
        stop: &Stop,
        sink: &mut dyn EventSink,
    ) -> Result<TargetCopy<PostgresBackend>, CopyError> {
        let (binaries, options) = self.look_around().await?;
        let dump = self.file()?;
        tokio::select! {
            dumped = self.dump(&binaries, &dump.file) => dumped?,
            signal = stop.wait() => return Err(CopyError::Stopped(signal)),
        }
        // Nobody will ever restore this dump again.
        let request = ScratchRequest {
            backup: Some(dump.path.clone()),
            max_age: None,
            bases: None,
            ..self.request.clone()
        };
        let mut scratch = PostgresScratch::new(request);
        match Box::pin(scratch.prepare(stop, sink)).await {
            Ok(mut prepared) => {
                // A dump has no settings of roles and databases, and nothing of the URL's.
                let mut config = prepared.backend.target().config().clone();
                let before = config.get_options().unwrap_or_default().to_owned();
                config.options(format!("{before} {options}"));
                prepared.backend = PostgresBackend::new(Target::from_config(config));
                let version = &prepared.scratch.server_version;
                let described =
                    format!("a copy on a {} server, PostgreSQL {version}", prepared.scratch.kind);
                Ok(TargetCopy::new(prepared.backend, described, Box::new(Kept(scratch))))
            }
            Err(error) => {
                scratch.discard().await;
                Err(unprepared(error))
            }
        }
    }

    /// Programs that can read the server (its own version's, else the nearest newer ones), and
    /// what makes a session mean by its words what the target's means.
    async fn look_around(&self) -> Result<(Binaries, String), CopyError> {
        let session = PostgresBackend::new(self.target.clone()).connect().await;
        let mut session = session.map_err(|error| impossible(error.to_string(), ""))?;
        let around = session.surroundings().await;
        let around = around.map_err(|error| impossible(error.to_string(), ""))?;
        let choice = self.request.search.choose(Some(session.major()), &[Program::PgDump]);
        choice.map(|it| (it.binaries, around.options())).map_err(|error| {
            impossible(
                error.to_string(),
                "run `stopover apply` on a machine that has PostgreSQL's programs, or name their \
                 folder: STOPOVER_PG_BIN",
            )
        })
    }

    /// A file that only this process has: on Linux it has no name, so that nothing of it is left
    /// however the process ends; elsewhere it is removed at the end.
    fn file(&self) -> Result<Dump, CopyError> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("stopover-dump-");
        let made = match &self.request.folder {
            Some(folder) => builder.tempfile_in(folder),
            None => builder.tempfile(),
        };
        made.and_then(Dump::of).map_err(|error| {
            let message = format!("no file can be made for a dump: {error}");
            impossible(message, "name a folder that may be written: scratch_dir")
        })
    }

    async fn dump(&self, binaries: &Binaries, into: &File) -> Result<(), CopyError> {
        const REMEDY: &str = "give this role the right to read every table (pg_read_all_data), or \
                              run the command as one that has it";
        let failed = |error: std::io::Error| impossible(format!("pg_dump: {error}"), "");
        let mut command = Command::new(binaries.path(Program::PgDump));
        // What is set for other databases must not reach this one.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command
            .envs(self.target.client_environment())
            .args(["--format=plain", "--compress=1", "--no-password", "--no-sync", LOCK_WAIT])
            .stdin(Stdio::null())
            .stdout(Stdio::from(into.try_clone().map_err(failed)?))
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(failed)?;
        let mut said = String::new();
        if let Some(stderr) = child.stderr.take() {
            let mut bytes = Vec::new();
            let mut limited = stderr.take(64 << 10);
            limited.read_to_end(&mut bytes).await.map_err(failed)?;
            said = String::from_utf8_lossy(&bytes).into_owned();
        }
        let ended = child.wait().await.map_err(failed)?;
        if ended.success() {
            return Ok(());
        }
        let said = redact_urls(said.trim());
        let first = said.lines().find(|it| it.contains("error")).or(said.lines().next());
        let reason = first.unwrap_or("it ended without a word").trim_start_matches("pg_dump: ");
        Err(impossible(format!("pg_dump: {}", reason.trim_start_matches("error: ")), REMEDY))
    }
}

impl Copier<PostgresBackend> for ScratchCopies {
    fn copy<'a>(
        &'a self,
        stop: &'a Stop,
        sink: &'a mut dyn EventSink,
    ) -> Pending<'a, Result<TargetCopy<PostgresBackend>, CopyError>> {
        Box::pin(self.make(stop, sink))
    }
}

fn impossible(message: String, remedy: &str) -> CopyError {
    let remedy = if remedy.is_empty() { "run the command again" } else { remedy };
    CopyError::Impossible { message, remedy: remedy.to_owned() }
}

fn unprepared(error: PrepareError) -> CopyError {
    match error.stage {
        PrepareStage::Stopped(signal) => CopyError::Stopped(signal),
        _ => impossible(error.message, &error.remedy),
    }
}
