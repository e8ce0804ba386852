//! `standard_conforming_strings`: old dumps switch it off, and every string after that reads
//! differently.

use crate::copy::is_any;
use crate::lexer::Strings;
use crate::token::TokenKind;

const SETTING: &[u8] = b"standard_conforming_strings";

/// What a statement does to the meaning of plain strings after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StringsChange {
    None,
    Session(Strings),
    /// `SET LOCAL`: until the transaction ends.
    Local(Strings),
    /// What `SET LOCAL` did is over.
    TransactionEnd,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Session,
    Local,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Set,
    Reset,
    Discard,
    Assign,
    Value,
    /// ROLLBACK, which `TO` turns into a smaller thing.
    Rollback,
    /// COMMIT and the like, ROLLBACK without a savepoint: decided.
    TransactionEnd,
    Decided(Strings),
    Nothing,
}

/// Reads a SET, RESET, DISCARD or transaction end, beginning after its first word.
pub(crate) struct SettingTracker {
    step: Step,
    scope: Scope,
}

impl SettingTracker {
    /// A tracker for the statement that begins with `word`, when it is one of those.
    pub(crate) fn begin(word: &[u8]) -> Option<Self> {
        let step = if is_any(word, &["set"]) {
            Step::Set
        } else if is_any(word, &["reset"]) {
            Step::Reset
        } else if is_any(word, &["discard"]) {
            Step::Discard
        } else if is_any(word, &["commit", "end", "abort"]) {
            Step::TransactionEnd
        } else if is_any(word, &["rollback"]) {
            Step::Rollback
        } else {
            return None;
        };
        Some(SettingTracker { step, scope: Scope::Session })
    }

    pub(crate) fn token(&mut self, kind: TokenKind, text: &[u8]) {
        self.step = match self.step {
            Step::Set if is_any(text, &["session"]) => Step::Set,
            Step::Set if is_any(text, &["local"]) => {
                self.scope = Scope::Local;
                Step::Set
            }
            Step::Set if is_setting(kind, text) => Step::Assign,
            Step::Reset if is_setting(kind, text) || is_any(text, &["all"]) => {
                Step::Decided(Strings::Standard)
            }
            Step::Discard if is_any(text, &["all"]) => Step::Decided(Strings::Standard),
            Step::Assign if text == b"=" || is_any(text, &["to"]) => Step::Value,
            Step::Value => meaning(text).map_or(Step::Nothing, Step::Decided),
            Step::Rollback if is_any(text, &["to"]) => Step::Nothing,
            kept @ (Step::Rollback | Step::TransactionEnd | Step::Decided(_)) => kept,
            Step::Set | Step::Reset | Step::Discard | Step::Assign | Step::Nothing => Step::Nothing,
        };
    }

    pub(crate) fn outcome(&self) -> StringsChange {
        match (self.step, self.scope) {
            (Step::Decided(strings), Scope::Session) => StringsChange::Session(strings),
            (Step::Decided(strings), Scope::Local) => StringsChange::Local(strings),
            (Step::Rollback | Step::TransactionEnd, _) => StringsChange::TransactionEnd,
            _ => StringsChange::None,
        }
    }
}

fn is_setting(kind: TokenKind, text: &[u8]) -> bool {
    match kind {
        TokenKind::Word => text.eq_ignore_ascii_case(SETTING),
        TokenKind::QuotedIdent => text
            .strip_prefix(b"\"")
            .and_then(|name| name.strip_suffix(b"\""))
            .is_some_and(|name| name.eq_ignore_ascii_case(SETTING)),
        _ => false,
    }
}

/// PostgreSQL's `parse_bool` (`src/backend/utils/adt/bool.c`), the prefixes that it allows
/// included, and DEFAULT.
fn meaning(value: &[u8]) -> Option<Strings> {
    let bare = value.strip_prefix(b"'").unwrap_or(value);
    let bare = bare.strip_suffix(b"'").unwrap_or(bare).trim_ascii();
    const ON: &[&str] = &["on", "t", "tr", "tru", "true", "y", "ye", "yes", "1", "default"];
    const OFF: &[&str] = &["of", "off", "f", "fa", "fal", "fals", "false", "n", "no", "0"];
    if is_any(bare, ON) {
        Some(Strings::Standard)
    } else if is_any(bare, OFF) {
        Some(Strings::Escaping)
    } else {
        None
    }
}
