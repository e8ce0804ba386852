//! What one rehearsal has to do with bases: it takes one, or it keeps one, or it does without and
//! says why. Nothing here makes a rehearsal fail that could have restored by itself.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use stopover_model::{Event, EventSink, Finding, RestorePhase};
use tokio::task::spawn_blocking;

use crate::base::{
    BaseError, Bases, Dropped, Facts, Found, Held, Kept, NewBase, NotKept, Restoration,
};
use crate::base::{Setup, Shelf, Turn};
use crate::binaries::Binaries;
use crate::server::{PrivateServer, ServerError};

/// Where bases are, and which are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseOptions {
    /// The folder of all bases.
    pub folder: PathBuf,
    /// What all of them together may take, in bytes.
    pub limit: u64,
    /// When a base is kept.
    pub keeping: Keeping,
}

/// When a base is kept. One that is there is used in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// When the restore took longer than keeping a base does.
    Worthwhile,
    /// After each restore.
    Always,
    /// Never.
    Never,
}

/// A restore that took less is no slower than copying a base.
const WORTHWHILE: Duration = Duration::from_secs(1);

/// Between two looks at whether another run is done.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a spoilt base that is in use is waited for.
const LETTING_GO: Duration = Duration::from_secs(2);

/// By then the system has written a base's pages to the disk by itself: to make sure costs little.
const WRITTEN_BY_ITSELF: Duration = Duration::from_mins(1);

/// One rehearsal's dealings with bases.
#[derive(Debug)]
pub(super) struct Stock {
    bases: Bases,
    options: BaseOptions,
    setup: Setup,
    /// The backup as it looked before it was opened.
    facts: Facts,
    backup: String,
    /// Held while this run restores what others may wait for.
    turn: Option<Turn>,
    /// What the report says about bases.
    pub(super) findings: Vec<Finding>,
    /// A base that is to be made sure of at the end.
    unsettled: Option<(String, Timestamp)>,
    /// Keeps the census of the base that the scratch is a copy of, or that was made of it.
    shelf: Option<Shelf>,
}

impl Stock {
    /// Opens the folder of bases. `Err` says why there are none for this run.
    pub(super) fn open(
        options: &BaseOptions,
        setup: Setup,
        facts: Facts,
        backup: String,
    ) -> Result<Self, Finding> {
        let bases = Bases::make(&options.folder).map_err(|error| unusable(&error))?;
        Ok(Self {
            bases,
            options: options.clone(),
            setup,
            facts,
            backup,
            turn: None,
            findings: Vec::new(),
            unsettled: None,
            shelf: None,
        })
    }

    /// The backup's base, where there is one. Waits for a run that is making it.
    pub(super) async fn find(&mut self, sink: &mut dyn EventSink) -> Option<Box<Held>> {
        if let Some(held) = self.look().await {
            return Some(held);
        }
        if self.options.keeping == Keeping::Never {
            return None;
        }
        let mut waited = false;
        loop {
            match self.bases.turn(&self.setup, &self.facts) {
                Ok(None) if !waited => {
                    sink.emit(Event::Phase(RestorePhase::AwaitingBase));
                    waited = true;
                }
                Ok(None) => {}
                Ok(Some(turn)) => {
                    self.turn = Some(turn);
                    // It may have been made between the first look and now.
                    return self.look().await;
                }
                Err(error) => {
                    self.findings.push(unusable(&error));
                    return None;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn look(&mut self) -> Option<Box<Held>> {
        let (bases, setup, facts) = (self.bases.clone(), self.setup.clone(), self.facts.clone());
        let looked = spawn_blocking(move || look(&bases, &setup, &facts)).await;
        match looked {
            Ok(Ok(Looked { found: Found::Base(held), .. })) => {
                if !held.is_durable() {
                    self.unsettled = Some((held.name.clone(), held.made_at()));
                }
                self.shelf = Some(held.shelf());
                Some(held)
            }
            Ok(Ok(Looked { found: Found::Spoilt(what), sha256 })) => {
                self.throw_away(&self.setup.base(&sha256), &what).await;
                None
            }
            Ok(Ok(Looked { found: Found::Nothing, .. })) => None,
            Ok(Err(error)) => {
                self.findings.push(unusable(&error));
                None
            }
            Err(_cut_off) => None,
        }
    }

    /// Keeps the census of the base that the scratch began as.
    pub(super) fn shelf(&self) -> Option<Shelf> {
        self.shelf.clone()
    }

    /// Throws away a base that is not what it should be, and says so.
    pub(super) async fn throw_away(&mut self, name: &str, what: &str) {
        self.unsettled = None;
        self.shelf = None;
        let gone = self.dropped(name).await;
        let done = if gone { "it was thrown away" } else { "it could not be thrown away" };
        let message = format!("the base is not whole: {what}; {done}, and the backup restored");
        let remedy = if gone { String::new() } else { format!("stopover cache drop {name}") };
        self.findings.push(Finding::warning("base-spoilt", name, message, remedy));
    }

    /// Whether it is gone. Its lock may be held for a moment by nobody in particular: a process that
    /// this one is just starting shares our locks until it runs its program.
    async fn dropped(&self, name: &str) -> bool {
        let began = Instant::now();
        loop {
            let (bases, key) = (self.bases.clone(), name.to_owned());
            match spawn_blocking(move || bases.drop_base(&key)).await {
                Ok(Ok(Dropped::Gone)) => return true,
                Ok(Ok(Dropped::InUse)) if began.elapsed() < LETTING_GO => {}
                _ => return false,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Keeps a base of what the server has restored. `Err` only when the server, which has to rest
    /// meanwhile, does not start again.
    pub(super) async fn keep(
        &mut self,
        server: &mut PrivateServer,
        binaries: &Binaries,
        restoration: &Restoration,
        sink: &mut dyn EventSink,
    ) -> Result<Option<Duration>, ServerError> {
        let kept = self.kept(server, binaries, restoration, sink).await;
        // Others need not wait any longer, whatever came of it.
        self.turn = None;
        kept
    }

    async fn kept(
        &mut self,
        server: &mut PrivateServer,
        binaries: &Binaries,
        restoration: &Restoration,
        sink: &mut dyn EventSink,
    ) -> Result<Option<Duration>, ServerError> {
        if !self.is_wanted(restoration) {
            return Ok(None);
        }
        sink.emit(Event::Phase(RestorePhase::KeepingBase));
        let began = Instant::now();
        let settled = match server.make_anonymous().await {
            Ok(settled) => settled,
            Err(error) => {
                self.not_kept(&error.to_string(), "");
                return Ok(None);
            }
        };
        if let Err(error) = server.shut_down().await {
            self.not_kept(&error.to_string(), "");
            server.resume(binaries).await?;
            return Ok(None);
        }
        let stopped = began.elapsed();
        let made = self.make(server.data_folder(), settled.log_file, restoration).await;
        let copied = began.elapsed();
        server.resume(binaries).await?;
        tracing::debug!(?stopped, ?copied, resumed = ?began.elapsed(), "a base was kept");
        match made {
            Ok(Kept::Made { name, identity, .. }) => {
                self.shelf = Some(Shelf::new(&self.bases, &name, identity));
                self.unsettled = Some((name, Timestamp::now()));
            }
            // It is made of the same backup, and not of this very cluster.
            Ok(Kept::There) => {}
            Err(error) => self.not_kept(&error.to_string(), error.remedy()),
        }
        Ok(Some(began.elapsed()))
    }

    /// Whether a base is to be kept, and there is none yet. Remembers the backup's hash.
    fn is_wanted(&mut self, restoration: &Restoration) -> bool {
        let took = Duration::from_millis(restoration.restore_ms);
        let wanted = match self.options.keeping {
            Keeping::Worthwhile => took >= WORTHWHILE,
            Keeping::Always => true,
            Keeping::Never => false,
        };
        if !self.facts.still_hold() {
            if wanted {
                // An archive is read twice, for its hash and by pg_restore: who knows which of
                // both the hash belongs to.
                self.not_kept("the backup changed while it was restored", "");
            }
            return false;
        }
        // Without it, it is hashed again.
        let _ = self.bases.remember(&self.facts, &restoration.sha256);
        wanted && !self.has(restoration)
    }

    async fn make(
        &self,
        data: &Path,
        log_file: Option<String>,
        restoration: &Restoration,
    ) -> Result<Kept, NotKept> {
        let (bases, setup, backup) = (self.bases.clone(), self.setup.clone(), self.backup.clone());
        let (restoration, data, limit) = (restoration.clone(), data.to_owned(), self.options.limit);
        let keeping = move || {
            bases.keep(&NewBase {
                setup: &setup,
                restoration: &restoration,
                backup: &backup,
                data: &data,
                log_file: log_file.as_deref(),
                limit,
            })
        };
        let cut_off = |error: tokio::task::JoinError| {
            let (path, source) = (self.bases.folder().to_owned(), std::io::Error::other(error));
            NotKept::from(BaseError::Folder { path, source })
        };
        spawn_blocking(keeping).await.unwrap_or_else(|error| Err(cut_off(error)))
    }

    fn has(&self, restoration: &Restoration) -> bool {
        let found = self.bases.find(&self.setup, &restoration.sha256);
        matches!(found, Ok(Found::Base(_)))
    }

    fn not_kept(&mut self, why: &str, remedy: &str) {
        let message = format!("no base was kept, so that the next rehearsal restores again: {why}");
        self.findings.push(Finding::warning("base-not-kept", &self.backup, message, remedy));
    }

    /// At the very end: makes sure that the base is on the disk, where that costs next to nothing.
    pub(super) fn finish(mut self) {
        self.turn = None;
        let Some((name, made_at)) = self.unsettled.take() else { return };
        let age = Timestamp::now().duration_since(made_at);
        if age.unsigned_abs() < WRITTEN_BY_ITSELF {
            return;
        }
        // A base that nobody is sure of is thrown away after the system's next start: no harm.
        let _ = self.bases.make_durable(&name);
    }
}

struct Looked {
    found: Found,
    sha256: String,
}

/// Hashes the backup only where a base of its size is there.
fn look(bases: &Bases, setup: &Setup, facts: &Facts) -> Result<Looked, BaseError> {
    let nothing = Looked { found: Found::Nothing, sha256: String::new() };
    if !bases.may_have(setup, facts.bytes) {
        return Ok(nothing);
    }
    let sha256 = match bases.remembered(facts) {
        Some(sha256) => sha256,
        None => match facts.hash() {
            Ok(sha256) if facts.still_hold() => {
                let _ = bases.remember(facts, &sha256);
                sha256
            }
            // Whatever is wrong with it is told by whoever restores it.
            _ => return Ok(nothing),
        },
    };
    let found = bases.find(setup, &sha256)?;
    Ok(Looked { found, sha256 })
}

pub(super) fn unusable(error: &BaseError) -> Finding {
    let message = format!("no base is used or kept: {error}");
    Finding::warning("base-unusable", "the cache folder", message, error.remedy())
}
