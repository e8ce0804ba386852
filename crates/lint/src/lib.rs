//! Stopover's linter: findings on migrations that are read and not run.
//!
//! A rehearsal measures what a migration does to the users of one database, and is the better judge
//! wherever there is a backup. The linter says what is known to hurt on some database or other, in
//! a second and without any: it is for the moment when a migration is written.
//!
//! Pure. The grammar and the rules are squawk's, behind one module; which of them are on here, and
//! why, is a catalogue of ours with an example for and against each.

mod catalogue;
mod choice;
mod condensed;
mod squawk;
mod text;

use stopover_model::{Finding, Migration, TransactionMark};

pub use catalogue::{CATALOGUE, Rule};
pub use choice::{Choice, ChoiceError};
pub use condensed::condensed;

use squawk::Ground;

/// The code of the finding on what no rule could look at.
pub const NOT_UNDERSTOOD: &str = "lint-not-understood";

/// What the rules say of a migration's up script, in the order of its text. The subject of each
/// finding is `file:line`.
#[must_use]
pub fn lint(migration: &Migration, choice: &Choice) -> Vec<Finding> {
    let ground = match migration.directives.transaction {
        TransactionMark::Unmarked => Ground::Transaction,
        TransactionMark::NoTransaction(_) => Ground::None,
    };
    let path = &migration.up.path;
    let text = text::running(&migration.up);
    let place = |at: usize| format!("{path}:{}", text::line(&migration.up.text, at));
    match squawk::look(&text, ground, choice) {
        Ok(found) => found.into_iter().map(|it| finding(it, &place, choice)).collect(),
        Err(squawk::BrokeOff) => vec![Finding::error(
            NOT_UNDERSTOOD,
            path.clone(),
            "the linter broke off at this file: no rule has looked at it",
            "rehearse it; and please report the file, or as much of it as does the same",
        )],
    }
}

fn finding(found: squawk::Found, place: &dyn Fn(usize) -> String, choice: &Choice) -> Finding {
    match found {
        squawk::Found::Violation { rule, at, message, help } => {
            let severity = choice.severity(&rule);
            let way = help.or_else(|| catalogue::remedy(&rule).map(str::to_owned));
            let way = way.map(|it| format!("{}; ", it.trim_end_matches('.'))).unwrap_or_default();
            let remedy = format!("{way}where it is meant, `-- squawk-ignore {rule}` above it");
            Finding::new(severity, &rule, place(at), message, remedy)
        }
        squawk::Found::NotUnderstood { at, message } => Finding::new(
            choice.severity(NOT_UNDERSTOOD),
            NOT_UNDERSTOOD,
            place(at),
            format!("the linter's grammar does not know this ({message}): its rules may miss it"),
            "rehearse it: PostgreSQL's own grammar decides",
        ),
    }
}

#[cfg(test)]
mod tests;
