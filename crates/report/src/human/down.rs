//! The way down and up again.

use stopover_model::report::{DownOutcome, DownReport};

use crate::look::Ink;
use crate::page::Page;
use crate::table::{Cell, Column, Table};
use crate::{facts, text, units};

/// A line for each migration that was, or was not, taken back.
pub(super) fn trip(page: &mut Page<'_>, down: Option<&[DownReport]>) {
    let Some(down) = down.filter(|it| !it.is_empty()) else { return };
    page.section(Ink::Strong, "Down and up again", "");
    let mut table = Table::new(&[
        Column::number("version"),
        Column::wrapped("name"),
        Column::whole("down script"),
        Column::number("down"),
        Column::number("up again"),
        Column::wrapped("not as before"),
    ]);
    for it in down {
        let ink = match (it.outcome, &it.error) {
            (_, Some(_)) => Ink::Bad,
            (Some(DownOutcome::Lossless), _) => Ink::Good,
            (Some(_), _) => Ink::Doubtful,
            (None, None) => Ink::Faint,
        };
        let took = |ms: Option<f64>| ms.map_or_else(String::new, units::duration);
        table.row([
            Cell::new(Ink::Strong, text::tame_line(&it.version.to_string())),
            Cell::plain(text::tame_line(&it.name)),
            Cell::new(ink, facts::down_outcome(it)),
            Cell::plain(took(it.duration_ms)),
            Cell::plain(took(it.again_ms)),
            Cell::plain(facts::down_lost(it)),
        ]);
    }
    page.table(2, table);
}
