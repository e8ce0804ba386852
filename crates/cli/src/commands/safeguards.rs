//! What stands around the steps of `apply` and `rollback`, as the settings and the flags say.

use serde_json::{Value, json};
use stopover_backend::BackupMaker;
use stopover_engine::Safeguards;
use stopover_model::report::{ApplyReport, Override, PostflightReport, PreflightReport, Safeguard};
use stopover_model::{Finding, redact_urls};

use crate::args::DecisionArguments;
use crate::console::{Console, Failure};
use crate::log::whoever;
use crate::reports::{self, Kind};
use crate::settings::Settings;
use crate::target::Database;

use super::preflight;

/// What is decided for this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A preflight that forbids it is heeded.
    Heeded,
    /// It is not.
    Overridden,
}

/// The safeguards of one run, with what they are made of.
pub(super) struct Guards {
    maker: Option<Box<dyn BackupMaker>>,
    rest: Safeguards<'static>,
}

impl Guards {
    /// Those of an apply.
    pub(super) async fn of_apply(
        settings: &Settings,
        database: &Database,
        decision: &DecisionArguments,
        verdict: Verdict,
    ) -> Result<Self, Failure> {
        let mut guards = Self::of_rollback(settings, database, decision)?;
        if settings.apply.preflight {
            guards.rest.preflight = Some(preflight::asked(settings).await?);
        }
        // A rehearsal that is required is asked for without a preflight too.
        // So is a count that cannot be made before the first statement.
        let apply = &settings.apply;
        let stands = apply.preflight || apply.postflight || settings.require_rehearsal.is_some();
        if stands && verdict == Verdict::Overridden {
            guards.rest.overrides.insert(0, lifted(Safeguard::Preflight, decision));
        }
        Ok(guards)
    }

    /// Those of a rollback: the backup, and the count of rows that the postflight's limits are for.
    pub(super) fn of_rollback(
        settings: &Settings,
        database: &Database,
        decision: &DecisionArguments,
    ) -> Result<Self, Failure> {
        for (flag, text) in [("--reason", &decision.reason), ("--by", &decision.by)] {
            said_something(flag, text.as_deref())?;
        }
        let mut rest = Safeguards::default();
        if settings.apply.postflight {
            rest.postflight = Some(settings.postflight_limits()?);
        }
        let mut maker = None;
        if settings.apply.backup && decision.skip_backup {
            rest.overrides.push(lifted(Safeguard::Backup, decision));
        } else if settings.apply.backup {
            maker = Some(database.backups(settings)?);
        }
        Ok(Self { maker, rest })
    }

    /// Down scripts of dirty migrations are run: the journal says who asked.
    pub(super) fn taking_back(mut self, decision: &DecisionArguments) -> Self {
        let by = decision.by.as_deref().map_or_else(whoever, kept);
        let why = decision.reason.as_deref().map(kept);
        let why = why.map_or_else(String::new, |it| format!(": {it}"));
        self.rest.taking_back = Some(format!("apply --recover-dirty down by {by}{why}"));
        self
    }

    /// As the engine takes them.
    pub(super) fn stand(&self) -> Safeguards<'_> {
        Safeguards {
            preflight: self.rest.preflight.clone(),
            backup: self.maker.as_deref(),
            postflight: self.rest.postflight.clone(),
            overrides: self.rest.overrides.clone(),
            taking_back: self.rest.taking_back.clone(),
        }
    }

    /// For the log: what stands, and what was lifted.
    pub(super) fn told(&self, database: &Database) -> Value {
        let overrides = serde_json::to_value(&self.rest.overrides).unwrap_or_default();
        json!({
            "database": database.describe(),
            "preflight": self.rest.preflight.is_some(),
            "backup": self.maker.is_some(),
            "postflight": self.rest.postflight.is_some(),
            "overrides": overrides,
            "recover_dirty": self.rest.taking_back,
        })
    }
}

fn lifted(safeguard: Safeguard, decision: &DecisionArguments) -> Override {
    let by = decision.by.as_deref().map_or_else(whoever, kept);
    Override { safeguard, by, reason: decision.reason.as_deref().map(kept) }
}

/// What was said of a decision, as it is kept: a text that is pasted may hold a password.
pub(super) fn kept(text: &str) -> String {
    redact_urls(text.trim())
}

/// Nothing but blanks is no reason, and nobody.
pub(super) fn said_something(flag: &str, text: Option<&str>) -> Result<(), Failure> {
    if text.is_some_and(|it| it.trim().is_empty()) {
        let message = format!("{flag} says nothing");
        let hint = format!("write after {flag} what those who read the journal later need to know");
        return Err(Failure::usage(message, hint));
    }
    Ok(())
}

/// The reports of what was looked at are kept by themselves too. That they cannot be is a warning:
/// the work is done.
pub(super) fn keep_reports(console: &Console, settings: &Settings, report: &mut ApplyReport) {
    let folder = &settings.log_dir;
    let before = |it: &PreflightReport| reports::store(folder, Kind::Preflight, it.timestamp, it);
    let after = |it: &PostflightReport| reports::store(folder, Kind::Postflight, it.timestamp, it);
    let stored = [report.preflight.as_ref().map(before), report.postflight.as_ref().map(after)];
    for stored in stored.into_iter().flatten() {
        match stored {
            Ok(path) => console.remark(&format!("report: {}", path.display())),
            Err(failure) => report.findings.push(Finding::warning(
                "log",
                folder.display().to_string(),
                failure.text(),
                "set log_dir to a folder that may be written",
            )),
        }
    }
}

/// The fields of the log's last line.
pub(super) fn ended(report: &ApplyReport) -> Value {
    let errors = report.findings.iter().filter(|it| it.is_error());
    let errors: Vec<Value> = errors.map(stopover_report::log::found).collect();
    json!({
        "applied": report.applied,
        "reverted": report.reverted,
        "failed": report.failed.as_ref().map(|it| &it.version),
        "untouched": report.untouched,
        "backup": report.backup.as_ref().and_then(|it| it.path.clone()),
        "duration_ms": report.duration_ms,
        "errors": errors,
    })
}
