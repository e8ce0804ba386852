//! Archives: pg_restore turns them into a plain script, which takes the same way as any other.
//!
//! pg_restore connects to nothing here; it reads the archive from its standard input (a directory
//! archive by its path) and writes SQL to its standard output. So the same rules hold for an
//! archive as for a plain dump, and it cannot do anything on a server. Started by root it runs as
//! an unprivileged user, but for a directory archive, whose files only this user may be able to
//! read.

use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};

use bytes::Bytes;

use super::error::{Place, RestoreError};
use super::reader::Source;
use crate::backup::{
    Backup, BackupError, Digest, Header, Kind, Progress, Stream, hash_folder, read_header,
};
use crate::binaries::{Binaries, Program};
use crate::server::user::ServerUser;

/// Bytes read from pg_restore at a time.
const CHUNK_BYTES: usize = 256 * 1024;
/// How much of pg_restore's complaints is kept.
const COMPLAINT_BYTES: usize = 16 * 1024;

/// A running pg_restore.
pub(super) struct Conversion {
    child: Child,
    feeder: JoinHandle<Fed>,
    complaints: JoinHandle<String>,
    name: String,
}

/// What became of the archive's bytes.
struct Fed {
    digest: Result<Digest, BackupError>,
    /// Whether pg_restore wanted all of them.
    appetite: Appetite,
}

enum Appetite {
    All,
    Stopped,
    Unknown,
}

/// What pg_restore writes.
#[derive(Debug)]
pub(super) struct Pipe {
    output: ChildStdout,
    head: Option<Bytes>,
}

impl Source for Pipe {
    fn next_chunk(&mut self) -> Result<Option<Bytes>, BackupError> {
        if let Some(head) = self.head.take() {
            return Ok(Some(head));
        }
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match self.output.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(read) => {
                    chunk.truncate(read);
                    return Ok(Some(chunk.into()));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => {
                    let path = "the output of pg_restore".to_owned();
                    return Err(BackupError::Unreadable { path, at: 0, source });
                }
            }
        }
    }

    fn proves_itself(&self) -> bool {
        true
    }

    fn digest(&self) -> Option<&Digest> {
        None
    }
}

/// The archive as a script: where it comes from, what its head says, and how far it is read.
pub(super) struct Converted {
    pub(super) pipe: Pipe,
    pub(super) conversion: Conversion,
    pub(super) header: Header,
    pub(super) progress: Progress,
}

/// Starts pg_restore on an archive. Blocks until its first output.
pub(super) fn convert(
    backup: Backup,
    binaries: Option<&Binaries>,
) -> Result<Converted, RestoreError> {
    let command = command_for(&backup, suitable(&backup, binaries)?);
    let (mut pipe, conversion, progress) = start(backup, command)?;
    let place = Place::default;
    let head = pipe.next_chunk().map_err(|error| RestoreError::of_backup(error, place()))?;
    let Some(head) = head else {
        // It ended without a word of SQL.
        conversion.finish(&place())?;
        let what = "pg_restore wrote nothing".to_owned();
        return Err(RestoreError::NotADump { what });
    };
    let header = read_header(&head);
    pipe.head = Some(head);
    Ok(Converted { pipe, conversion, header, progress })
}

/// The pg_restore that turns the archive into a script.
fn command_for(backup: &Backup, binaries: &Binaries) -> Command {
    let mut command = Command::new(binaries.path(Program::PgRestore));
    command.args(["--file", "-"]).env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    match &backup.kind {
        Kind::Folder(path, _) => drop(command.arg(path)),
        Kind::Archive(_) | Kind::Plain(..) => {
            command.stdin(Stdio::piped());
            if let Ok(user) = ServerUser::for_this_process() {
                user.run_as(&mut command);
            }
        }
    }
    command
}

/// Starts it, and the threads that feed it and listen to it.
fn start(
    backup: Backup,
    mut command: Command,
) -> Result<(Pipe, Conversion, Progress), RestoreError> {
    let failed = |source| RestoreError::Io { what: "starting pg_restore".to_owned(), source };
    let mut child = command.spawn().map_err(failed)?;
    let progress = Progress::default();
    let (feeder, progress) = match (backup.kind, child.stdin.take()) {
        (Kind::Archive(stream) | Kind::Plain(_, stream), Some(input)) => {
            let progress = stream.progress();
            (thread::spawn(move || feed(stream, input)), progress)
        }
        (Kind::Folder(_, files), _) => {
            let shared = progress.clone();
            (thread::spawn(move || hash(&files, &shared)), progress)
        }
        (_, None) => return Err(failed(ErrorKind::BrokenPipe.into())),
    };
    let stderr = child.stderr.take();
    let complaints = thread::spawn(move || stderr.map(keep_tail).unwrap_or_default());
    let output = child.stdout.take().ok_or_else(|| failed(ErrorKind::BrokenPipe.into()))?;
    let conversion = Conversion { child, feeder, complaints, name: backup.name };
    Ok((Pipe { output, head: None }, conversion, progress))
}

/// Whether there is a pg_restore that reads this archive.
fn suitable<'a>(
    backup: &Backup,
    binaries: Option<&'a Binaries>,
) -> Result<&'a Binaries, RestoreError> {
    let wanted = backup.oldest_reader.unwrap_or_default();
    let dumped = backup.header.dump_version.as_deref().unwrap_or("an unknown version");
    let what = match binaries {
        Some(it) if it.has(Program::PgRestore) && it.version().major() >= wanted => return Ok(it),
        Some(it) if it.has(Program::PgRestore) => format!(
            "{} was made by pg_dump {dumped}; reading it takes pg_restore {wanted} or newer, and \
             the newest here is {}: install postgresql-client-{wanted}",
            backup.name,
            it.version().number(),
        ),
        _ => format!(
            "{} is an archive, and reading it takes pg_restore {wanted} or newer: install \
             postgresql-client, or name its folder with --pg-bin",
            backup.name
        ),
    };
    Err(RestoreError::Version { what })
}

impl Conversion {
    /// Waits for the end; the digest of the archive, or what was wrong with it.
    pub(super) fn finish(mut self, place: &Place) -> Result<Digest, RestoreError> {
        let failed =
            |source| RestoreError::Io { what: "waiting for pg_restore".to_owned(), source };
        let status = self.child.wait().map_err(failed)?;
        let complaints = self.complaints.join().unwrap_or_default();
        let broken = |_| failed(std::io::Error::other("the thread that feeds it broke off"));
        let fed = self.feeder.join().map_err(broken)?;
        let digest = fed.digest.map_err(|error| RestoreError::of_backup(error, place.clone()))?;
        if status.success() {
            return Ok(digest);
        }
        let complaint = complaints.trim();
        let complaint = if complaint.is_empty() { "it says nothing" } else { complaint };
        let what = format!("{}: pg_restore ended with {status}: {complaint}", self.name);
        let place = place.clone();
        Err(match fed.appetite {
            Appetite::All => RestoreError::Truncated {
                what: format!("{what}; it ends at byte {}", digest.bytes),
                place,
            },
            Appetite::Stopped | Appetite::Unknown => RestoreError::Corrupt { what, place },
        })
    }
}

/// Gives pg_restore the archive. It may stop reading when it has what it wants; the rest is read
/// for the hash.
fn feed(mut stream: Stream, mut input: ChildStdin) -> Fed {
    let mut appetite = Appetite::All;
    let digest = loop {
        match stream.next_chunk() {
            Ok(Some(chunk)) => {
                if matches!(appetite, Appetite::All) && input.write_all(&chunk).is_err() {
                    appetite = Appetite::Stopped;
                }
            }
            Ok(None) => {
                break stream.digest().cloned().ok_or_else(|| BackupError::Corrupt {
                    path: "archive".to_owned(),
                    at: 0,
                    what: "it ended without a hash".to_owned(),
                });
            }
            Err(error) => break Err(error),
        }
    };
    Fed { digest, appetite }
}

fn hash(files: &[PathBuf], progress: &Progress) -> Fed {
    Fed { digest: hash_folder(files, progress), appetite: Appetite::Unknown }
}

/// The end of what pg_restore says: the last complaint is the one that ended it.
fn keep_tail(mut from: impl Read) -> String {
    let mut kept = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut chunk) {
        kept.extend_from_slice(&chunk[..read]);
        if kept.len() > 2 * COMPLAINT_BYTES {
            kept.drain(..kept.len() - COMPLAINT_BYTES);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}
