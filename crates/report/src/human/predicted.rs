//! What an apply took beside what its rehearsal said.

use stopover_model::report::{ApplyReport, SignatureState, TimedMigration};

use crate::look::Ink;
use crate::page::Page;
use crate::table::{Cell, Column, Table};
use crate::{text, units};

use super::Detail;

/// More migrations than this are told by the slowest.
const SHOWN: usize = 10;

/// Nothing, where no receipt was at hand.
pub(super) fn predicted(page: &mut Page<'_>, report: &ApplyReport, detail: Detail) {
    let Some(receipt) = &report.receipt else { return };
    let run: Vec<&TimedMigration> =
        report.migrations.iter().filter(|it| it.duration_ms.is_some()).collect();
    if run.is_empty() {
        return;
    }
    let signed = match receipt.signature {
        SignatureState::Good => ", signed",
        _ => "",
    };
    let when = receipt.rehearsed_at.strftime("%Y-%m-%d %H:%M:%S UTC");
    page.section(Ink::Strong, "Against the rehearsal", &format!("of {when}{signed}"));
    let mut table = Table::new(&[
        Column::number("version"),
        Column::wrapped("name"),
        Column::number("took"),
        Column::number("rehearsed"),
    ]);
    let time = |ms: Option<f64>| ms.map_or_else(String::new, units::duration);
    for it in told(&run, detail) {
        let is_slower = report.findings.iter().any(|finding| {
            finding.code == "slower-than-rehearsed" && finding.subject == it.version.to_string()
        });
        table.row([
            Cell::new(Ink::Strong, text::tame_line(&it.version.to_string())),
            Cell::plain(text::tame_line(&it.name)),
            Cell::new(if is_slower { Ink::Doubtful } else { Ink::Plain }, time(it.duration_ms)),
            Cell::plain(time(it.predicted_ms)),
        ]);
    }
    page.table(2, table);
}

/// All, or the slowest, in their own order.
fn told<'a>(run: &[&'a TimedMigration], detail: Detail) -> Vec<&'a TimedMigration> {
    if detail == Detail::Full || run.len() <= SHOWN {
        return run.to_vec();
    }
    let mut by_time: Vec<f64> = run.iter().filter_map(|it| it.duration_ms).collect();
    by_time.sort_by(|a, b| b.total_cmp(a));
    let least = by_time.get(SHOWN - 1).copied().unwrap_or_default();
    let slowest = run.iter().filter(|it| it.duration_ms.is_some_and(|ms| ms >= least));
    slowest.take(SHOWN).copied().collect()
}
