//! `rehearse`: the verdict, what decided it, and what was measured.

use stopover_model::Finding;
use stopover_model::report::{
    BackupReport, BaseCopy, MigrationReport, MigrationStatus, RehearsalReport, ScratchReport,
};

use crate::look::{Ink, Look};
use crate::outcome::{self, Outcome, failures, is_told};
use crate::page::Page;
use crate::sql_error::{SourceText, sql_error};
use crate::table::{Cell, Column, Table};
use crate::{facts, text, units};

use super::findings::{is_urgent, list};
use super::{Detail, down, locked, measured, next_step, programs};

/// Where the values of the head begin, right of their labels.
const REACH: usize = 10;

/// The document of `rehearse`. `source` gives the failing file's text, where it is at hand, so
/// that the error is shown in its place.
#[must_use]
pub fn rehearsal(
    report: &RehearsalReport,
    detail: Detail,
    source: &dyn SourceText,
    look: &Look,
) -> String {
    let mut page = Page::new(look);
    verdict(&mut page, report);
    for error in failures(&report.migrations) {
        page.gap();
        page.verbatim(&sql_error(error, source.text(&error.file), look));
    }
    let untold = |it: &&Finding| is_urgent(it) && !is_told(it, &report.detail);
    if report.findings.iter().any(|it| untold(&it)) {
        page.gap();
        list(&mut page, report.findings.iter().filter(untold));
    }
    page.gap();
    backup(&mut page, &report.backup, detail);
    scratch(&mut page, report.scratch.as_ref());
    programs::head(&mut page, report, REACH);
    timings(&mut page, report);
    migrations(&mut page, &report.migrations);
    measured::slowest(&mut page, &report.migrations, detail);
    locked::locks(&mut page, &report.migrations, detail);
    programs::slowest(&mut page, report.command.as_ref(), detail);
    programs::locks(&mut page, report.command.as_ref(), detail);
    measured::tables(&mut page, report, detail);
    down::trip(&mut page, report.down.as_deref());
    if report.findings.iter().any(|it| !is_urgent(it)) {
        page.gap();
        list(&mut page, report.findings.iter().filter(|it| !is_urgent(it)));
    }
    next_step(&mut page, &outcome::next(report));
    page.finish()
}

/// The verdict and the detail.
fn verdict(page: &mut Page<'_>, report: &RehearsalReport) {
    let outcome = Outcome::of(report);
    let ink = match outcome {
        Outcome::Green => Ink::Good,
        Outcome::Red => Ink::Bad,
        Outcome::Unknown => Ink::Doubtful,
    };
    page.section(ink, &format!("VERDICT: {}", outcome.word()), "");
    let (first, others) = outcome::detail(report);
    if !first.is_empty() {
        page.paragraph(2, Ink::Strong, &first);
    }
    for line in others {
        page.paragraph(2, Ink::Plain, &line);
    }
}

fn backup(page: &mut Page<'_>, backup: &BackupReport, detail: Detail) {
    if backup.path.is_empty() {
        page.entry(0, Ink::Bad, "backup", REACH, "none");
        return;
    }
    let mut facts = vec![match backup.path.as_str() {
        "-" => "standard input".to_owned(),
        path => text::tame_line(path),
    }];
    facts.extend(backup.bytes.map(units::bytes));
    facts.extend(backup.age_ms.map(|age| format!("{} old", units::duration(age as f64))));
    let version = |it: &str| match detail {
        Detail::Brief => text::tame_line(it.split_whitespace().next().unwrap_or(it)),
        Detail::Full => text::tame_line(it),
    };
    let server = backup.server_version.as_deref().map(version);
    facts.extend(server.map(|it| format!("from server {it}")));
    let dump = backup.dump_version.as_deref().map(version);
    facts.extend(dump.map(|it| format!("by pg_dump {it}")));
    let (ink, whole) = match backup.complete {
        Some(true) => (Ink::Strong, "proven whole"),
        Some(false) => (Ink::Bad, "NOT WHOLE"),
        None => (Ink::Doubtful, "not proven whole"),
    };
    facts.push(whole.to_owned());
    page.entry(0, ink, "backup", REACH, &facts.join(", "));
    if let (Detail::Full, Some(hash)) = (detail, &backup.sha256) {
        page.entry(0, Ink::Faint, "sha256", REACH, &text::tame_line(hash));
    }
}

fn scratch(page: &mut Page<'_>, scratch: Option<&ScratchReport>) {
    let Some(scratch) = scratch else {
        page.entry(0, Ink::Strong, "scratch", REACH, "none was started");
        return;
    };
    let mut facts = vec![facts::server(scratch)];
    let made = match (scratch.base_reused, scratch.base_copy) {
        (false, _) => "freshly restored",
        (true, Some(BaseCopy::Clone)) => "clone of a base (first writes cost more)",
        (true, _) => "copy of a base",
    };
    facts.push(made.to_owned());
    if let Some(role) = &scratch.role {
        facts.push(format!("migrations ran as {}", text::tame_line(role)));
    }
    facts.push(
        if scratch.fsync { "with fsync" } else { "without fsync (production writes slower)" }
            .to_owned(),
    );
    page.entry(0, Ink::Strong, "scratch", REACH, &facts.join(", "));
}

fn timings(page: &mut Page<'_>, report: &RehearsalReport) {
    let timings = &report.timings;
    let parts = [
        ("fetch", timings.fetch_ms),
        ("restore", timings.restore_ms),
        ("base", timings.base_ms),
        ("migrations", timings.migrate_ms),
        ("census", timings.census_ms),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter_map(|(name, ms)| ms.map(|ms| format!("{name} {}", units::duration(ms))))
        .collect();
    let total = units::duration(timings.total_ms);
    let text = if parts.is_empty() { total } else { format!("{total}: {}", parts.join(", ")) };
    page.entry(0, Ink::Strong, "time", REACH, &text);
}

fn migrations(page: &mut Page<'_>, migrations: &[MigrationReport]) {
    if migrations.is_empty() {
        return;
    }
    page.section(Ink::Strong, "Migrations", "");
    let mut table = Table::new(&[
        Column::number("version"),
        Column::wrapped("name"),
        Column::whole("status"),
        Column::number("duration"),
        Column::number("statements"),
        Column::whole("transaction"),
        Column::number("WAL").spare(),
    ]);
    for migration in migrations {
        let (ink, status) = match migration.status {
            MigrationStatus::Applied => (Ink::Good, "applied"),
            MigrationStatus::Failed => (Ink::Bad, "FAILED"),
            MigrationStatus::Untouched => (Ink::Faint, "untouched"),
        };
        let boundary = if migration.transactional { "" } else { "none" };
        table.row([
            Cell::new(Ink::Strong, text::tame_line(&migration.version.to_string())),
            Cell::plain(text::tame_line(&migration.name)),
            Cell::new(ink, status),
            Cell::plain(migration.duration_ms.map_or_else(String::new, units::duration)),
            Cell::plain(statements(migration)),
            Cell::new(Ink::Doubtful, boundary),
            Cell::plain(migration.wal_bytes.map_or_else(String::new, units::bytes)),
        ]);
    }
    page.table(2, table);
}

/// `4`, or `2 of 4` where the second failed.
fn statements(migration: &MigrationReport) -> String {
    let all = migration.statements.len();
    let failed = migration.statements.iter().find(|it| it.error.is_some());
    failed.map_or_else(|| all.to_string(), |it| format!("{} of {all}", it.index))
}
