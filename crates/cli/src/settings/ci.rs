//! `[ci]`: what is asked of the migrations on an empty database.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{BadValue, Settings, duration};

/// As it is written.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CiSettings {
    /// Longest time for one migration.
    pub(crate) migration_time: String,
    /// Longest time for trying what lies below a migration that cannot be taken back.
    pub(crate) below: String,
    /// Whether the migrations are taken back.
    pub(crate) down: bool,
    /// Whether the linter looks at them.
    pub(crate) lint: bool,
    /// Roles that the migrations name and do not make.
    pub(crate) roles: Vec<String>,
}

impl Default for CiSettings {
    fn default() -> Self {
        Self {
            migration_time: "30s".to_owned(),
            below: "1min".to_owned(),
            down: true,
            lint: true,
            roles: Vec::new(),
        }
    }
}

impl Settings {
    /// Longest time for one migration.
    pub(crate) fn migration_time(&self) -> Result<Duration, BadValue> {
        duration("ci.migration_time", &self.ci.migration_time)
    }

    /// Longest time for trying what lies below a migration that cannot be taken back.
    pub(crate) fn below(&self) -> Result<Duration, BadValue> {
        duration("ci.below", &self.ci.below)
    }
}
