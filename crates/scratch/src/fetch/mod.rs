//! Gets the backup first: from a command, a folder, another host, a bucket or a web server.
//!
//! Every kind but `file` is a program that somebody else keeps (`sh`, `rsync`, `ssh`, `curl`, `aws`):
//! keys, proxies, jump hosts and certificates are then set up where the user has them already, and
//! no second TLS stack is carried along. What comes is written below a temporary name in a folder
//! that nobody else may enter, and gets its own name when the program said that all of it is there.
//! Whether it is a whole dump is not judged here: [`crate::backup`] and [`crate::restore`] do that.

mod command;
mod error;
mod file;
mod group;
mod https;
mod partial;
mod recipe;
mod rsync;
mod s3;
mod source;
mod ssh;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use stopover_model::{Event, EventSink, RestorePhase};

use crate::program::Secrets;

pub use error::FetchError;
pub use source::{Source, SourceError};

use error::Cause;
use group::Running;
use partial::Partial;
use recipe::{Recipe, Teller};

/// How often the size of what came is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// What is fetched, and within which bounds.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// Where the backup is.
    pub source: Source,
    /// Where it is put; made where it is missing.
    pub folder: PathBuf,
    /// How long it may take.
    pub timeout: Duration,
    /// How many bytes it may have.
    pub limit: u64,
    /// How many fetched backups of one name stay in the folder, this one among them; at least one.
    pub keep: usize,
}

/// A backup that is here now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where.
    pub path: PathBuf,
    /// How long it took.
    pub duration: Duration,
    /// What its file's time is.
    pub time: FileTime,
}

/// What the time of a fetched file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileTime {
    /// When the backup was written, as the source says.
    OfSource,
    /// When it was fetched: the source says nothing.
    OfFetch,
}

/// Gets the backup. Dropped midway, it ends what runs and removes what is half.
///
/// # Errors
/// When it cannot be had; nothing of it is left.
pub async fn fetch(
    request: &FetchRequest,
    sink: &mut dyn EventSink,
) -> Result<Fetched, FetchError> {
    let began = Instant::now();
    let shown = request.source.to_string();
    sink.emit(Event::Phase(RestorePhase::Fetching(shown.clone())));
    let got = match &request.source {
        Source::File(pattern) => file::newest(pattern).map(|path| (path, FileTime::OfSource)),
        Source::Command(text) => {
            by(|partial| Ok(command::recipe(text, partial)), request, sink).await
        }
        Source::Rsync(place) => {
            by(|partial| Ok(rsync::recipe(place, partial)), request, sink).await
        }
        Source::Ssh(place) => by(|_| Ok(ssh::recipe(place)), request, sink).await,
        Source::S3(url) => by(|partial| s3::recipe(url, partial), request, sink).await,
        Source::Https(url) => by(|partial| Ok(https::recipe(url, partial)), request, sink).await,
    };
    let secrets = match &request.source {
        Source::Command(text) => Secrets::of_command(text),
        Source::Https(url) => Secrets::of_url(url),
        _ => Secrets::of_environment(),
    };
    let (path, time) = got.map_err(|cause| FetchError::new(&shown, &cause, &secrets))?;
    Ok(Fetched { path, duration: began.elapsed(), time })
}

/// Fetches by a program.
async fn by(
    recipe: impl FnOnce(&Partial) -> Result<Recipe, Cause>,
    request: &FetchRequest,
    sink: &mut dyn EventSink,
) -> Result<(PathBuf, FileTime), Cause> {
    let partial = Partial::open(&request.folder)?;
    let recipe = recipe(&partial)?;
    let running = Running::start(&recipe, &partial)?;
    let told = follow(running, &recipe, &partial, request, sink).await?;
    let bytes = partial.bytes();
    let whole = partial.whole(&recipe)?;
    // Curl compares what HTTP announces by itself, and may have decoded it.
    if recipe.teller == Teller::Line
        && let Some(of) = told.bytes
        && of != bytes
    {
        return Err(Cause::Short { bytes, of });
    }
    partial.place(&whole, &request.source.name(), told.modified, request.keep)
}

/// What the source says of the backup.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    /// When it was written, in seconds since 1970.
    modified: Option<i64>,
    /// Its size.
    bytes: Option<u64>,
}

/// Waits for the program to end, within the bounds.
async fn follow(
    mut running: Running,
    recipe: &Recipe,
    partial: &Partial,
    request: &FetchRequest,
    sink: &mut dyn EventSink,
) -> Result<Told, Cause> {
    let began = Instant::now();
    let mut looked = began;
    let mut pause = Duration::from_millis(2);
    while !running.is_done()? {
        if began.elapsed() > request.timeout {
            return Err(Cause::Timeout { after: request.timeout, said: running.said() });
        }
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            let bytes = partial.bytes();
            within(bytes, request.limit)?;
            let of = recipe.told(&running, partial).bytes;
            sink.emit(Event::Fetched { bytes, of });
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(20));
    }
    let told = recipe.told(&running, partial);
    running.finish(recipe)?;
    let bytes = partial.bytes();
    within(bytes, request.limit)?;
    sink.emit(Event::FetchFinished { duration_ms: began.elapsed().as_secs_f64() * 1e3, bytes });
    Ok(told)
}

fn within(bytes: u64, limit: u64) -> Result<(), Cause> {
    if bytes > limit { Err(Cause::TooLarge { limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
