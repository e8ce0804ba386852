//! The receipt of a rehearsal: what it proved, for an apply that asks for it.

use stopover_backend::CensusDepth;
use stopover_model::report::{RehearsalReport, Verdict};
use stopover_model::{
    Finding, RECEIPT_VERSION, Receipt, ReceiptLimit, ReceiptSettings, RehearsedBackup,
    RehearsedMigration, RehearsedSchema, RehearsedTable, Schema, TOOL_VERSION, TableLimits,
    Thresholds, whole_ms,
};

use crate::{Applied, DownTrial, Limits, Measure};

use super::RehearsalEnding;

/// What is known of it when the plan was carried out; the verdict is reached later. `None` where
/// nothing was to do: there is nothing to vouch for then.
pub(super) fn begun(
    applied: &Applied,
    before: Option<&Schema>,
    (limits, measure): (&Limits, &Measure),
    report: &RehearsalReport,
) -> Option<Receipt> {
    let steps = applied.plan.steps.iter().zip(&applied.migrations);
    Some(Receipt {
        schema_version: RECEIPT_VERSION,
        tool_version: TOOL_VERSION.to_owned(),
        rehearsed_at: report.timestamp,
        verdict: Verdict::Red,
        detail: String::new(),
        grounds: applied.grounds.clone()?,
        migrations: steps
            .map(|(step, it)| RehearsedMigration::of(step, it.status, it.duration_ms))
            .collect(),
        tables: tables(report),
        backup: RehearsedBackup {
            sha256: report.backup.sha256.clone(),
            bytes: report.backup.bytes,
            age_ms: report.backup.age_ms,
            server_version: report.backup.server_version.clone(),
        },
        schema: before.map(RehearsedSchema::of),
        settings: settings(limits, measure, report),
        signature: None,
    })
}

/// Writes the verdict into it. Where none was reached there is no receipt.
pub(super) fn close(report: &mut RehearsalReport, ending: RehearsalEnding) {
    let Some(mut receipt) = report.receipt.take() else { return };
    if ending != RehearsalEnding::Judged {
        return;
    }
    // What was found when the scratch was thrown away came after the verdict.
    let is_red = report.findings.iter().any(Finding::is_error);
    receipt.verdict = if is_red { Verdict::Red } else { report.verdict };
    report.detail.lines().next().unwrap_or_default().clone_into(&mut receipt.detail);
    report.receipt = Some(receipt);
}

/// Those that shut somebody out.
fn tables(report: &RehearsalReport) -> Vec<RehearsedTable> {
    let shut = |ms: Option<f64>| ms.is_some_and(|it| it > 0.0);
    let tables = report.tables.iter();
    let tables = tables.filter(|it| shut(it.read_blocked_ms) || shut(it.write_blocked_ms));
    tables
        .map(|it| RehearsedTable {
            relation: it.relation.clone(),
            read_blocked_ms: it.read_blocked_ms.map(whole_ms),
            write_blocked_ms: it.write_blocked_ms.map(whole_ms),
        })
        .collect()
}

fn settings(limits: &Limits, measure: &Measure, report: &RehearsalReport) -> ReceiptSettings {
    let ms = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    ReceiptSettings {
        lock_timeout_ms: ms(limits.lock_timeout),
        statement_timeout_ms: limits.statement_timeout.map(ms),
        fsync: report.scratch.as_ref().is_some_and(|it| it.fsync),
        role: report.scratch.as_ref().and_then(|it| it.role.clone()),
        looked_at: looked_at(measure),
        limits: limits_of(&measure.thresholds),
    }
}

/// What was looked at besides the migrations themselves.
fn looked_at(measure: &Measure) -> Vec<String> {
    let looks = [
        ("boot", measure.programs.boot.is_some()),
        ("down", measure.down == DownTrial::Tried),
        ("digest", measure.census == CensusDepth::Digests),
        ("traffic", measure.traffic_per_second.is_some()),
    ];
    looks.into_iter().filter(|(_, looked)| *looked).map(|(name, _)| name.to_owned()).collect()
}

fn limits_of(thresholds: &Thresholds) -> Vec<ReceiptLimit> {
    let limit = |setting: &str, table: Option<&String>, allowed: Option<u64>| {
        Some(ReceiptLimit { setting: setting.to_owned(), table: table.cloned(), allowed: allowed? })
    };
    let of_table = |table: Option<&String>, it: &TableLimits| {
        [
            limit("read_block", table, it.read_block_ms.map(whole_ms)),
            limit("write_block", table, it.write_block_ms.map(whole_ms)),
            limit("rewrite_bytes", table, it.rewrite_bytes),
        ]
    };
    let mut limits = vec![limit("duration", None, thresholds.duration_ms.map(whole_ms))];
    limits.extend(of_table(None, &thresholds.all));
    limits.extend(thresholds.tables.iter().flat_map(|(name, it)| of_table(Some(name), it)));
    limits.into_iter().flatten().collect()
}
