//! Situations 1 to 4: there is nothing to run the plan on.

use stopover_backend::{PrepareError, PrepareStage};
use stopover_model::Finding;
use stopover_model::report::RehearsalReport;

use super::RehearsalEnding;

/// Puts into the report what is missing, and says how the rehearsal ended.
pub(super) fn unprepared(error: PrepareError, report: &mut RehearsalReport) -> RehearsalEnding {
    let (code, detail) = match error.stage {
        PrepareStage::Fetch => ("no-backup", format!("no backup fetched; {}", error.message)),
        PrepareStage::Unset => ("scratch-unset", format!("scratch_db_url unset {}", error.message)),
        PrepareStage::Settings => ("settings", format!("scratch: {}", error.message)),
        PrepareStage::Reset => ("scratch-reset", format!("scratch reset: {}", error.message)),
        PrepareStage::Restore => ("restore", format!("restore: {}", error.message)),
        PrepareStage::Tool => ("tool", error.message.clone()),
        PrepareStage::Stopped(_) => ("stopped", error.message.clone()),
    };
    let first_line = detail.lines().next().unwrap_or_default().to_owned();
    let subject = error.backup.path.clone();
    report.findings.push(Finding::error(code, subject, first_line, error.remedy.clone()));
    report.detail = match error.remedy.as_str() {
        "" => detail,
        remedy => format!("{detail}\nhint: {remedy}"),
    };
    report.backup = error.backup;
    report.scratch = error.scratch;
    report.timings.fetch_ms = error.fetch_ms;
    match error.stage {
        PrepareStage::Settings => RehearsalEnding::Misconfigured,
        PrepareStage::Tool => RehearsalEnding::Unable,
        PrepareStage::Stopped(signal) => RehearsalEnding::Stopped(signal),
        _ => RehearsalEnding::Judged,
    }
}
