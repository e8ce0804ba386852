//! The way down and up again.

use stopover_model::report::{DownReport, RehearsalReport};

use super::escape::{code, prose};
use super::room::Room;
use crate::{facts, units};

pub(super) fn trip(room: &mut Room, report: &RehearsalReport) {
    let Some(down) = report.down.as_deref().filter(|it| !it.is_empty()) else { return };
    let head = "\n### Down and up again\n\n\
         | migration | down script | down | up again | not as before |\n\
         | --- | --- | ---: | ---: | --- |\n";
    let took = |ms: Option<f64>| ms.map_or_else(String::new, units::duration);
    let row = |it: &DownReport| {
        format!(
            "| {} {} | {} | {} | {} | {} |\n",
            code(&it.version.to_string()),
            prose(&it.name),
            facts::down_outcome(it),
            took(it.duration_ms),
            took(it.again_ms),
            prose(&facts::down_lost(it)),
        )
    };
    room.list(head, down.iter().map(row), "");
}
