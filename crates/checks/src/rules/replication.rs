//! `replication`: who follows, and who does not any more.

use stopover_model::Finding;
use stopover_model::harness::{InactiveSlot, Replica};

use super::long_transaction::GRANT;
use crate::PreflightFacts;
use crate::judged::{Judged, shown_duration, shown_ms};
use crate::limits::shown_bytes;

const CODE: &str = "replication";

pub(crate) fn check(facts: &PreflightFacts<'_>) -> Judged {
    let fact = &facts.around.replication;
    let Some(replication) = fact.read() else {
        return Judged::of(CODE, "replication", fact, |_| Vec::new());
    };
    let mut findings: Vec<Finding> = replication.inactive_slots.iter().map(slot).collect();
    let limit = u64::try_from(facts.limits.replica_lag.as_millis()).unwrap_or(u64::MAX);
    let lags = |it: &&Replica| it.lag_ms.is_some_and(|lag| lag > limit);
    findings.extend(replication.replicas.iter().filter(lags).map(|it| replica(it, facts)));
    let hidden: Vec<String> = replication
        .replicas
        .iter()
        .filter(|it| it.is_hidden)
        .map(|it| it.pid.to_string())
        .collect();
    let unseen = (!hidden.is_empty()).then(|| {
        let message = format!(
            "the check could not run: how far the replicas of pid {} are is hidden from this role",
            hidden.join(", ")
        );
        Finding::error(CODE, "replicas", message, GRANT)
    });
    Judged::partly(findings, unseen.into_iter().collect())
}

fn slot(slot: &InactiveSlot) -> Finding {
    let kept =
        slot.retained_bytes.map_or_else(String::new, |it| format!(" {} of", shown_bytes(it)));
    let name = slot.name.replace('\'', "''");
    Finding::warning(
        CODE,
        slot.name.clone(),
        format!(
            "nobody reads the replication slot {}: the server keeps{kept} WAL for it",
            slot.name
        ),
        format!(
            "start its reader, or drop it: SELECT pg_drop_replication_slot('{name}'); a rewrite \
             adds its whole size to what is kept"
        ),
    )
}

fn replica(it: &Replica, facts: &PreflightFacts<'_>) -> Finding {
    let name = it.application.clone().unwrap_or_else(|| format!("pid {}", it.pid));
    let lag = shown_ms(it.lag_ms.unwrap_or_default());
    let limit = shown_duration(facts.limits.replica_lag);
    Finding::warning(
        CODE,
        name.clone(),
        format!("the replica {name} is {lag} behind; at most {limit} is allowed"),
        "wait until it has caught up, or allow more: replica_lag under [preflight] in \
         stopover.toml",
    )
}
