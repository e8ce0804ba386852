//! `backup` and `verify`: where it is, and what its proof showed.

use stopover_model::report::{
    BackupDocument, BackupMade, Verdict, Verification, VerifiedTable, VerifyReport,
};

use crate::look::{Ink, Look};
use crate::page::Page;
use crate::{text, units};

use super::Detail;
use super::apply::backup_line;
use super::findings::list;

/// Where the values begin, right of the labels.
const REACH: usize = 11;

/// How many tables are told one by one where nothing is wrong with them.
const TOLD: usize = 12;

/// The document of `backup`.
#[must_use]
pub fn backup(document: &BackupDocument, detail: Detail, look: &Look) -> String {
    let mut page = Page::new(look);
    match &document.backup {
        Some(made) => {
            let rows = made.rows.zip(made.tables).map(|(rows, tables)| counted(rows, tables));
            let rows = rows.unwrap_or_else(|| text::tame_line(&document.database));
            let time = units::duration(made.duration_ms);
            page.section(Ink::Good, "Backed up:", &format!("{rows} in {time}"));
            page.gap();
            page.entry(2, Ink::Faint, "backup", REACH, &backup_line(made));
            facts(&mut page, made, detail);
        }
        None if document.findings.iter().any(stopover_model::Finding::is_error) => {
            page.section(Ink::Bad, "NO BACKUP:", "what was restored is not what was there");
        }
        None => page.section(Ink::Doubtful, "No backup:", "there is nothing to back up yet"),
    }
    for path in &document.removed {
        page.entry(2, Ink::Faint, "removed", REACH, &text::tame_line(path));
    }
    if !document.findings.is_empty() {
        page.gap();
        list(&mut page, document.findings.iter());
    }
    page.finish()
}

fn facts(page: &mut Page<'_>, made: &BackupMade, detail: Detail) {
    let mut fact = |label: &str, value: Option<String>| {
        if let Some(value) = value {
            page.entry(2, Ink::Faint, label, REACH, &text::tame_line(&value));
        }
    };
    fact("sha256", made.sha256.clone());
    let dumped = made.dump_version.as_ref().zip(made.server_version.as_ref());
    fact("pg_dump", dumped.map(|(dump, server)| format!("{dump}, of a server {server}")));
    fact("content", made.content_bytes.map(units::bytes));
    if detail == Detail::Full {
        fact("manifest", made.manifest.clone());
    }
    for line in &made.output {
        fact("said", Some(line.clone()));
    }
}

fn counted(rows: u64, tables: u64) -> String {
    let rows = if rows == 1 { "1 row".to_owned() } else { units::count(rows) + " rows" };
    let tables = if tables == 1 { "1 table".to_owned() } else { units::count(tables) + " tables" };
    format!("{rows} of {tables}")
}

/// The document of `verify`.
#[must_use]
pub fn verify(report: &VerifyReport, detail: Detail, look: &Look) -> String {
    let found = &report.verification;
    let mut page = Page::new(look);
    headline(&mut page, found);
    let errors = found.findings.iter().filter(|it| it.is_error());
    if errors.clone().next().is_some() {
        page.gap();
        list(&mut page, errors);
    }
    page.gap();
    let size = found.backup.bytes.map_or_else(String::new, |it| format!(" ({})", units::bytes(it)));
    let path = text::tame_line(&found.backup.path);
    page.entry(2, Ink::Faint, "backup", REACH, &format!("{path}{size}"));
    if let Some(scratch) = &found.scratch {
        let text = format!("{}, {}", scratch.kind, scratch.server_version);
        page.entry(2, Ink::Faint, "scratch", REACH, &text::tame_line(&text));
    }
    tables(&mut page, &found.tables, detail);
    schema(&mut page, found);
    let rest: Vec<_> = found.findings.iter().filter(|it| !it.is_error()).collect();
    if !rest.is_empty() {
        page.gap();
        list(&mut page, rest.into_iter());
    }
    page.finish()
}

fn headline(page: &mut Page<'_>, found: &Verification) {
    let time = units::duration(found.duration_ms);
    let compared = found.schema_from.is_some();
    let rows = found.tables.iter().filter_map(|it| it.rows_to).sum();
    let rows = counted(rows, found.tables.len() as u64);
    match found.verdict {
        Verdict::Green if compared => {
            let text = format!("restored in {time}: {rows}, as in the source");
            page.section(Ink::Good, "PROVEN:", &text);
        }
        Verdict::Green => {
            let text = format!("{rows} in {time}; nothing said what the source held");
            page.section(Ink::Doubtful, "RESTORES:", &text);
        }
        Verdict::Red => {
            let errors = found.findings.iter().filter(|it| it.is_error()).count();
            let text = format!("{} found, after {time}", text::plural(errors, "error"));
            page.section(Ink::Bad, "NOT PROVEN:", &text);
        }
    }
}

fn is_equal(table: &VerifiedTable) -> bool {
    table.rows_from == table.rows_to && table.digest_equal != Some(false)
}

fn tables(page: &mut Page<'_>, tables: &[VerifiedTable], detail: Detail) {
    let all = detail == Detail::Full || tables.len() <= TOLD;
    let told = tables.iter().filter(|it| all || (it.rows_from.is_some() && !is_equal(it)));
    for table in told {
        let digest = if table.digest_equal == Some(true) { ", digests are the same" } else { "" };
        let rows = |rows: Option<u64>| rows.map_or_else(|| "none".to_owned(), units::count);
        let (from, to) = (rows(table.rows_from), rows(table.rows_to));
        let value = match table.rows_from {
            None => format!("{to} rows"),
            Some(_) if is_equal(table) => format!("{to} rows{digest}"),
            Some(_) => format!("{to} rows of {from}"),
        };
        let ink = if is_equal(table) || table.rows_from.is_none() { Ink::Faint } else { Ink::Bad };
        let relation = text::tame_line(&table.relation);
        page.entry(2, ink, "table", REACH, &format!("{relation}: {value}"));
    }
    if !all {
        let number = units::count(tables.len() as u64);
        page.entry(2, Ink::Faint, "tables", REACH, &format!("{number}; -v tells all of them"));
    }
}

fn schema(page: &mut Page<'_>, found: &Verification) {
    let Some(restored) = &found.schema_to else { return };
    let short: String = restored.chars().take(12).collect();
    let value = match &found.schema_from {
        Some(source) if source == restored => format!("{short}, the same as the source's"),
        Some(_) => format!("{short}, not the same as the source's"),
        None => short,
    };
    page.entry(2, Ink::Faint, "schema", REACH, &value);
}
