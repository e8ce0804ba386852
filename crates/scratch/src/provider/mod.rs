//! What the engine gets its scratch from: a private server, or one that is given.
//!
//! Opens the backup, starts or resets the scratch, restores, gives the owner of the restored
//! objects a login, and throws everything away afterwards. Which of the steps failed decides what
//! an operator reads ([`PrepareStage`]); the words for it are the engine's.

mod empty;
mod failure;
mod given;
mod private;
mod sqlite;
mod stock;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use stopover_backend::{CensusShelf, PrepareError, PrepareStage, Prepared, ScratchProvider, Stop};
use stopover_model::report::{BackupReport, ScratchReport};
use stopover_model::{Event, EventSink, Finding};
use stopover_postgres::PostgresBackend;

use crate::backup::{Backup, BackupPath};
use crate::base::{Facts, Restoration};
use crate::binaries::Search;
use crate::fetch::{self, FetchRequest, Fetched, FileTime};
use crate::restore::{GivenError, mark_scratch};
use crate::server::Reach;
use crate::sweep::{self, Swept};

pub use empty::EmptyScratch;
use failure::{Failed, how_to_back_up};
use given::GivenScratch;
use private::{Leaving, PrivateScratch};
pub use sqlite::SqliteScratch;
pub use stock::{BaseOptions, Keeping};

/// Marks the database of `url` as a scratch, which rehearsals may empty. `target_url` is the
/// target, where one is set: it is never marked.
///
/// # Errors
/// When the database is the target or may be, cannot be reached, or is not the role's own.
pub async fn mark(url: &str, target_url: Option<&str>) -> Result<String, GivenError> {
    let target = match target_url {
        Some(target) => Some(given::identity_of(target).await),
        None => None,
    };
    mark_scratch(url, target).await
}

/// What a scratch is made from, and how.
#[derive(Debug, Clone)]
pub struct ScratchRequest {
    /// The backup; `-` is standard input, `None` is none.
    pub backup: Option<PathBuf>,
    /// How old it may be.
    pub max_age: Option<Duration>,
    /// A server to use instead of a private one.
    pub scratch_url: Option<String>,
    /// The target, where one is set: a given database that is the target is never emptied.
    pub target_url: Option<String>,
    /// Whether a private server will not do.
    pub require_scratch_url: bool,
    /// Where PostgreSQL's programs are looked for.
    pub search: Search,
    /// Where a private server is made; `None` is the system's temporary folder.
    pub folder: Option<PathBuf>,
    /// Where prepared empty data folders are kept; `None` is nowhere.
    pub template_cache: Option<PathBuf>,
    /// Where bases are kept; `None`: none is used, and none kept.
    pub bases: Option<BaseOptions>,
    /// Whether the scratch writes as durably as production.
    pub fsync: bool,
    /// Who gets to a private server.
    pub reach: Reach,
    /// The role that the migrations run as; `None` is the owner of the restored objects.
    pub as_role: Option<String>,
}

/// Makes and throws away the scratch of one rehearsal.
#[derive(Debug)]
pub struct PostgresScratch {
    request: ScratchRequest,
    fetch: Option<FetchRequest>,
    /// What became of the fetch, where it came first.
    early: Option<Result<(), Failed>>,
    scratch: Option<Scratch>,
    /// Waited for when this is dropped.
    leaving: Option<Leaving>,
    known: Known,
}

/// The scratch, of either kind.
#[derive(Debug)]
enum Scratch {
    Private(Box<PrivateScratch>),
    Given(Box<GivenScratch>),
}

/// What is known so far, for the report of a preparation that fails midway.
#[derive(Debug, Default)]
struct Known {
    backup: BackupReport,
    scratch: Option<ScratchReport>,
    fetched: Option<Fetched>,
}

impl PostgresScratch {
    /// A provider for one rehearsal. Nothing is started yet.
    #[must_use]
    pub fn new(request: ScratchRequest) -> Self {
        Self {
            request,
            fetch: None,
            early: None,
            scratch: None,
            leaving: None,
            known: Known::default(),
        }
    }

    /// Gets the backup first, instead of taking the one that the request names.
    #[must_use]
    pub fn fetching(self, fetch: Option<FetchRequest>) -> Self {
        Self { fetch, ..self }
    }

    async fn make(
        &mut self,
        sink: &mut dyn EventSink,
    ) -> Result<Prepared<PostgresBackend>, Failed> {
        if self.request.require_scratch_url && self.request.scratch_url.is_none() {
            return Err(Failed::new(
                PrepareStage::Unset,
                "and a private server is not allowed here (require_scratch_db_url)",
                "set scratch_db_url in stopover.toml, STOPOVER_SCRATCH_DB_URL, or --scratch-url",
            ));
        }
        match self.early.take() {
            Some(fetched) => fetched?,
            None => self.fetch(sink).await?,
        }
        let began = std::time::Instant::now();
        // Before it is opened: a change that comes between shows.
        let facts = self.request.backup.as_deref().and_then(Facts::of);
        let backup = self.open_backup().await?;
        let judged = self.request.max_age.is_some() && backup.header.started.is_none();
        let undated = self.known.undated(judged);
        self.swept(sink).await;
        let scratch = match self.request.scratch_url.clone() {
            Some(url) => Scratch::given(&url, &self.request, sink).await?,
            None => Scratch::private(&self.request, &backup, facts, sink).await?,
        };
        self.known.scratch = Some(scratch.report());
        let scratch = self.scratch.insert(scratch);
        let restored = scratch.restore(backup, &self.request, sink).await?;
        self.known.backup.complete = Some(true);
        self.known.learn(&restored);
        let (restore_ms, base_ms) = scratch.times(began.elapsed());
        let (backend, role) = scratch.backend(&restored, self.request.as_role.as_deref()).await?;
        let mut report = scratch.report();
        report.role = Some(role);
        self.known.scratch = Some(report.clone());
        Ok(Prepared {
            backend,
            auditor: scratch.auditor(),
            backup: self.known.backup.clone(),
            scratch: report,
            findings: scratch.findings(restored.findings).into_iter().chain(undated).collect(),
            fetch_ms: self.known.fetch_ms(),
            restore_ms,
            base_ms,
        })
    }

    /// Fetches the backup, where it is to be fetched.
    async fn fetch(&mut self, sink: &mut dyn EventSink) -> Result<(), Failed> {
        let Some(request) = &self.fetch else { return Ok(()) };
        let fetched =
            fetch::fetch(request, sink).await.map_err(|error| Failed::of_fetch(&error))?;
        self.request.backup = Some(fetched.path.clone());
        self.known.fetched = Some(fetched);
        Ok(())
    }

    /// Opens the backup; its head is read, and its age judged.
    async fn open_backup(&mut self) -> Result<Backup, Failed> {
        let Some(path) = self.request.backup.clone() else {
            return Err(Failed::new(
                PrepareStage::Fetch,
                "none is named, and there is no automatic one",
                how_to_back_up(),
            ));
        };
        self.known.backup.path = path.display().to_string();
        let opening = move || Backup::open(&BackupPath::of(&path));
        let opened = tokio::task::spawn_blocking(opening).await.map_err(Failed::cut_off)?;
        let backup = opened.map_err(|error| {
            self.known.backup.complete = failure::completeness(&error);
            Failed::of_backup(error)
        })?;
        let age = backup.age(SystemTime::now());
        self.known.backup.bytes = backup.bytes;
        self.known.backup.age_ms = age.and_then(|it| u64::try_from(it.as_millis()).ok());
        self.known.backup.server_version.clone_from(&backup.header.server_version);
        self.known.backup.dump_version.clone_from(&backup.header.dump_version);
        match (self.request.max_age, age) {
            (Some(limit), Some(age)) if age > limit => Err(Failed::too_old(age, limit)),
            (Some(limit), None) => Err(Failed::age_unknown(limit)),
            _ => Ok(backup),
        }
    }

    /// Clears away what runs that were killed left behind, and says so.
    async fn swept(&self, sink: &mut dyn EventSink) {
        let mut folders = sweep::usual_folders();
        folders.extend(self.request.folder.clone());
        let sweeping = move || folders.iter().flat_map(|it| sweep::sweep(it)).collect::<Vec<_>>();
        for swept in tokio::task::spawn_blocking(sweeping).await.unwrap_or_default() {
            sink.emit(Event::Found(told(&swept)));
        }
    }
}

impl Scratch {
    async fn private(
        request: &ScratchRequest,
        backup: &Backup,
        facts: Option<Facts>,
        sink: &mut dyn EventSink,
    ) -> Result<Self, Failed> {
        Ok(Self::Private(Box::new(PrivateScratch::start(request, backup, facts, sink).await?)))
    }

    async fn given(
        url: &str,
        request: &ScratchRequest,
        sink: &mut dyn EventSink,
    ) -> Result<Self, Failed> {
        Ok(Self::Given(Box::new(GivenScratch::open(url, request, sink).await?)))
    }

    fn report(&self) -> ScratchReport {
        match self {
            Self::Private(it) => it.report(),
            Self::Given(it) => it.report(),
        }
    }

    async fn restore(
        &mut self,
        backup: Backup,
        request: &ScratchRequest,
        sink: &mut dyn EventSink,
    ) -> Result<Restoration, Failed> {
        match self {
            Self::Private(it) => it.restore(backup, sink).await,
            Self::Given(it) => it.restore(backup, request, sink).await,
        }
    }

    async fn backend(
        &self,
        restored: &Restoration,
        as_role: Option<&str>,
    ) -> Result<(PostgresBackend, String), Failed> {
        match self {
            Self::Private(it) => it.backend(restored, as_role).await,
            Self::Given(it) => it.backend(as_role),
        }
    }

    /// Reaches the restored database as a role that may read everything.
    fn auditor(&self) -> Option<PostgresBackend> {
        match self {
            Self::Private(it) => Some(it.auditor()),
            Self::Given(it) => it.auditor(),
        }
    }

    /// Of the time that all took, in milliseconds: restoring, and starting from a base or keeping
    /// one.
    fn times(&self, all: Duration) -> (Option<f64>, Option<f64>) {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        let base = match self {
            Self::Private(it) => it.base_time(),
            Self::Given(_) => None,
        };
        let rest = milliseconds(all.saturating_sub(base.unwrap_or_default()));
        ((!self.report().base_reused).then_some(rest), base.map(milliseconds))
    }

    fn findings(&self, restored: Vec<Finding>) -> Vec<Finding> {
        match self {
            Self::Private(it) => it.findings(restored),
            Self::Given(_) => restored,
        }
    }

    /// What is left to be waited for, and what went wrong.
    async fn discard(self) -> (Option<Leaving>, Vec<Finding>) {
        match self {
            Self::Private(it) => (Some(it.discard()), Vec::new()),
            Self::Given(it) => (None, it.discard().await),
        }
    }
}

impl Known {
    /// Says that an age which is judged is only that of the fetched copy.
    fn undated(&self, judged: bool) -> Option<Finding> {
        let fetched = self.fetched.as_ref()?;
        (judged && fetched.time == FileTime::OfFetch).then(|| {
            Finding::warning(
                "backup-undated",
                fetched.path.display().to_string(),
                "nothing says when the fetched backup was made: max_age was judged by the time of \
                 the fetch",
                "dump with --verbose, which writes the time into the backup, or fetch by a kind \
                 that tells the file's time",
            )
        })
    }

    /// What is told of a preparation that failed.
    fn failed(&mut self, failed: Failed) -> PrepareError {
        if let Some(complete) = failed.complete {
            self.backup.complete = Some(complete);
        }
        PrepareError {
            stage: failed.stage,
            message: failed.message,
            remedy: failed.remedy,
            backup: std::mem::take(&mut self.backup),
            scratch: self.scratch.take(),
            fetch_ms: self.fetch_ms(),
        }
    }

    fn fetch_ms(&self) -> Option<f64> {
        self.fetched.as_ref().map(|it| it.duration.as_secs_f64() * 1e3)
    }

    fn learn(&mut self, restored: &Restoration) {
        self.backup.sha256 = Some(restored.sha256.clone());
        self.backup.bytes = Some(restored.bytes);
        let known = |new: &Option<String>, old: &mut Option<String>| {
            if new.is_some() {
                old.clone_from(new);
            }
        };
        known(&restored.server_version, &mut self.backup.server_version);
        known(&restored.dump_version, &mut self.backup.dump_version);
    }
}

impl ScratchProvider for PostgresScratch {
    type Backend = PostgresBackend;

    async fn prepare(
        &mut self,
        stop: &Stop,
        sink: &mut dyn EventSink,
    ) -> Result<Prepared<PostgresBackend>, PrepareError> {
        let ended = tokio::select! {
            made = self.make(sink) => made,
            signal = stop.wait() => Err(Failed::stopped(signal)),
        };
        ended.map_err(|failed| self.known.failed(failed))
    }

    fn census_shelf(&self) -> Option<Box<dyn CensusShelf>> {
        match self.scratch.as_ref()? {
            Scratch::Private(it) => it.shelf().map(|it| Box::new(it) as Box<dyn CensusShelf>),
            Scratch::Given(_) => None,
        }
    }

    async fn discard(&mut self) -> Vec<Finding> {
        let Some(scratch) = self.scratch.take() else { return Vec::new() };
        let (leaving, findings) = scratch.discard().await;
        self.leaving = leaving;
        findings
    }
}

/// What was left behind and is gone asks nobody to do anything: the log of a service that boots
/// beside it stays as it was.
fn told(swept: &Swept) -> Finding {
    let subject = swept.folder.display().to_string();
    match &swept.not_removed {
        None => Finding::note("swept", subject, swept.to_string(), ""),
        Some(_) => {
            let remedy = "remove the folder by hand";
            Finding::warning("swept", subject, swept.to_string(), remedy)
        }
    }
}
