//! The migrations: one fold each, with its statements.

use stopover_model::report::{
    LockReport, MigrationReport, MigrationStatus, RehearsalReport, StatementReport,
};

use crate::locks::{self, Effect};
use crate::markup::Markup;
use crate::picture::{At, shut_out};
use crate::{text, units};

use super::grid::{Column, Named, grid};
use super::{bars, clipped, section as part};

/// Up to so many are unfolded from the beginning.
const FEW: usize = 3;
/// A migration that shuts somebody out for so long is unfolded (ms).
const NOTICED: f64 = 1_000.0;
/// Locks that are listed of a statement.
const LOCKS: usize = 8;

pub(super) fn section(page: &mut Markup, report: &RehearsalReport) {
    if report.migrations.is_empty() {
        return;
    }
    let longest = report.migrations.iter().filter_map(|it| it.duration_ms).fold(0.0, f64::max);
    // Which of the command's statements were whose, nobody tells.
    let told = match &report.command {
        Some(_) => {
            "The command ran them: what the source holds, and what the ledger says of it \
                    afterwards. Their statements' own times, rows and locks are not known."
        }
        None => "",
    };
    part(page, "migrations", "Migrations", told, |page| {
        for (at, it) in report.migrations.iter().enumerate() {
            page.line();
            migration(page, at, it, longest, report);
        }
    });
}

fn migration(
    page: &mut Markup,
    at: usize,
    migration: &MigrationReport,
    longest: f64,
    report: &RehearsalReport,
) {
    let of = report.migrations.len();
    let (reads, writes) = shut_out(migration);
    let (class, status) = match migration.status {
        MigrationStatus::Applied => ("applied", "applied"),
        MigrationStatus::Failed => ("failed", "failed"),
        MigrationStatus::Untouched => ("untouched", "untouched"),
    };
    let id = format!("m{at}");
    let class = format!("migration {class}");
    let mut fold = vec![("class", class.as_str()), ("id", id.as_str())];
    // What nobody measured is unfolded by whoever wants it.
    let is_open = (of <= FEW && report.command.is_none())
        || migration.status == MigrationStatus::Failed
        || (reads.max(writes) >= NOTICED && of <= 100);
    if is_open && !migration.statements.is_empty() {
        fold.push(("open", "open"));
    }
    page.element("details", &fold, |page| {
        page.element("summary", &[], |page| {
            page.of("span", "version", &clipped(&migration.version.to_string(), 60));
            page.of("span", "title", &clipped(&migration.name, 200));
            page.element("span", &[("class", "shut")], |page| {
                for (who, ms) in [("reads", reads), ("writes", writes)] {
                    if ms > 0.0 {
                        page.of("span", who, &format!("{who} {}", units::duration(ms)));
                    }
                }
            });
            share(page, migration.duration_ms, longest);
            let took = migration.duration_ms.map_or_else(|| "–".to_owned(), units::duration);
            page.of("span", "took", &took);
            page.of("span", "status", status);
        });
        page.of("p", "told", &facts(migration));
        if !migration.statements.is_empty() {
            // Which of its statements another's tool ran, nobody saw.
            let unseen = if report.command.is_some() { "" } else { "not run" };
            statements(page, at, migration, unseen);
        }
    });
}

/// How much of the longest migration's time it took.
fn share(page: &mut Markup, ms: Option<f64>, longest: f64) {
    let share = ms.map_or(0.0, |ms| if longest > 0.0 { ms / longest * 100.0 } else { 0.0 });
    let width = format!("{:.1}%", share.clamp(0.0, 100.0));
    let frame = [("class", "share"), ("height", "8"), ("aria-hidden", "true")];
    page.element("svg", &frame, |page| {
        page.empty("rect", &[("width", &width), ("height", "8"), ("rx", "2")]);
    });
}

fn facts(migration: &MigrationReport) -> String {
    let mut facts = vec![clipped(&migration.file, 400)];
    facts.push(text::plural(migration.statements.len(), "statement"));
    facts.push(
        if migration.transactional { "one transaction" } else { "without a transaction" }
            .to_owned(),
    );
    facts.extend(migration.wal_bytes.map(|it| format!("{} of WAL", units::bytes(it))));
    facts.join(" · ")
}

fn statements(page: &mut Markup, at: usize, migration: &MigrationReport, unseen: &str) {
    const HEADS: [Column; 6] = [
        ("num", "line"),
        ("", "statement"),
        ("num", "time"),
        ("num", "rows"),
        ("num", "WAL"),
        ("", "locks that matter, and what was rewritten, built and read"),
    ];
    grid(page, &Named { label: "Statements", class: "statements" }, &HEADS, |page| {
        for (place, it) in migration.statements.iter().enumerate() {
            page.line();
            let at = At { migration: at, statement: place };
            statement(page, at, it, unseen);
        }
    });
}

fn statement(page: &mut Markup, at: At, statement: &StatementReport, unseen: &str) {
    let class = match (&statement.error, statement.duration_ms) {
        (Some(_), _) => "failed",
        (None, None) if !unseen.is_empty() => "untouched",
        (None, _) => "",
    };
    let bytes = |it: Option<u64>| it.map_or_else(String::new, units::bytes);
    page.element("tr", &[("id", &bars::id(at)), ("class", class)], |page| {
        page.of("td", "num", &statement.line.to_string());
        page.element("td", &[("class", "sql")], |page| {
            let text = if statement.text.is_empty() { &statement.tag } else { &statement.text };
            page.of("code", "", &clipped(text, 200));
            if let Some(error) = &statement.error {
                page.of("div", "failed", &clipped(&error.headline(), 600));
            }
        });
        let took = statement.duration_ms.map_or_else(|| unseen.to_owned(), units::duration);
        page.of("td", "num", &took);
        page.of("td", "num", &statement.rows.map_or_else(String::new, units::count));
        page.of("td", "num", &bytes(statement.wal_bytes));
        page.element("td", &[], |page| effects(page, statement));
    });
}

fn effects(page: &mut Markup, statement: &StatementReport) {
    locks_that_matter(page, statement.locks.as_deref().unwrap_or_default());
    let lists = [
        ("rewrites ", &statement.rewrites),
        ("builds ", &statement.indexes),
        ("reads all of ", &statement.scans),
    ];
    for (word, relations) in lists {
        let names: Vec<String> =
            relations.iter().flatten().take(LOCKS).map(|it| clipped(it, 200)).collect();
        if !names.is_empty() {
            page.of("div", "", &format!("{word}{}", names.join(", ")));
        }
    }
}

/// Those that shut somebody out, the strongest first.
pub(super) fn locks_that_matter(page: &mut Markup, locks: &[LockReport]) {
    let mut locks: Vec<&LockReport> = locks
        .iter()
        .filter(|it| matches!(locks::effect(&it.mode), Effect::Everybody | Effect::Writers))
        .collect();
    locks.sort_by_key(|it| std::cmp::Reverse(locks::strength(&it.mode)));
    for lock in locks.iter().take(LOCKS) {
        let class = match locks::effect(&lock.mode) {
            Effect::Everybody => "lock reads",
            _ => "lock writes",
        };
        page.element("div", &[("class", class)], |page| {
            page.of("b", "", &clipped(&locks::in_sql(&lock.mode), 60));
            page.text(&format!(" {}", clipped(&lock.relation, 200)));
            if let Some(held) = lock.held_ms {
                page.text(&format!(", {}", units::duration(held)));
            }
        });
    }
    if locks.len() > LOCKS {
        page.of("div", "", &format!("and {} more", locks.len() - LOCKS));
    }
}
