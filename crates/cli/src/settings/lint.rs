//! `[lint]`: which rules look at which migrations.

use serde::{Deserialize, Serialize};

/// As it is written.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LintSettings {
    /// Only what comes after this version.
    pub(crate) since: Option<String>,
    /// Rules that are on besides.
    pub(crate) on: Vec<String>,
    /// Rules that are off.
    pub(crate) off: Vec<String>,
    /// Rules whose findings are errors.
    pub(crate) deny: Vec<String>,
    /// The server's version.
    pub(crate) postgres: Option<String>,
}
