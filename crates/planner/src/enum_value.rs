//! `ALTER TYPE … ADD VALUE` and a use of the new value in one transaction, which PostgreSQL
//! refuses with 55P04 ("New enum values must be committed before they can be used").
//!
//! A hint and no proof: a string that equals the value may be something else.

use stopover_model::{Finding, Migration};
use stopover_sql::{Statement, TokenKind, tokens};

use crate::script::place;

/// A warning for each later statement that holds the literal of a value that was added before.
pub(crate) fn used_too_early(migration: &Migration, statements: &[Statement]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, adding) in statements.iter().enumerate() {
        let Some(value) = added_value(adding) else { continue };
        for user in statements[at + 1..].iter().filter(|it| uses(it, value)) {
            let place = place(migration, user);
            findings.push(Finding::warning(
                "enum-value",
                place.clone(),
                format!(
                    "{place}: {value} is a value that line {} adds to an enum: PostgreSQL does \
                     not let it be used in the same transaction",
                    adding.line
                ),
                "move the ALTER TYPE into a migration of its own before this one",
            ));
        }
    }
    findings
}

/// The literal that an `ALTER TYPE … ADD VALUE` adds, with its quotes: its first string.
fn added_value(statement: &Statement) -> Option<&str> {
    statement.classification.caveat.as_ref()?;
    tokens(&statement.text).find(|it| it.kind == TokenKind::String).map(|it| it.text)
}

fn uses(statement: &Statement, value: &str) -> bool {
    // The next ADD VALUE may name the value as a neighbour (BEFORE, AFTER): that is allowed.
    statement.classification.caveat.is_none()
        && tokens(&statement.text).any(|it| it.kind == TokenKind::String && it.text == value)
}
