//! `pending`: what an apply would do.

use stopover_model::harness::TouchedRelation;
use stopover_model::{Finding, LockMode, Version, detail_list};

use crate::PreflightFacts;
use crate::judged::Judged;
use crate::limits::shown_bytes;

const CODE: &str = "pending";

/// So many tables are told; the report has all of them.
const TABLES: usize = 10;

/// Longer lists of versions are told by their ends.
const VERSIONS: usize = 12;

pub(crate) fn check(facts: &PreflightFacts<'_>) -> Judged {
    // Why there is no plan is what the check `drift` says.
    let Some(plan) = facts.plan() else { return Judged::not_applicable(Vec::new()) };
    let steps: Vec<&Version> = plan.steps.iter().map(|it| &it.version).collect();
    let versions = listed(&steps);
    let message = match steps.len() {
        0 => "nothing is pending".to_owned(),
        1 => format!("1 migration is pending: {versions}{}", tables(facts.touched())),
        count => format!("{count} migrations are pending: {versions}{}", tables(facts.touched())),
    };
    let note = Finding::note(CODE, "the plan", message, "");
    Judged::of(CODE, "the plan's tables", &facts.around.relations, |_| vec![note])
}

fn listed(versions: &[&Version]) -> String {
    if let ([first, .., last], true) = (versions, versions.len() > VERSIONS) {
        return format!("{first} to {last}");
    }
    detail_list(&versions.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn tables(touched: &[TouchedRelation]) -> String {
    if touched.is_empty() {
        return String::new();
    }
    let mut sorted: Vec<&TouchedRelation> = touched.iter().collect();
    // The strongest lock on the largest table first.
    sorted.sort_by_key(|it| std::cmp::Reverse((LockMode::of(&it.mode), it.bytes)));
    let told: Vec<String> = sorted.iter().take(TABLES).map(|it| told(it)).collect();
    let more = sorted.len().saturating_sub(TABLES);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("; locks {}{more}", told.join(", "))
}

fn told(table: &TouchedRelation) -> String {
    let size = table.bytes.map_or_else(String::new, |it| format!(" ({})", shown_bytes(it)));
    format!("{}{size} {}", table.relation, table.mode)
}
