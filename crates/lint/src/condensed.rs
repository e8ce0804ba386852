//! Many findings of one rule as one: a source of hundreds of migrations has hundreds of them, all
//! applied long ago, and among them nobody sees the one that is new.

use std::collections::BTreeMap;

use stopover_model::{Finding, Severity};

/// So many of a rule stand for themselves.
const FEW: usize = 3;

/// The findings, in their order; of a rule that found more than a few places, one that names the
/// last of them and says how many there are. Errors stay as they are.
#[must_use]
pub fn condensed(findings: Vec<Finding>) -> Vec<Finding> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for finding in findings.iter().filter(|it| it.severity != Severity::Error) {
        *counts.entry(finding.code.clone()).or_default() += 1;
    }
    let mut left = counts.clone();
    let kept = findings.into_iter().filter_map(|finding| {
        let many = counts.get(&finding.code).copied().filter(|it| *it > FEW);
        let Some(many) = many.filter(|_| finding.severity != Severity::Error) else {
            return Some(finding);
        };
        let left = left.get_mut(&finding.code)?;
        *left -= 1;
        (*left == 0).then(|| Finding {
            message: format!("{} (and {} places before it)", finding.message, many - 1),
            remedy: format!(
                "{}; `stopover lint` lists all, and `lint.since` leaves out what is applied",
                finding.remedy
            ),
            ..finding
        })
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(severity: Severity, code: &str, count: usize) -> Vec<Finding> {
        (1..=count)
            .map(|at| Finding::new(severity, code, format!("f:{at}"), "found", "mend it"))
            .collect()
    }

    #[test]
    fn few_stand_for_themselves_and_of_many_the_last_stands_for_all() {
        let few = findings(Severity::Warning, "few", FEW);
        let errors = findings(Severity::Error, "many", 9);
        let all = [few.clone(), findings(Severity::Warning, "many", 9), errors.clone()].concat();
        let condensed = condensed(all);
        assert_eq!(condensed[..FEW], few);
        assert_eq!(condensed[FEW].subject, "f:9");
        assert_eq!(condensed[FEW].message, "found (and 8 places before it)");
        assert_eq!(condensed[FEW + 1..], errors);
    }
}
