//! A rehearsal's report as a comment on a pull request: GitHub's Markdown.
//!
//! Nothing that others wrote is Markdown here: names stand in code spans, prose is escaped, and
//! nobody is mentioned. A comment is at most 65,536 characters on GitHub: what does not fit is left
//! out from the end of each part, and the comment says so.

mod carry;
mod down;
mod escape;
mod outside;
mod room;

pub use carry::carry_markdown;
use stopover_model::report::{
    MigrationReport, MigrationStatus, RehearsalReport, StatementReport, TableReport,
};
use stopover_model::{Severity, StatementError};

use crate::outcome::{self, Outcome, failures};
use crate::picture::shut_out;
use crate::places::{Problem, longest_lock, longest_seen, problems};
use crate::{Look, facts, locks, sql_error, units};

use escape::{code, fenced, prose};
use room::Room;

/// What GitHub takes. We count bytes, of which there are never fewer than characters.
const LIMIT: usize = 65_536;

/// The report as Markdown.
#[must_use]
pub fn markdown(report: &RehearsalReport) -> String {
    let mut room = Room::of(LIMIT);
    verdict(&mut room, report);
    for error in failures(&report.migrations) {
        failure(&mut room, error);
    }
    findings(&mut room, report);
    migrations(&mut room, report);
    outside::locks(&mut room, report);
    tables(&mut room, report);
    down::trip(&mut room, report);
    statements(&mut room, report);
    outside::statements(&mut room, report);
    circumstances(&mut room, report);
    room.put(&format!(
        "\n<sub>Stopover {}, {}</sub>\n",
        prose(&report.tool_version),
        units::time(report.timestamp)
    ));
    room.finish()
}

fn verdict(room: &mut Room, report: &RehearsalReport) {
    let outcome = Outcome::of(report);
    let sign = match outcome {
        Outcome::Green => "✅",
        Outcome::Red => "❌",
        Outcome::Unknown => "⚠️",
    };
    room.put(&format!("## {sign} Rehearsal: {}\n", outcome.word()));
    let (first, others) = outcome::detail(report);
    if !first.is_empty() {
        room.put(&format!("\n**{}**\n", prose(&first)));
    }
    if !others.is_empty() {
        let others: Vec<String> = others.iter().map(|line| prose(line)).collect();
        room.put(&format!("\n{}\n", others.join("\\\n")));
    }
    room.put(&format!("\nNext: {}.\n", prose(outcome::next(report).trim_end_matches('.'))));
}

fn failure(room: &mut Room, error: &StatementError) {
    let picture = sql_error(error, None, &Look::plain(100));
    room.put(&format!("\n{}", fenced(&picture)));
}

fn findings(room: &mut Room, report: &RehearsalReport) {
    let told = |it: &Problem<'_>| it.error.is_some();
    let found: Vec<Problem<'_>> = problems(report).into_iter().filter(|it| !told(it)).collect();
    let (notes, urgent): (Vec<_>, Vec<_>) =
        found.iter().partition(|it| it.finding.severity == Severity::Note);
    if !urgent.is_empty() {
        room.list("\n### Findings\n\n", urgent.into_iter().map(finding), "");
    }
    if !notes.is_empty() {
        let head = format!("\n<details><summary>Notes ({})</summary>\n\n", notes.len());
        room.list(&head, notes.into_iter().map(finding), "\n</details>\n");
    }
}

fn finding(problem: &Problem<'_>) -> String {
    let finding = problem.finding;
    let (sign, word) = match finding.severity {
        Severity::Error => ("❌", "error"),
        Severity::Warning => ("⚠️", "warning"),
        Severity::Note => ("ℹ️", "note"),
    };
    let mut text = format!(
        "- {sign} **{word}** {} on {}: {}\n",
        code(&finding.code),
        code(&finding.subject),
        prose(&finding.message)
    );
    if !finding.remedy.is_empty() {
        text.push_str(&format!("  → {}\n", prose(&finding.remedy)));
    }
    text
}

fn migrations(room: &mut Room, report: &RehearsalReport) {
    if report.migrations.is_empty() {
        return;
    }
    if report.command.is_some() {
        // Nothing of single migrations is known.
        let head = "\n### Migrations\n\n| migration | status |\n| --- | --- |\n";
        let row = |it: &MigrationReport| format!("| {} | {} |\n", title(it), status(it));
        return room.list(head, report.migrations.iter().map(row), "");
    }
    let head = "\n### Migrations\n\n\
         | migration | status | duration | strongest lock | reads shut out | writes shut out |\n\
         | --- | --- | ---: | --- | ---: | ---: |\n";
    room.list(head, report.migrations.iter().map(migration), "");
}

fn title(migration: &MigrationReport) -> String {
    code(&format!("{} {}", migration.version, migration.name))
}

const fn status(migration: &MigrationReport) -> &'static str {
    match migration.status {
        MigrationStatus::Applied if migration.transactional => "applied",
        MigrationStatus::Applied => "applied, without a transaction",
        MigrationStatus::Failed => "❌ **failed**",
        MigrationStatus::Untouched => "untouched",
    }
}

fn migration(migration: &MigrationReport) -> String {
    let (reads, writes) = shut_out(migration);
    let all = migration.statements.iter().flat_map(|it| it.locks.iter().flatten());
    let strongest = all.max_by_key(|it| locks::strength(&it.mode));
    let lock = strongest.map_or_else(String::new, |it| {
        format!("{} on {}", prose(&locks::in_sql(&it.mode)), code(&it.relation))
    });
    format!(
        "| {} | {} | {} | {lock} | {} | {} |\n",
        title(migration),
        status(migration),
        migration.duration_ms.map_or_else(String::new, units::duration),
        shut(migration_was_seen(migration).then_some(reads)),
        shut(migration_was_seen(migration).then_some(writes)),
    )
}

fn migration_was_seen(migration: &MigrationReport) -> bool {
    migration.statements.iter().any(|it| it.locks.is_some())
}

fn shut(ms: Option<f64>) -> String {
    match ms {
        None => String::new(),
        Some(ms) if ms > 0.0 => format!("**{}**", units::duration(ms)),
        Some(_) => "never".to_owned(),
    }
}

fn tables(room: &mut Room, report: &RehearsalReport) {
    let mut shut_out: Vec<&TableReport> =
        report.tables.iter().filter(|it| facts::longest(it) > 0.0 || facts::loses(it)).collect();
    if shut_out.is_empty() {
        return;
    }
    shut_out.sort_by(|left, right| facts::longest(right).total_cmp(&facts::longest(left)));
    let head = "\n### Tables that were shut out, or lost something\n\n\
         | table | reads | writes | rows | size | longest behind |\n\
         | --- | ---: | ---: | ---: | ---: | --- |\n";
    let row = |it: &&TableReport| {
        let behind = behind(&it.relation, report);
        format!(
            "| {} | {} | {} | {} | {} | {behind} |\n",
            code(&facts::name(it)),
            shut(it.read_blocked_ms),
            shut(it.write_blocked_ms),
            facts::rows(it),
            it.bytes.map_or_else(String::new, units::bytes),
        )
    };
    room.list(head, shut_out.iter().map(row), "");
}

/// The statement that shut a table out longest.
fn behind(relation: &str, report: &RehearsalReport) -> String {
    if let Some((by, on)) = longest_lock(relation, report) {
        let text = if on.text.is_empty() { &on.tag } else { &on.text };
        return format!("{} line {}: {}", code(&by.version.to_string()), on.line, code(text));
    }
    let seen = longest_seen(relation, report);
    seen.map_or_else(String::new, |it| format!("session {}: {}", it.session, code(facts::seen(it))))
}

fn statements(room: &mut Room, report: &RehearsalReport) {
    let all = report.migrations.iter().flat_map(|it| it.statements.iter().map(move |on| (it, on)));
    let mut timed: Vec<(&MigrationReport, &StatementReport, f64)> =
        all.filter_map(|(it, on)| on.duration_ms.map(|ms| (it, on, ms))).collect();
    if timed.len() < 2 {
        return;
    }
    timed.sort_by(|left, right| right.2.total_cmp(&left.2));
    let head = format!(
        "\n<details><summary>Statements, slowest first ({})</summary>\n\n\
         | time | migration | line | statement | rows | WAL | rewrites |\n\
         | ---: | --- | ---: | --- | ---: | ---: | --- |\n",
        timed.len()
    );
    let row = |(migration, on, ms): &(&MigrationReport, &StatementReport, f64)| {
        let rewrites: Vec<String> = on.rewrites.iter().flatten().map(|it| code(it)).collect();
        format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            units::duration(*ms),
            code(&migration.version.to_string()),
            on.line,
            code(if on.text.is_empty() { &on.tag } else { &on.text }),
            on.rows.map_or_else(String::new, units::count),
            on.wal_bytes.map_or_else(String::new, units::bytes),
            rewrites.join(", "),
        )
    };
    room.list(&head, timed.iter().map(row), "\n</details>\n");
}

fn circumstances(room: &mut Room, report: &RehearsalReport) {
    let mut facts: Vec<(&'static str, String)> = facts::backup(&report.backup);
    facts.extend(facts::scratch(report.scratch.as_ref()));
    facts.extend(facts::programs(report));
    facts.extend(facts::timings(&report.timings));
    let row = |(name, value): &(&'static str, String)| format!("| {name} | {} |\n", code(value));
    let head = "\n<details><summary>Backup, scratch and time</summary>\n\n| | |\n| --- | --- |\n";
    room.list(head, facts.iter().map(row), "\n</details>\n");
}
