//! `autovacuum-wraparound`: a vacuum that does not step aside for an ALTER, as others do.

use stopover_model::Finding;
use stopover_model::harness::WraparoundVacuum;

use crate::PreflightFacts;
use crate::judged::{Judged, shown_ms, some};
use crate::touch::Touch;

const CODE: &str = "autovacuum-wraparound";

pub(crate) fn check(facts: &PreflightFacts<'_>, touch: &Touch) -> Judged {
    Judged::of(CODE, "vacuums", &facts.around.vacuums, |vacuums| {
        vacuums.iter().filter(|it| touch.concerns(&it.relations)).map(found).collect()
    })
}

fn found(vacuum: &WraparoundVacuum) -> Finding {
    let of = match vacuum.relations.as_slice() {
        [] => "a table".to_owned(),
        names => some(names, 3),
    };
    let since = vacuum.age_ms.map_or_else(String::new, |it| format!(" for {}", shown_ms(it)));
    Finding::warning(
        CODE,
        of.clone(),
        format!("an anti-wraparound vacuum (pid {}) has been working on {of}{since}", vacuum.pid),
        "wait for it to end: it gives way to nobody, and what waits for it has others behind it",
    )
}
