//! `lint`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Finding, TOOL_VERSION};

use super::SCHEMA_VERSION;

/// The document of `lint`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LintReport {
    /// The version of this document's form.
    pub schema_version: u32,
    /// The tool's version.
    pub tool_version: String,
    /// How many migrations were read.
    pub migrations: usize,
    /// The rules that looked, by name.
    pub rules: Vec<String>,
    /// What they found, in the order of the migrations and of their text: the subject is
    /// `file:line`.
    pub findings: Vec<Finding>,
}

impl LintReport {
    /// Of what was found in so many migrations.
    #[must_use]
    pub fn of(migrations: usize, rules: Vec<String>, findings: Vec<Finding>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool_version: TOOL_VERSION.to_owned(),
            migrations,
            rules,
            findings,
        }
    }
}
