//! `prepared-transaction`: two-phase transactions hold their locks until somebody ends them.

use stopover_model::Finding;
use stopover_model::harness::PreparedTransaction;

use crate::PreflightFacts;
use crate::judged::{Judged, shown_ms, some};
use crate::touch::Touch;

const CODE: &str = "prepared-transaction";

pub(crate) fn check(facts: &PreflightFacts<'_>, touch: &Touch) -> Judged {
    Judged::of(CODE, "two-phase transactions", &facts.around.prepared, |prepared| {
        prepared.iter().map(|it| found(it, touch)).collect()
    })
}

fn found(it: &PreparedTransaction, touch: &Touch) -> Finding {
    let since = it.age_ms.map_or_else(String::new, |age| format!(" {} ago", shown_ms(age)));
    let shared: Vec<String> = touch.shared(&it.relations).into_iter().cloned().collect();
    let holds = match (shared.as_slice(), it.relations.as_slice()) {
        ([], []) => String::new(),
        ([], held) => format!("; it holds locks on {}", some(held, 5)),
        (shared, _) => format!("; it holds locks on {}", some(shared, 5)),
    };
    let gid = it.gid.replace('\'', "''");
    Finding::error(
        CODE,
        it.gid.clone(),
        format!("{} was prepared by {}{since}, and nobody has ended it{holds}", it.gid, it.owner),
        format!("COMMIT PREPARED '{gid}', or ROLLBACK PREPARED '{gid}'"),
    )
}
