//! One rehearsal by our program, and what its report says.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::{Bench, Place};
use crate::bench::measure::{self, Usage};

/// Whether a base is used and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeping {
    Never,
    Always,
}

/// How the scratch was filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Backup,
    /// A base, whose files were copied.
    Copy,
    /// A base, whose files were cloned.
    Clone,
}

/// What the report says.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) origin: Origin,
    /// Zero where a base was there.
    pub(super) restore: Duration,
    /// All migrations together.
    pub(super) migrations: Duration,
    /// What was counted before and after them.
    pub(super) census: Duration,
}

/// A rehearsal that was green.
#[derive(Debug)]
pub(super) struct Rehearsed {
    pub(super) usage: Usage,
    pub(super) report: Report,
}

impl Bench<'_> {
    pub(super) fn rehearse(&self, place: &Place, keeping: Keeping) -> anyhow::Result<Rehearsed> {
        let mut command = Command::new(self.ours);
        command.args([
            "rehearse",
            "--quiet",
            "--no-report",
            "--format",
            "json",
            "--layout",
            "sqlx",
        ]);
        command.arg("--migrations").arg(&self.migrations);
        command.arg("--backup").arg(&self.dumps.plain);
        if keeping == Keeping::Never {
            command.arg("--no-base");
        }
        if let Some(scratch) = &place.scratch {
            command.arg("--scratch-dir").arg(scratch);
        }
        command.env("XDG_CACHE_HOME", &place.cache);
        let usage = measure::usage(&command, self.work)?;
        let report = Report::read(&usage.said)?;
        Ok(Rehearsed { usage, report })
    }

    /// Removes the bases of the usual place.
    pub(super) fn forget_bases(&self) -> anyhow::Result<()> {
        let bases: PathBuf = self.usual.cache.join("stopover").join("bases");
        if bases.exists() {
            fs::remove_dir_all(&bases).with_context(|| bases.display().to_string())?;
        }
        Ok(())
    }
}

impl Report {
    /// Reads the document, which may stand among other lines.
    fn read(said: &str) -> anyhow::Result<Self> {
        let begin = said.find('{').context("no report was printed")?;
        let document =
            serde_json::Deserializer::from_str(&said[begin..]).into_iter::<Value>().next();
        let document = document.context("no report was printed")??;
        ensure!(document["verdict"] == "green", "not green: {}", document["detail"]);
        let migrations =
            document["migrations"].as_array().context("no migrations in the report")?;
        let spent = migrations.iter().filter_map(|it| it["duration_ms"].as_f64());
        let origin = match (&document["scratch"]["base_reused"], &document["scratch"]["base_copy"])
        {
            (Value::Bool(false), _) => Origin::Backup,
            (_, Value::String(copy)) if copy == "clone" => Origin::Clone,
            _ => Origin::Copy,
        };
        let timing = |name| milliseconds(document["timings"][name].as_f64().unwrap_or_default());
        Ok(Self {
            origin,
            restore: timing("restore_ms"),
            migrations: milliseconds(spent.sum()),
            census: timing("census_ms"),
        })
    }
}

fn milliseconds(value: f64) -> Duration {
    Duration::from_secs_f64(value.max(0.0) / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_among_other_lines_and_must_be_green() {
        let said = r#"warning: w
{"verdict": "green", "scratch": {"base_reused": true, "base_copy": "clone"},
 "migrations": [{"duration_ms": 2.5}, {"duration_ms": null}, {"duration_ms": 3.5}],
 "timings": {"restore_ms": null, "census_ms": 1.5}}
usage: 1 2 3"#;
        let report = Report::read(said).unwrap();
        assert_eq!(report.origin, Origin::Clone);
        assert_eq!(report.migrations, Duration::from_millis(6));
        assert_eq!((report.restore, report.census), (Duration::ZERO, Duration::from_micros(1500)));
        assert!(Report::read(&said.replace("green", "red")).is_err());
        assert!(Report::read("usage: 1 2 3").is_err());
    }
}
