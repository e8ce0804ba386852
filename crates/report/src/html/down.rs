//! The way down and up again.

use stopover_model::report::{DownReport, RehearsalReport};

use crate::markup::Markup;
use crate::{facts, units};

use super::grid::{Column, Named, grid};
use super::{clipped, section as part};

pub(super) fn section(page: &mut Markup, report: &RehearsalReport) {
    const HEADS: [Column; 5] = [
        ("", "migration"),
        ("", "down script"),
        ("num", "down"),
        ("num", "up again"),
        ("", "not as before"),
    ];
    let Some(down) = report.down.as_deref().filter(|it| !it.is_empty()) else { return };
    let told =
        "Each migration was taken back by its down script, the newest first, and applied again.";
    part(page, "down", "Down and up again", told, |page| {
        let named = Named { label: "Down scripts", class: "" };
        grid(page, &named, &HEADS, |page| down.iter().for_each(|it| row(page, it)));
    });
}

fn row(page: &mut Markup, down: &DownReport) {
    let took = |ms: Option<f64>| ms.map_or_else(String::new, units::duration);
    page.line();
    page.element("tr", &[], |page| {
        page.element("th", &[("scope", "row")], |it| {
            it.text(&clipped(&format!("{} {}", down.version, down.name), 200));
        });
        page.of("td", "", facts::down_outcome(down));
        page.of("td", "num", &took(down.duration_ms));
        page.of("td", "num", &took(down.again_ms));
        page.of("td", "", &clipped(&facts::down_lost(down), 400));
    });
}
