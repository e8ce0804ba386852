//! `blocking-lock`: a queue that an apply would stand in, or make longer.

use stopover_model::Finding;
use stopover_model::harness::{LockWait, Party};

use crate::PreflightFacts;
use crate::judged::{Judged, error_if, query, shown};
use crate::touch::Touch;

const CODE: &str = "blocking-lock";

pub(crate) fn check(facts: &PreflightFacts<'_>, touch: &Touch) -> Judged {
    Judged::of(CODE, "locks", &facts.around.waits, |waits| {
        waits.iter().map(|it| found(it, touch)).collect()
    })
}

fn found(wait: &LockWait, touch: &Touch) -> Finding {
    let party = |it: &Party| format!("{}{}", shown(it), query(it));
    let blockers: Vec<String> = wait.blockers.iter().map(party).collect();
    let blockers = match blockers.as_slice() {
        [] => "somebody who let go meanwhile".to_owned(),
        some => some.join("; and for "),
    };
    let message = format!("{} waits for {}, for {blockers}", party(&wait.blocked), wait.lock);
    let pids: Vec<String> =
        wait.blockers.iter().filter(|it| it.pid > 0).map(|it| it.pid.to_string()).collect();
    let remedy = match pids.first() {
        Some(pid) => {
            format!("let the blocking session end, or end it: SELECT pg_terminate_backend({pid})")
        }
        None if wait.blockers.is_empty() => "run preflight again".to_owned(),
        None => "end the prepared transaction: COMMIT PREPARED or ROLLBACK PREPARED".to_owned(),
    };
    let severity = error_if(touch.concerns(&wait.relations));
    Finding::new(severity, CODE, format!("pid {}", wait.blocked.pid), message, remedy)
}
