//! How a rehearsal ended, and what to do next: the same in every form of its report.

use stopover_model::report::{MigrationReport, RehearsalReport, Verdict};
use stopover_model::{Finding, StatementError};

use crate::text;

/// The code of the finding that stands for a failed migration.
pub(crate) const MIGRATION_FAILED: &str = "migration-failed";

/// Codes of findings that say that the tool could not do its work, or was stopped.
const NO_VERDICT: [&str; 5] = ["tool", "stopped", "scratch", "command-missing", "no-access"];

/// Lines of the detail that an error's own picture says as well.
const PICTURED: [&str; 4] = ["at ", "sqlstate: ", "detail: ", "hint: "];

/// How a rehearsal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Green,
    Red,
    /// The tool could not do its work: nobody knows what the migrations would do.
    Unknown,
}

impl Outcome {
    pub(crate) fn of(report: &RehearsalReport) -> Self {
        let unable = report.findings.iter().any(|it| NO_VERDICT.contains(&it.code.as_str()));
        match report.verdict {
            _ if unable => Self::Unknown,
            Verdict::Green => Self::Green,
            Verdict::Red => Self::Red,
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Green => "GREEN",
            Self::Red => "RED",
            Self::Unknown => "none was reached",
        }
    }
}

/// The command that a report is of: `ci` builds on an empty database, and has no backup.
pub(crate) fn command(report: &RehearsalReport) -> &'static str {
    let empty = report.backup.path.is_empty() && report.backup.sha256.is_none();
    if empty && report.scratch.is_some() { "ci" } else { "rehearse" }
}

/// The errors of statements, in order.
pub(crate) fn failures(migrations: &[MigrationReport]) -> impl Iterator<Item = &StatementError> {
    migrations.iter().flat_map(|it| &it.statements).filter_map(|it| it.error.as_ref())
}

/// The first line of the detail, and the others. What an error's own picture says is not said
/// twice.
pub(crate) fn detail(report: &RehearsalReport) -> (String, Vec<String>) {
    let failed = failures(&report.migrations).next().is_some();
    let detail = text::tame(&report.detail);
    let mut lines = detail.lines();
    let first = lines.next().unwrap_or_default().to_owned();
    let pictured = |line: &&str| failed && PICTURED.iter().any(|it| line.starts_with(it));
    (first, lines.filter(|line| !pictured(line)).map(str::to_owned).collect())
}

/// Whether the detail says what the finding says. A failed migration's finding is its first lines.
pub(crate) fn is_told(finding: &Finding, detail: &str) -> bool {
    let message = stopover_model::redact_urls(&finding.message);
    finding.code == MIGRATION_FAILED || detail.lines().any(|line| line == message)
}

/// What to do after a rehearsal.
pub(crate) fn next(report: &RehearsalReport) -> String {
    let failed = failures(&report.migrations).next();
    match (report.verdict, failed) {
        (Verdict::Green, _) if report.command.is_some() => {
            "the same command may run on the target".to_owned()
        }
        (Verdict::Green, _) if report.migrations.is_empty() => {
            "nothing is pending on this backup".to_owned()
        }
        (Verdict::Green, _) => "`stopover apply` runs this plan on the target".to_owned(),
        (Verdict::Red, Some(error)) => {
            let place = format!("{}:{}", text::tame_line(&error.file), error.line);
            let found = report.findings.iter().find(|it| it.code == MIGRATION_FAILED);
            let remedy = found.map_or("settle the error", |it| it.remedy.as_str());
            format!("{remedy} ({place}); then rehearse again. The target was not touched")
        }
        // Where a tool of somebody else's worked, nobody here knows for certain.
        (Verdict::Red, None) if report.command.is_some() => {
            "settle what is said above and rehearse again".to_owned()
        }
        (Verdict::Red, None) => {
            "settle what is said above and rehearse again; the target was not touched".to_owned()
        }
    }
}
