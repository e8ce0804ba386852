//! `long-transaction`: whom an ALTER would wait for, with everybody else behind it.

use stopover_model::Finding;
use stopover_model::harness::OpenTransaction;

use crate::PreflightFacts;
use crate::judged::{Judged, error_if, query, shown, shown_duration, some};
use crate::touch::Touch;

const CODE: &str = "long-transaction";

pub(crate) fn check(facts: &PreflightFacts<'_>, touch: &Touch) -> Judged {
    let fact = &facts.around.transactions;
    let Some(transactions) = fact.read() else {
        return Judged::of(CODE, "other sessions", fact, |_| Vec::new());
    };
    let limit = u64::try_from(facts.limits.long_transaction.as_millis()).unwrap_or(u64::MAX);
    let is_long = |it: &&OpenTransaction| it.who.age_ms.is_some_and(|age| age >= limit);
    let findings = transactions.iter().filter(is_long).map(|it| found(it, touch, facts)).collect();
    let hidden: Vec<String> = transactions
        .iter()
        .filter(|it| it.who.age_ms.is_none())
        .map(|it| it.who.pid.to_string())
        .collect();
    Judged::partly(findings, unseen(&hidden).into_iter().collect())
}

fn found(it: &OpenTransaction, touch: &Touch, facts: &PreflightFacts<'_>) -> Finding {
    let waited_for = touch.waits_for_snapshots && it.has_snapshot;
    let is_error = touch.concerns(&it.relations) || waited_for;
    let limit = shown_duration(facts.limits.long_transaction);
    let mut message = format!("{} has a transaction that is older than {limit}", shown(&it.who));
    let shared: Vec<String> = touch.shared(&it.relations).into_iter().cloned().collect();
    if !shared.is_empty() {
        message.push_str(&format!(", and holds locks on {}", some(&shared, 5)));
    } else if waited_for {
        message.push_str(", and CREATE INDEX CONCURRENTLY waits for its end");
    }
    message.push_str(&query(&it.who));
    let remedy = format!(
        "let it end, or end it: SELECT pg_terminate_backend({}); or allow more: long_transaction \
         under [preflight] in stopover.toml",
        it.who.pid
    );
    Finding::new(error_if(is_error), CODE, format!("pid {}", it.who.pid), message, remedy)
}

/// Whose age nobody may see may be of any age.
fn unseen(pids: &[String]) -> Option<Finding> {
    if pids.is_empty() {
        return None;
    }
    let message = format!(
        "the check could not run: the age of the transactions of pid {} is hidden from this role",
        some(pids, 10)
    );
    Some(Finding::error(CODE, "other sessions", message, GRANT))
}

/// What lets a role see other roles' sessions.
pub(crate) const GRANT: &str = "GRANT pg_monitor to the role (pg_read_all_stats is enough), or \
                                connect as one that has it";
