//! Edits of migrations that are applied, and how the ledger is healed of them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Checksum, Migration, Step, Version};

/// How the text of an applied migration differs from the one that was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EditClass {
    /// Byte-order mark, line ends, white space at the ends of lines and of the file.
    LineEndings,
    /// White space and comments.
    Cosmetic,
    /// Something that the database would see.
    Semantic,
    /// What was applied is not known: taken for semantic.
    Unknown,
}

impl EditClass {
    /// Every class, the most harmless first.
    pub const ALL: [Self; 4] = [Self::LineEndings, Self::Cosmetic, Self::Semantic, Self::Unknown];

    /// The kebab-case name, as every output has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LineEndings => "line-endings",
            Self::Cosmetic => "cosmetic",
            Self::Semantic => "semantic",
            Self::Unknown => "unknown",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Whether the database cannot tell the two texts apart.
    #[must_use]
    pub const fn is_harmless(self) -> bool {
        matches!(self, Self::LineEndings | Self::Cosmetic)
    }
}

impl fmt::Display for EditClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What was found out of a migration whose checksum is not the ledger's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The migration.
    pub version: Version,
    /// What the edit is.
    pub class: EditClass,
    /// Where what was applied was found; of an unknown one, where it was looked for in vain.
    pub found: String,
}

/// Whether heals are carried out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HealMode {
    /// They are.
    #[default]
    Heal,
    /// What would be healed is a warning, and nothing is changed: a rehearsal's.
    Report,
    /// Every edit is refused.
    Off,
}

/// What becomes of an edit that the database could not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HarmlessEdit {
    /// The ledger's checksum is rewritten, and nothing is run.
    #[default]
    Restamp,
    /// It is refused.
    Refuse,
}

/// How edits of applied migrations are healed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealPolicy {
    /// Whether heals are carried out.
    pub mode: HealMode,
    /// What becomes of line ends and comments.
    pub harmless: HarmlessEdit,
    /// Migrations that may be run again, after a proof on a copy: those that are named here, and
    /// those whose file says `-- stopover: idempotent`.
    pub idempotent: Vec<Version>,
}

/// What is done about an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealKind {
    /// The ledger's checksum is rewritten, and nothing is run.
    Restamp,
    /// The migration is run again, in one transaction with its row, after a proof on a copy.
    Rerun,
}

impl HealKind {
    /// As the journal's column names the event.
    #[must_use]
    pub const fn event(self) -> &'static str {
        match self {
            Self::Restamp => "restamped",
            Self::Rerun => "rerun",
        }
    }

    /// Reads the journal's name of the event.
    #[must_use]
    pub fn of_event(event: &str) -> Option<Self> {
        [Self::Restamp, Self::Rerun].into_iter().find(|it| it.event() == event)
    }
}

/// How a heal is to be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealWay {
    /// See [`HealKind::Restamp`].
    Restamp,
    /// See [`HealKind::Rerun`].
    Rerun(Box<Step>),
}

/// One heal of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedHeal {
    /// The migration.
    pub version: Version,
    /// Its name.
    pub name: String,
    /// Its file's path.
    pub path: String,
    /// What the edit is.
    pub class: EditClass,
    /// Where what was applied was found, or was not.
    pub found: String,
    /// The ledger's checksum.
    pub before: Checksum,
    /// The file's.
    pub after: Checksum,
    /// The file's whole text: what the journal keeps from now on.
    pub text: String,
    /// How.
    pub way: HealWay,
}

impl PlannedHeal {
    /// Which kind of heal.
    #[must_use]
    pub const fn kind(&self) -> HealKind {
        match self.way {
            HealWay::Restamp => HealKind::Restamp,
            HealWay::Rerun(_) => HealKind::Rerun,
        }
    }
}

/// A heal that was carried out, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Healed {
    /// The migration.
    pub version: Version,
    /// Its name.
    pub name: Option<String>,
    /// What the edit was; null where the journal's line does not say.
    pub class: Option<EditClass>,
    /// What was done.
    pub way: HealKind,
    /// The ledger's checksum before.
    pub checksum_before: Option<String>,
    /// The ledger's checksum afterwards.
    pub checksum_after: Option<String>,
    /// When.
    pub at: Option<jiff::Timestamp>,
    /// Who: the database's role, of SQLite the system's user.
    pub by: Option<String>,
    /// What the class was told by, and the proof.
    pub detail: Option<String>,
}

impl Healed {
    /// The journal's text of a heal: the class first, so that it is read back.
    #[must_use]
    pub fn told(class: EditClass, how: &str) -> String {
        format!("{class}; {how}")
    }

    /// The class that such a text begins with.
    #[must_use]
    pub fn class_of(told: &str) -> Option<EditClass> {
        EditClass::parse(told.split(';').next().unwrap_or_default().trim())
    }
}

/// What a search for an older text came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Past {
    /// It is there.
    Found {
        /// The text.
        text: String,
        /// Where, as a person would look it up.
        at: String,
    },
    /// It is not; where it was looked for, or why it could not be looked for.
    NotFound(String),
}

/// Knows older texts of migrations' files. It may take a moment, and is only asked where a
/// checksum does not fit.
pub trait History: fmt::Debug + Send + Sync {
    /// Goes through the older texts of a migration's file, the newest first, until `wanted` makes
    /// something of one.
    fn find(&self, migration: &Migration, wanted: &dyn Fn(&str) -> Option<String>) -> Past;
}

/// No history, and why.
#[derive(Debug, Clone, Copy)]
pub struct NoHistory(pub &'static str);

impl History for NoHistory {
    fn find(&self, _: &Migration, _: &dyn Fn(&str) -> Option<String>) -> Past {
        Past::NotFound(self.0.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journals_text_gives_its_class_back() {
        for class in EditClass::ALL {
            assert_eq!(Healed::class_of(&Healed::told(class, "as of 1a2b; more")), Some(class));
        }
        assert_eq!(Healed::class_of("somebody wrote this"), None);
    }

    #[test]
    fn only_white_space_and_comments_are_harmless() {
        let harmless: Vec<_> = EditClass::ALL.into_iter().filter(|it| it.is_harmless()).collect();
        assert_eq!(harmless, [EditClass::LineEndings, EditClass::Cosmetic]);
        for kind in [HealKind::Restamp, HealKind::Rerun] {
            assert_eq!(HealKind::of_event(kind.event()), Some(kind));
        }
    }
}
