//! `[heal]`: what becomes of edits of applied migrations, or `heal = "off"`.

use serde::{Deserialize, Serialize};
use stopover_model::{HarmlessEdit, HealMode, HealPolicy, Version};

/// The setting as it is written.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(
    untagged,
    expecting = "`heal` must be \"off\", or a table with `restamp = true` or `false`, and \
                 `idempotent`, a list of versions"
)]
pub(crate) enum HealSetting {
    /// Nothing is healed.
    Off(Off),
    /// What is healed.
    Table(HealTable),
}

/// The one word that it can be.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Off {
    /// `"off"`
    Off,
}

/// The table `[heal]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HealTable {
    /// Whether the checksum is rewritten after an edit that the database cannot tell.
    restamp: bool,
    /// Migrations that may be run again.
    idempotent: Vec<WrittenVersion>,
}

impl Default for HealTable {
    fn default() -> Self {
        Self { restamp: true, idempotent: Vec::new() }
    }
}

impl Default for HealSetting {
    fn default() -> Self {
        Self::Table(HealTable::default())
    }
}

/// A version as people write it: which of the forms is meant is the layout's.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(untagged)]
enum WrittenVersion {
    Number(i64),
    Text(String),
}

impl WrittenVersion {
    fn readings(&self) -> Vec<Version> {
        let text = match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.trim().to_owned(),
        };
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let integer = Version::integer(&digits);
        let diesels = Version::Text(text.replace('-', ""));
        integer.into_iter().chain([diesels]).chain(Version::flyway(&text)).collect()
    }
}

impl HealSetting {
    /// As the planner takes it.
    pub(super) fn policy(&self) -> HealPolicy {
        match self {
            Self::Off(Off::Off) => HealPolicy { mode: HealMode::Off, ..HealPolicy::default() },
            Self::Table(table) => HealPolicy {
                mode: HealMode::Heal,
                harmless: if table.restamp { HarmlessEdit::Restamp } else { HarmlessEdit::Refuse },
                idempotent: table.idempotent.iter().flat_map(WrittenVersion::readings).collect(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_taken_in_every_layouts_form() {
        let of = |text: &str| WrittenVersion::Text(text.to_owned()).readings();
        assert!(WrittenVersion::Number(9).readings().contains(&Version::Integer(9)));
        assert!(of("009").contains(&Version::Integer(9)));
        assert!(of("2019-02-26-002946").contains(&Version::Text("20190226002946".to_owned())));
        assert!(of("1_2").contains(&Version::flyway("1.2").expect("a version")));
    }
}
