//! The runner: settings, one call of the engine, and the proof that it did what it says.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stopover_backend::{FactsRequest, LedgerChoice, Stop};
use stopover_engine::{Applied, Ending, Limits, Request};
use stopover_model::report::{MigrationStatus, PlanReport, StatusReport};
use stopover_model::{
    AutoAdopt, Event, Finding, HealPolicy, History, Layout, LedgerKind, NoHistory, Policy,
    SourceSet, Version,
};
use stopover_planner::Selection;
use stopover_source::GitHistory;

use crate::database::Database;
use crate::rehearsed::Rehearsed;
use crate::report::{findings, in_step, left_over};
use crate::tell::{Teller, log_error, log_finding};
use crate::{Embedded, Error, Report};

/// Where migrations come from.
#[derive(Debug, Clone)]
enum Origin {
    /// A folder on disk, read by each call.
    Folder(PathBuf),
    /// The binary.
    Embedded(Embedded),
}

impl Origin {
    fn history(&self) -> Arc<dyn History> {
        match self {
            Self::Folder(_) => Arc::new(GitHistory),
            Self::Embedded(_) => Arc::new(NoHistory("files in a binary have no history")),
        }
    }
}

/// Brings one database up to date with one source.
///
/// Its settings are those of the command line, with the same defaults: migrations in the folder
/// `migrations`, layout and ledger by what is there, orphans and unknown histories refused.
#[derive(Debug, Clone)]
pub struct Runner {
    database: Database,
    origin: Origin,
    layout: Option<Layout>,
    ledger: LedgerChoice,
    policy: Policy,
    limits: Limits,
    rehearsed: Rehearsed,
    stop: Stop,
    teller: Teller,
}

impl Runner {
    /// A runner for the database that `url` names: `postgresql://user@host/database`, libpq's
    /// keywords (`host=… dbname=…`), or `sqlite:path/to/app.db`. Nothing is connected yet.
    ///
    /// # Errors
    /// [`Error::Url`].
    pub fn new(url: &str) -> Result<Self, Error> {
        Ok(Self {
            database: Database::parse(url)?,
            origin: Origin::Folder(PathBuf::from("migrations")),
            layout: None,
            ledger: LedgerChoice::default(),
            policy: Policy::default(),
            limits: Limits::default(),
            rehearsed: Rehearsed::default(),
            stop: Stop::never(),
            teller: Teller::default(),
        })
    }

    /// Migrations from this folder, read anew by each call.
    #[must_use]
    pub fn folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.origin = Origin::Folder(path.into());
        self
    }

    /// Migrations from the binary: [`embed!`](crate::embed!), or a list of paths and bytes.
    #[must_use]
    pub fn embedded(mut self, migrations: impl Into<Embedded>) -> Self {
        self.origin = Origin::Embedded(migrations.into());
        self
    }

    /// The layout of the source, where it is not to be told by the names of its files.
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = Some(layout);
        self
    }

    /// The ledger to use, where several may be there or none is there yet.
    #[must_use]
    pub fn ledger(mut self, kind: LedgerKind) -> Self {
        self.ledger.kind = Some(kind);
        self
    }

    /// Schema and table of Stopover's own ledger, `stopover` and `applied_migrations` by default.
    #[must_use]
    pub fn ledger_table(mut self, schema: impl Into<String>, table: impl Into<String>) -> Self {
        self.ledger.schema = Some(schema.into());
        self.ledger.table = Some(table.into());
        self
    }

    /// How drift is judged; how edits are healed is part of it.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Takes golang-migrate's counter over by itself, where there is one, it is clean, and there is
    /// no ledger yet: the first boot with Stopover changes nothing in the schema then. The rows say
    /// `assumed`; without this such a database is refused.
    #[must_use]
    pub const fn auto_adopt(mut self) -> Self {
        self.policy.auto_adopt = AutoAdopt::On;
        self
    }

    /// How edits of applied migrations are healed: by default, the ledger takes over line ends and
    /// comments, and everything else is refused.
    #[must_use]
    pub fn heal(mut self, heal: HealPolicy) -> Self {
        self.policy.heal = heal;
        self
    }

    /// Migrations that may be run again when their files were edited, besides those whose files
    /// say `-- stopover: idempotent`. That happens only after it changed nothing on a copy: of an
    /// SQLite file the run makes one by itself; of a PostgreSQL database it does with the feature
    /// `proof`, where PostgreSQL's programs are at hand. Without a proof the run is refused.
    #[must_use]
    pub fn idempotent<V: Into<Version>>(mut self, versions: impl IntoIterator<Item = V>) -> Self {
        self.policy.heal.idempotent.extend(versions.into_iter().map(Into::into));
        self
    }

    /// A PostgreSQL server to make the copy of a proof on, instead of a private one: a fresh
    /// database is made there and dropped again. The role must be allowed to create databases.
    #[cfg(feature = "proof")]
    #[must_use]
    pub fn scratch_url(mut self, url: impl Into<String>) -> Self {
        self.database.scratch_url(url.into());
        self
    }

    /// How long to wait, and how often to try.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Runs nothing without a green rehearsal of exactly what is pending, on a backup of this
    /// database, that began within `max_age`: its receipt, which `stopover rehearse` wrote, must be
    /// at hand ([`Runner::receipts`]). Where nothing is pending, none is needed. A run without one
    /// is [`Error::Refused`], with findings of the code `receipt`.
    #[must_use]
    pub const fn require_rehearsal(mut self, max_age: Duration) -> Self {
        self.rehearsed.max_age = Some(max_age);
        self
    }

    /// A receipt, or the folder with receipts: `logs/receipts` by default.
    #[must_use]
    pub fn receipts(mut self, path: impl Into<PathBuf>) -> Self {
        self.rehearsed.place = Some(path.into());
        self
    }

    /// Believes only receipts that were signed with the other half of this key: the text that
    /// `stopover receipt keygen` prints, or a file with it.
    ///
    /// # Errors
    /// [`Error::Settings`], where it is no public key.
    pub fn receipt_public_key(mut self, key: &str) -> Result<Self, Error> {
        self.rehearsed.trust(key)?;
        Ok(self)
    }

    /// Lets somebody stop a run: what the server is doing then is cancelled and rolled back.
    #[must_use]
    pub fn stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// Tells what happens, as it happens. The run waits for the listener: hand on what takes long.
    #[must_use]
    pub fn on_event(mut self, listener: impl Fn(Event) + Send + Sync + 'static) -> Self {
        self.teller.listener = Some(Arc::new(listener));
        self
    }

    /// Applies what is pending. After `Ok` the ledger and the source hold the same migrations,
    /// looked at from both sides; orphans that the policy lets pass are warnings of the report.
    ///
    /// Where nothing is to do, nothing is locked and nothing is written: a role that may only
    /// read is enough, and instances that boot do not wait for each other.
    ///
    /// A run that is dropped before its end ends its session: the server rolls back what was open
    /// as soon as it notices, at the latest when the statement ends that it is busy with, and the
    /// next run goes on from there. [`Runner::stop`] is the way that cancels the statement.
    ///
    /// # Errors
    /// Every variant of [`Error`] but those of blocking calls.
    pub async fn run(&self) -> Result<Report, Error> {
        let ended = self.bring_up_to_date().await;
        match &ended {
            Ok(report) => {
                report.findings.iter().for_each(log_finding);
                let applied = report.applied.len();
                tracing::info!(applied, in_all = report.ledger.len(), "the database is up to date");
            }
            Err(error) => log_error(error),
        }
        ended
    }

    /// Applied, pending and drift, everything at once. Takes no lock and writes nothing.
    ///
    /// # Errors
    /// Where the source or the database cannot be read.
    pub async fn status(&self) -> Result<StatusReport, Error> {
        let source = self.source()?;
        Ok(self.database.status(&self.request(&source)).await?)
    }

    /// What [`Runner::run`] would do, step by step, or every reason why it would refuse. Takes no
    /// lock and writes nothing.
    ///
    /// # Errors
    /// Where the source or the database cannot be read.
    pub async fn plan(&self) -> Result<PlanReport, Error> {
        let source = self.source()?;
        Ok(self.database.plan(&self.request(&source)).await?)
    }

    async fn bring_up_to_date(&self) -> Result<Report, Error> {
        let began = Instant::now();
        let source = self.source()?;
        // A collision is drift, and is told together with the rest of it; other files that cannot
        // be read as migrations need no database to be refused.
        if source.findings.iter().any(|it| it.is_error() && it.code != "collision") {
            return Err(Error::Refused { findings: source.findings });
        }
        let request = self.request(&source);
        let before = self.database.status(&request).await?;
        if in_step(&before) && !takes_over(&before) {
            return Ok(Report {
                applied: Vec::new(),
                migrations: Vec::new(),
                healed: Vec::new(),
                findings: findings(&before),
                ledger: before.applied,
                duration: began.elapsed(),
            });
        }
        let mut teller = self.teller.clone();
        let done = finished(self.database.apply(&request, &mut teller).await?)?;
        let after = self.database.status(&request).await?;
        let applied = done.versions(MigrationStatus::Applied);
        if !in_step(&after) {
            let mut findings = left_over(&after);
            findings.extend(crate::report::findings(&after));
            return Err(Error::Diverged { findings, applied });
        }
        Ok(Report {
            applied,
            migrations: done.migrations,
            healed: done.plan.heals.iter().map(|it| it.version.clone()).collect(),
            ledger: after.applied,
            findings: done.findings,
            duration: began.elapsed(),
        })
    }

    fn source(&self) -> Result<SourceSet, Error> {
        let source = match &self.origin {
            Origin::Folder(path) => stopover_source::read_folder(path, self.layout),
            Origin::Embedded(it) => {
                let variable = |name: &str| std::env::var(name).ok();
                stopover_source::read_embedded(it.name(), it.files(), self.layout, &variable)
            }
        };
        let source = source?;
        if self.ledger.kind != Some(LedgerKind::Stopover) {
            return Ok(source);
        }
        // Our own ledger holds integers, whatever the layout's versions are.
        let layout = source.layout;
        source.in_integers().map_err(|reason| {
            let remedy = format!("use the ledger that belongs to the layout {layout}, in place");
            let subject = "the source".to_owned();
            Error::Refused {
                findings: vec![Finding::error("ledger-version", subject, reason, remedy)],
            }
        })
    }

    fn request<'a>(&'a self, source: &'a SourceSet) -> Request<'a> {
        let mut ledger = self.ledger.clone();
        ledger.fallback = Some(source.layout.ledger());
        Request {
            source,
            policy: &self.policy,
            facts: FactsRequest { ledger },
            selection: Selection::All,
            limits: self.limits.clone(),
            history: self.origin.history(),
            gate: self.rehearsed.gate(),
            stop: self.stop.clone(),
        }
    }
}

/// Whether an apply takes a counter over first: that is something to do.
fn takes_over(status: &StatusReport) -> bool {
    status.findings.iter().any(|it| it.code == "adopted")
}

/// What was carried out to its end; anything else is an error.
fn finished(done: Applied) -> Result<Applied, Error> {
    let applied = done.versions(MigrationStatus::Applied);
    if !matches!(done.ending, Ending::Complete) {
        // An error has no room for them, and one says what a crash of the server would undo.
        done.findings.iter().for_each(log_finding);
    }
    match done.ending {
        Ending::Complete if done.findings.iter().any(Finding::is_error) => {
            Err(Error::Diverged { findings: done.findings, applied })
        }
        Ending::Complete => Ok(done),
        Ending::Failed { failed, error } => Err(Error::of_failure(*failed, error, applied)),
        Ending::Stopped(signal) => Err(Error::Stopped { signal, applied }),
        Ending::Lost(error) => Err(Error::of_backend(error, applied)),
    }
}
