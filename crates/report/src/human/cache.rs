//! `cache`: what is kept, and what went.

use stopover_model::report::{BaseEntry, CacheReport};

use crate::look::{Ink, Look};
use crate::page::Page;
use crate::table::{Cell, Column, Table};
use crate::{text, units};

use super::next_step;

/// The document of `cache`.
#[must_use]
pub fn cache(report: &CacheReport, look: &Look) -> String {
    let mut page = Page::new(look);
    for (ink, said, keys) in [
        (Ink::Good, "Thrown away:", &report.dropped),
        (Ink::Doubtful, "In use, and left:", &report.in_use),
    ] {
        if !keys.is_empty() {
            page.section(ink, said, &text::tame_line(&keys.join(", ")));
        }
    }
    let held = match report.bases.len() {
        0 => "none".to_owned(),
        count => format!("{} of {}", text::plural(count, "base"), units::bytes(report.bytes)),
    };
    let limit = units::bytes(report.limit_bytes);
    page.section(Ink::Strong, "Bases:", &format!("{held}, at most {limit} are kept"));
    if !report.bases.is_empty() {
        page.table(2, bases(&report.bases));
    }
    let templates = text::plural(report.templates.len(), "prepared empty data folder");
    let bytes = units::bytes(report.templates.iter().map(|it| it.bytes).sum());
    page.section(Ink::Strong, "Besides:", &format!("{templates} of {bytes}"));
    for template in &report.templates {
        page.paragraph(2, Ink::Faint, &text::tame_line(&template.key));
    }
    page.entry(0, Ink::Faint, "folder", 8, &text::tame_line(&report.folder));
    if !report.bases.is_empty() && report.dropped.is_empty() {
        next_step(&mut page, "`stopover cache drop KEY` throws one away, `--all` every one");
    }
    page.finish()
}

fn bases(bases: &[BaseEntry]) -> Table {
    let mut table = Table::new(&[
        Column::whole("key"),
        Column::wrapped("backup"),
        Column::number("size"),
        Column::whole("last used"),
        Column::whole("server").spare(),
        Column::whole("made").spare(),
    ]);
    for base in bases {
        let unknown = || "?".to_owned();
        let used = if base.in_use {
            "now".to_owned()
        } else {
            base.used_at.map_or_else(unknown, units::time)
        };
        table.row([
            Cell::new(Ink::Strong, text::tame_line(&base.key)),
            Cell::plain(text::tame_line(&base.backup)),
            Cell::plain(units::bytes(base.bytes)),
            Cell::plain(used),
            Cell::plain(base.server_version.as_deref().map_or_else(unknown, text::tame_line)),
            Cell::plain(base.made_at.map_or_else(unknown, units::time)),
        ]);
    }
    table
}
