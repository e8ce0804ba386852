//! Which rules are on, and how bad each is.

use std::collections::BTreeSet;

use stopover_model::Severity;

use crate::NOT_UNDERSTOOD;
use crate::catalogue::CATALOGUE;
use crate::squawk;

/// Stands for every rule that is on.
const ALL: &str = "all";

/// The rules that look, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    on: BTreeSet<String>,
    denied: BTreeSet<String>,
    version: Option<String>,
}

/// What is wrong with a choice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// There is no such rule.
    #[error("`{0}` is no rule of the linter")]
    Rule(String),
    /// A version is not one.
    #[error("`{0}` is no version of PostgreSQL")]
    Version(String),
}

impl Default for Choice {
    fn default() -> Self {
        let on = CATALOGUE.iter().map(|it| it.name.to_owned()).collect();
        Self { on, denied: BTreeSet::new(), version: None }
    }
}

impl Choice {
    /// The catalogue's rules and those of `on`, less those of `off`. Those of `deny` are errors and
    /// not warnings; `all` denies all that are on, and what they cannot look at. `version` is the server's: some advice is for
    /// newer or older ones.
    ///
    /// # Errors
    /// Where a rule or the version is none.
    pub fn new(
        on: &[String],
        off: &[String],
        deny: &[String],
        version: Option<&str>,
    ) -> Result<Self, ChoiceError> {
        let named = on.iter().chain(off).chain(deny.iter().filter(|it| *it != ALL));
        if let Some(unknown) = named.into_iter().find(|it| !squawk::is_known(it)) {
            return Err(ChoiceError::Rule(unknown.clone()));
        }
        if let Some(version) = version.filter(|it| !squawk::is_version(it)) {
            return Err(ChoiceError::Version(version.to_owned()));
        }
        let mut choice = Self { version: version.map(str::to_owned), ..Self::default() };
        choice.on.extend(on.iter().cloned());
        choice.on.extend(deny.iter().filter(|it| *it != ALL).cloned());
        choice.on.retain(|it| !off.contains(it));
        let is_denied = |it: &&String| deny.contains(it) || deny.iter().any(|all| all == ALL);
        choice.denied = choice.on.iter().filter(is_denied).cloned().collect();
        if deny.iter().any(|it| it == ALL) {
            choice.denied.insert(NOT_UNDERSTOOD.to_owned());
        }
        Ok(choice)
    }

    /// The names of the rules that are on, sorted.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.on.iter().map(String::as_str)
    }

    pub(crate) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    pub(crate) fn severity(&self, rule: &str) -> Severity {
        if self.denied.contains(rule) { Severity::Error } else { Severity::Warning }
    }
}
