//! `carry`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Finding, TOOL_VERSION};

use super::SCHEMA_VERSION;

/// How a carry ended. Its text is a contract: callbacks and the report give out exactly this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CarryOutcome {
    /// Nothing failed, and the comparison found nothing.
    Success,
    /// So many statements still fail; everything else is there.
    Partial(usize),
    /// It could not be done; the text says why.
    Failed(String),
    /// The time was over: the half-copied schemas were dropped.
    TimeoutSkipped,
    /// Nobody acknowledged the outcome: what the other side believes is not known.
    Unknown,
}

impl fmt::Display for CarryOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => f.write_str("success"),
            Self::Partial(errors) => write!(f, "partial: {errors} statement error(s)"),
            Self::Failed(reason) => write!(f, "failed: {reason}"),
            Self::TimeoutSkipped => f.write_str("timeout-skipped"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl std::str::FromStr for CarryOutcome {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some(reason) = text.strip_prefix("failed: ") {
            return Ok(Self::Failed(reason.to_owned()));
        }
        if let Some(rest) = text.strip_prefix("partial: ") {
            let count = rest.strip_suffix(" statement error(s)").ok_or(())?;
            return count.parse().map(Self::Partial).map_err(|_| ());
        }
        match text {
            "success" => Ok(Self::Success),
            "timeout-skipped" => Ok(Self::TimeoutSkipped),
            "unknown" => Ok(Self::Unknown),
            _ => Err(()),
        }
    }
}

/// What became of one schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CarriedState {
    /// All of it is in the target.
    Complete,
    /// Some of it is in the target.
    Partial,
    /// It is not in the source: the target's was left as it is.
    MissingInSource,
    /// Nothing of it is in the target: it was dropped again.
    Dropped,
    /// The target's was left as it was.
    Untouched,
    /// Some of it may be in the target: nobody could drop it again.
    HalfCopied,
}

/// One of the schemas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CarriedSchema {
    /// Its name, unquoted.
    pub name: String,
    /// What became of it.
    pub state: CarriedState,
}

/// A statement that still failed in the last pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CarryError {
    /// The statement, or its beginning where it is long.
    pub statement: String,
    /// What it was to make or change.
    pub object: String,
    /// Five characters.
    pub sqlstate: Option<String>,
    /// The server's message.
    pub message: String,
    /// The server's detail.
    pub detail: Option<String>,
    /// The server's hint.
    pub hint: Option<String>,
    /// What is not in the target because of it: the object itself, and what depends on it.
    pub lost: Vec<String>,
}

/// The rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CarriedTable {
    /// Its qualified name, as SQL writes it.
    pub relation: String,
    /// Rows that the source gave; null where nothing was read.
    pub rows_from: Option<u64>,
    /// Rows counted in the target; null where the table is not there.
    pub rows_to: Option<u64>,
    /// Bytes of its rows as text, as they were passed on.
    pub bytes: u64,
}

/// Objects, counted: as the canonical schema tells them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CarriedObjects {
    /// In the source.
    pub source: usize,
    /// In the target, the same as in the source.
    pub same: usize,
    /// In the target, with another definition.
    pub changed: usize,
    /// Not in the target.
    pub lost: usize,
}

/// What was told to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CarryCallback {
    /// To which address; passwords are hidden.
    pub url: String,
    /// The outcome that was told.
    pub outcome: String,
    /// Whether it was acknowledged.
    pub acknowledged: bool,
    /// How often it was told.
    pub attempts: u32,
    /// What kept the last try from being acknowledged; null where it was.
    pub error: Option<String>,
}

/// The document of `carry`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CarryReport {
    /// The version of this document's form.
    pub schema_version: u32,
    /// The tool's version.
    pub tool_version: String,
    /// `success`, `partial: N statement error(s)`, `failed: REASON`, `timeout-skipped`, `unknown`.
    pub outcome: String,
    /// The source; never a password.
    pub from: String,
    /// The target; never a password.
    pub to: String,
    /// The schemas, in the order in which they were named.
    pub schemas: Vec<CarriedSchema>,
    /// Statements that still failed in the last pass, in the order of the definitions.
    pub errors: Vec<CarryError>,
    /// Passes over what had failed.
    pub passes: usize,
    /// Objects, counted; null where the comparison was not reached.
    pub objects: Option<CarriedObjects>,
    /// Every table of the source, sorted by name.
    pub tables: Vec<CarriedTable>,
    /// The callback; null where none was asked for.
    pub callback: Option<CarryCallback>,
    /// How long it took.
    pub duration_ms: f64,
    /// What else is worth knowing.
    pub findings: Vec<Finding>,
}

impl CarryReport {
    /// The report of a carry that has not begun.
    #[must_use]
    pub fn new(from: String, to: String) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool_version: TOOL_VERSION.to_owned(),
            outcome: String::new(),
            from,
            to,
            schemas: Vec::new(),
            errors: Vec::new(),
            passes: 0,
            objects: None,
            tables: Vec::new(),
            callback: None,
            duration_ms: 0.0,
            findings: Vec::new(),
        }
    }

    /// The outcome as a value; `None` where its text is none of the known ones.
    #[must_use]
    pub fn ending(&self) -> Option<CarryOutcome> {
        self.outcome.parse().ok()
    }

    /// Rows that are in the target.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().filter_map(|it| it.rows_to).sum()
    }

    /// Bytes that were passed on.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tables.iter().map(|it| it.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_read_as_it_is_written() {
        let outcomes = [
            (CarryOutcome::Success, "success"),
            (CarryOutcome::Partial(3), "partial: 3 statement error(s)"),
            (CarryOutcome::Failed("source: gone".to_owned()), "failed: source: gone"),
            (CarryOutcome::TimeoutSkipped, "timeout-skipped"),
            (CarryOutcome::Unknown, "unknown"),
        ];
        for (outcome, text) in outcomes {
            assert_eq!(outcome.to_string(), text);
            assert_eq!(text.parse(), Ok(outcome));
        }
        assert_eq!("partial: many".parse::<CarryOutcome>(), Err(()));
    }
}
