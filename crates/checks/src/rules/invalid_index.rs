//! `invalid-index`: an index that costs each write, and helps no query.

use stopover_model::harness::InvalidIndex;
use stopover_model::{Finding, Severity};

use crate::judged::Judged;
use crate::{PostflightFacts, PreflightFacts};

const CODE: &str = "invalid-index";

/// Before an apply it is nobody's fault, and in nobody's way.
pub(crate) fn before(facts: &PreflightFacts<'_>) -> Judged {
    Judged::of(CODE, "indexes", &facts.around.invalid_indexes, |indexes| {
        indexes.iter().map(|it| found(it, Severity::Warning)).collect()
    })
}

/// After it, it is what was to be made and is not there.
pub(crate) fn after(facts: &PostflightFacts<'_>) -> Judged {
    let severity = |it: &InvalidIndex| match facts.broken_before.contains(&subject(it)) {
        true => Severity::Warning,
        false => Severity::Error,
    };
    Judged::of(CODE, "indexes", &facts.health.invalid_indexes, |indexes| {
        indexes.iter().map(|it| found(it, severity(it))).collect()
    })
}

/// How it is named among what did not work before.
pub(crate) fn subject(index: &InvalidIndex) -> String {
    format!("index {}", index.index)
}

fn found(it: &InvalidIndex, severity: Severity) -> Finding {
    let InvalidIndex { index, table, .. } = it;
    let (message, remedy) = if it.is_partitioned {
        (
            format!(
                "the index {index} of the partitioned table {table} is not valid: a partition lacks its part"
            ),
            "create the index on each partition, and attach it: ALTER INDEX … ATTACH PARTITION …"
                .to_owned(),
        )
    } else {
        (
            format!(
                "the index {index} of {table} is not valid: CREATE INDEX CONCURRENTLY failed, or is still at it"
            ),
            format!(
                "REINDEX INDEX CONCURRENTLY {index}, or DROP INDEX CONCURRENTLY {index} and create \
                 it again"
            ),
        )
    };
    Finding::new(severity, CODE, index.clone(), message, remedy)
}
