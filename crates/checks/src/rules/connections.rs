//! `connections`: an apply needs some, and must not take the last ones.

use stopover_model::Finding;
use stopover_model::harness::{Connections, Quota};

use crate::PreflightFacts;
use crate::judged::Judged;

const CODE: &str = "connections";

pub(crate) fn check(facts: &PreflightFacts<'_>) -> Judged {
    let least = facts.limits.min_free_connections;
    Judged::of(CODE, "connections", &facts.around.connections, |it| found(it, least))
}

fn found(it: &Connections, least: u32) -> Vec<Finding> {
    let kept = match it.reserved {
        0 => String::new(),
        count => format!(" ({count} more are kept for superusers)"),
    };
    let server = short(it.server, least, "the server", &kept, "max_connections");
    let database = it
        .database
        .and_then(|it| short(it, least, "the database", "", "the database's CONNECTION LIMIT"));
    let role =
        it.role.and_then(|it| short(it, least, "the role", "", "the role's CONNECTION LIMIT"));
    server.into_iter().chain(database).chain(role).collect()
}

fn short(quota: Quota, least: u32, subject: &str, kept: &str, limit: &str) -> Option<Finding> {
    let free = quota.limit.saturating_sub(quota.used);
    if free >= least {
        return None;
    }
    let Quota { used, limit: most } = quota;
    let message = match free {
        0 => format!("{subject} has no free connection left: {used} of {most} are used{kept}"),
        _ => format!(
            "{subject} has {free} free connections left, and {least} are asked for: {used} of \
             {most} are used{kept}"
        ),
    };
    let remedy = format!(
        "end sessions, or raise {limit}; min_free_connections under [preflight] in stopover.toml \
         says how many must be free"
    );
    Some(Finding::error(CODE, subject, message, remedy))
}
