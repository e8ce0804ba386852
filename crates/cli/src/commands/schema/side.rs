//! One of two schemas that are compared: a database, a document, or a backup.

use std::io::Read;
use std::path::{Path, PathBuf};

use stopover_backend::{PrepareError, PrepareStage, ScratchProvider};
use stopover_model::report::SchemaReport;
use stopover_model::{Schema, redact_urls};
use stopover_report::{Look, human};
use stopover_scratch::provider::{PostgresScratch, ScratchRequest};

use crate::console::Failure;
use crate::exit::Exit;
use crate::target::{self, Database};

use super::Reading;

/// What a file of SQLite's begins with (<https://sqlite.org/fileformat.html>, 1.3).
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";

/// Where a schema is read.
pub(super) enum Side {
    /// A database, by its URL.
    Database(String),
    /// What `stopover schema --format json` wrote.
    Document(PathBuf),
    /// A backup, to be restored in a scratch.
    Backup(PathBuf),
}

impl Side {
    /// What `text` names: a file or folder that is there, told apart by its content, else a URL.
    pub(super) fn named(text: &str) -> Result<Self, Failure> {
        let path = Path::new(text);
        if path.is_dir() {
            return Ok(Self::Backup(path.to_owned()));
        }
        if !path.is_file() {
            return if target::parses(text) {
                Ok(Self::Database(text.to_owned()))
            } else {
                Err(Failure::usage(
                    format!("{}: neither a file nor the URL of a database", redact_urls(text)),
                    "name a database (postgresql://…, sqlite:PATH), a document that `stopover \
                     schema --format json` wrote, or a backup",
                ))
            };
        }
        let mut beginning = Vec::new();
        let read =
            std::fs::File::open(path).and_then(|file| file.take(64).read_to_end(&mut beginning));
        read.map_err(|error| unreadable(path, &error.to_string()))?;
        let first = beginning.iter().find(|byte| !byte.is_ascii_whitespace());
        Ok(if beginning.starts_with(SQLITE_MAGIC) {
            Self::Database(format!("sqlite:{}?mode=ro", encode(text)))
        } else if first == Some(&b'{') {
            Self::Document(path.to_owned())
        } else {
            Self::Backup(path.to_owned())
        })
    }

    /// As people named it, without a password.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Database(url) => redact_urls(url),
            Self::Document(path) | Self::Backup(path) => path.display().to_string(),
        }
    }

    pub(super) const fn is_document(&self) -> bool {
        matches!(self, Self::Document(_))
    }

    pub(super) async fn read(&self, reading: &Reading<'_>) -> Result<Schema, Failure> {
        match self {
            Self::Database(url) => {
                let database = target::named(url, reading.settings)?;
                database_schema(&database, reading).await
            }
            Self::Document(path) => document(path),
            Self::Backup(path) => restored(path, reading).await,
        }
    }
}

async fn database_schema(database: &Database, reading: &Reading<'_>) -> Result<Schema, Failure> {
    Ok(database.schema(&reading.facts(), reading.privileges, &reading.stop).await?)
}

fn document(path: &Path) -> Result<Schema, Failure> {
    let text = std::fs::read_to_string(path).map_err(|it| unreadable(path, &it.to_string()))?;
    let report: SchemaReport =
        serde_json::from_str(&text).map_err(|it| unreadable(path, &it.to_string()))?;
    report.schema().ok_or_else(|| {
        unreadable(path, "its objects are not those that its checksum was made of: it was edited")
    })
}

fn unreadable(path: &Path, reason: &str) -> Failure {
    Failure::usage(
        format!("{} cannot be read as a schema: {reason}", path.display()),
        "write it with `stopover schema --format json`",
    )
}

/// The schema of a backup, restored in a scratch that is thrown away.
async fn restored(path: &Path, reading: &Reading<'_>) -> Result<Schema, Failure> {
    let request = ScratchRequest {
        backup: Some(path.to_owned()),
        ..target::scratch_settings(reading.settings)
    };
    let mut scratch = PostgresScratch::new(request);
    let mut progress = reading.console.progress();
    let prepared = scratch.prepare(&reading.stop, &mut progress).await;
    drop(progress);
    let read = match prepared {
        Ok(prepared) => {
            if !prepared.findings.is_empty() {
                let text = human::findings(&prepared.findings, &Look::of_stderr());
                reading.console.remark(text.trim_end());
            }
            let database = Database::Postgres(Box::new(prepared.backend));
            database_schema(&database, reading).await
        }
        Err(error) => Err(failure(error)),
    };
    scratch.discard().await;
    read
}

fn failure(error: PrepareError) -> Failure {
    let exit = match error.stage {
        PrepareStage::Stopped(signal) => Exit::Stopped(signal),
        PrepareStage::Settings | PrepareStage::Fetch | PrepareStage::Unset => Exit::Usage,
        PrepareStage::Reset | PrepareStage::Restore | PrepareStage::Tool => Exit::Unable,
    };
    Failure::ended(exit, error.message, error.remedy)
}

/// A path in an `sqlite:` URL.
fn encode(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3F").replace('#', "%23")
}
