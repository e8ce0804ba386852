//! squawk's grammar and rules: the only module that knows them. They promise no stability.

use std::panic::{AssertUnwindSafe, catch_unwind};

use squawk_linter::{Linter, LinterSettings};
use squawk_syntax::SourceFile;

use crate::Choice;

/// How a script is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// In a transaction: what it makes, nobody else sees before it is whole.
    Transaction,
    /// Statement by statement.
    None,
}

/// One thing that was found, at a byte of the text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Violation { rule: String, at: usize, message: String, help: Option<String> },
    NotUnderstood { at: usize, message: String },
}

/// The parser or a rule panicked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BrokeOff;

/// Every rule of squawk's, by its name.
pub(crate) fn is_known(rule: &str) -> bool {
    squawk_linter::Rule::try_from(rule).is_ok()
}

/// A server's version as squawk writes it: `15`, `16.2`.
pub(crate) fn is_version(version: &str) -> bool {
    version.parse::<squawk_linter::Version>().is_ok()
}

/// What the chosen rules say of `text`, in its order.
pub(crate) fn look(text: &str, ground: Ground, choice: &Choice) -> Result<Vec<Found>, BrokeOff> {
    // Nothing of ours is changed in there, and what it made goes with it.
    catch_unwind(AssertUnwindSafe(|| found(text, ground, choice))).map_err(|_| BrokeOff)
}

fn found(text: &str, ground: Ground, choice: &Choice) -> Vec<Found> {
    let parsed = SourceFile::parse(text);
    let rules = choice.rules().filter_map(|it| squawk_linter::Rule::try_from(it).ok());
    let mut linter = Linter::from(rules);
    linter.settings = LinterSettings {
        pg_version: choice.version().and_then(|it| it.parse().ok()).unwrap_or_default(),
        assume_in_transaction: ground == Ground::Transaction,
    };
    let violations = linter.lint(&parsed, text).into_iter().map(|it| Found::Violation {
        rule: it.code.to_string(),
        at: it.text_range.start().into(),
        message: it.message,
        help: it.help,
    });
    let mut errors = parsed.errors();
    errors.sort_by_key(|it| it.range().start());
    let unknown = errors.into_iter().map(|it| Found::NotUnderstood {
        at: it.range().start().into(),
        message: it.message().to_owned(),
    });
    let mut all: Vec<Found> = unknown.chain(violations).collect();
    all.sort_by_key(|it| match it {
        Found::Violation { at, .. } | Found::NotUnderstood { at, .. } => *at,
    });
    all
}
