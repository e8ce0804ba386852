//! What a rehearsal ran on, and where its time went: names and values, for tables of facts.

use stopover_model::report::{
    BackupReport, BaseCopy, CommandReport, DownOutcome, DownReport, LooksReport, RehearsalReport,
    ScratchReport, SessionStatementReport, TableFate, TableReport, Timings,
};

use crate::{text, units};

/// A name and a value.
pub(crate) type Fact = (&'static str, String);

pub(crate) fn backup(backup: &BackupReport) -> Vec<Fact> {
    if backup.path.is_empty() {
        return vec![("backup", "none".to_owned())];
    }
    let path = if backup.path == "-" { "standard input" } else { &backup.path };
    let mut facts = vec![("backup", text::tame_line(path))];
    facts.extend(backup.bytes.map(|it| ("size", units::bytes(it))));
    facts.extend(backup.age_ms.map(|it| ("age", units::duration(it as f64))));
    let server = backup.server_version.as_deref();
    facts.extend(server.map(|it| ("dumped from server", text::tame_line(it))));
    let dump = backup.dump_version.as_deref();
    facts.extend(dump.map(|it| ("by pg_dump", text::tame_line(it))));
    let whole = match backup.complete {
        Some(true) => "proven",
        Some(false) => "NO",
        None => "not proven",
    };
    facts.push(("whole", whole.to_owned()));
    facts.extend(backup.sha256.as_deref().map(|it| ("SHA-256", text::tame_line(it))));
    facts
}

pub(crate) fn scratch(scratch: Option<&ScratchReport>) -> Vec<Fact> {
    let Some(scratch) = scratch else {
        return vec![("scratch", "none was started".to_owned())];
    };
    let server = server(scratch);
    let made = match (scratch.base_reused, scratch.base_copy) {
        (false, _) => "freshly restored",
        (true, Some(BaseCopy::Clone)) => "clone of a base (first writes cost more)",
        (true, _) => "copy of a base",
    };
    let durable = if scratch.fsync { "yes" } else { "no (production writes slower)" };
    let mut facts = vec![("scratch", server), ("made", made.to_owned())];
    facts.extend(scratch.role.as_deref().map(|it| ("migrations ran as", text::tame_line(it))));
    facts.push(("fsync", durable.to_owned()));
    facts
}

/// What a scratch is.
pub(crate) fn server(scratch: &ScratchReport) -> String {
    let version = text::tame_line(&scratch.server_version);
    match scratch.kind.as_str() {
        "file" => format!("a copy of the file, SQLite {version}"),
        kind => format!("{} server {version}", text::tame_line(kind)),
    }
}

/// The user's own programs: what ran, and how it was looked at.
pub(crate) fn programs(report: &RehearsalReport) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(command) = &report.command {
        let code = command.exit_code;
        let code = code.map_or_else(|| "no exit code".to_owned(), |it| format!("exit code {it}"));
        facts.push(("command", text::tame_line(&command.command)));
        let took = units::duration(command.duration_ms);
        facts.push(("it ended with", format!("{code} after {took}")));
        let looked = command.looks.as_ref().map(|it| format!("from outside, {}", looks(it)));
        facts.push(("observed", looked.unwrap_or_else(|| "no".to_owned())));
        facts.extend(rewrites(command).map(|it| ("tables rewritten", it)));
        let compared = if command.compared { "yes" } else { "no" };
        facts.push(("compared with the source", compared.to_owned()));
    }
    if let Some(boot) = &report.boot {
        facts.push(("service", text::tame_line(&boot.command)));
        let ready = boot.ready_ms.map(|ms| format!("after {}", units::duration(ms)));
        facts.push(("well", ready.unwrap_or_else(|| "never".to_owned())));
    }
    facts
}

/// How far apart the looks from outside were: what was held for a shorter time may be missing.
pub(crate) fn looks(looks: &LooksReport) -> String {
    format!(
        "every {} (at most {} apart)",
        units::duration(looks.every_ms),
        units::duration(looks.longest_ms)
    )
}

/// The tables that the user's own tool rewrote; `None` where nobody looked.
pub(crate) fn rewrites(command: &CommandReport) -> Option<String> {
    let rewrites = command.rewrites.as_ref()?;
    let told = if rewrites.is_empty() { "none".to_owned() } else { rewrites.join(", ") };
    Some(text::tame_line(&told))
}

/// A statement that was seen from outside: the server tells other roles' texts to nobody.
pub(crate) fn seen(statement: &SessionStatementReport) -> &str {
    if statement.text.is_empty() { "(text not known)" } else { &statement.text }
}

pub(crate) fn timings(timings: &Timings) -> Vec<Fact> {
    let parts = [
        ("fetch", timings.fetch_ms),
        ("restore", timings.restore_ms),
        ("base", timings.base_ms),
        ("migrations took", timings.migrate_ms),
        ("counting rows", timings.census_ms),
        ("in all", Some(timings.total_ms)),
    ];
    parts.into_iter().filter_map(|(name, ms)| Some((name, units::duration(ms?)))).collect()
}

/// How long a table was shut out for reads or writes, whichever is longer.
pub(crate) fn longest(table: &TableReport) -> f64 {
    table.read_blocked_ms.unwrap_or(0.0).max(table.write_blocked_ms.unwrap_or(0.0))
}

/// Its name, and the one that it has now.
pub(crate) fn name(table: &TableReport) -> String {
    match (&table.fate, &table.relation_after) {
        (Some(TableFate::Renamed), Some(now)) => {
            text::tame_line(&format!("{} (now {now})", table.relation))
        }
        _ => text::tame_line(&table.relation),
    }
}

/// How many rows it has now, or that it is gone.
pub(crate) fn rows_after(table: &TableReport) -> String {
    match table.fate {
        Some(TableFate::Dropped) => "dropped".to_owned(),
        _ => table.rows_after.map_or_else(String::new, units::count),
    }
}

/// `1,000`, or `1,000 → 990` where they are not the same.
pub(crate) fn rows(table: &TableReport) -> String {
    let (before, after) = (table.rows_before.map(units::count), rows_after(table));
    match before {
        Some(before) if before == after || after.is_empty() => before,
        Some(before) => format!("{before} → {after}"),
        None => after,
    }
}

/// Whether rows or values of it are gone.
pub(crate) fn loses(table: &TableReport) -> bool {
    let values = table.dropped_columns.iter().flatten().any(|it| it.values != Some(0));
    let emptied = table.emptied_columns.as_ref().is_some_and(|it| !it.is_empty());
    values || emptied || table.lost_rows().is_some()
}

/// What a down script came to, in a word.
pub(crate) fn down_outcome(down: &DownReport) -> &'static str {
    match (down.outcome, &down.error) {
        (_, Some(_)) => "FAILED",
        (Some(DownOutcome::Lossless), _) => "lossless",
        (Some(DownOutcome::Lossy), _) => "lossy",
        (Some(DownOutcome::Irreversible), _) => "irreversible",
        (None, None) => "not tried",
    }
}

/// What it does not bring back, in short: the findings say more.
pub(crate) fn down_lost(down: &DownReport) -> String {
    let mut lost: Vec<String> = Vec::new();
    for loss in &down.lost {
        let rows = match (loss.rows_before, loss.rows_after) {
            (Some(before), Some(after)) if before == after => String::new(),
            (Some(before), Some(after)) => {
                format!(" {} of {} rows", units::count(after), units::count(before))
            }
            (Some(before), None) => format!(" gone with {} rows", units::count(before)),
            (None, _) => String::new(),
        };
        let columns = match loss.columns.as_slice() {
            [] => String::new(),
            columns => format!(" ({})", columns.join(", ")),
        };
        lost.push(format!("{}{rows}{columns}", loss.relation));
    }
    if !down.objects.is_empty() {
        lost.push(text::plural(down.objects.len(), "object"));
    }
    text::tame_line(&lost.join("; "))
}
