//! A non-transactional migration that was interrupted: what the journal says, what the catalog
//! says, and what follows.

use crate::{Checksum, Resume, Version};

/// One line of the journal, of a migration that is not settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalEntry {
    /// It has begun, and none of its statements has.
    Begun,
    /// A statement was about to run.
    Started {
        /// Its index in the file, from 1.
        statement: usize,
        /// [`crate::PlannedStatement::checksum`]; `None` where the journal does not know it.
        checksum: Option<Checksum>,
    },
    /// It ended well.
    Finished {
        /// Its index in the file, from 1.
        statement: usize,
        /// As above.
        checksum: Option<Checksum>,
    },
    /// Its down script was begun outside of a transaction: what the lines before say may be undone.
    TakingBack,
    /// The server refused it, or it was stopped.
    Failed {
        /// Its index in the file, from 1; `None` where it was not a statement that failed.
        statement: Option<usize>,
        /// Whether the server refused it: what it began is rolled back then.
        refused: bool,
    },
}

/// What the journal says of an interrupted migration, oldest line first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interrupted {
    /// The lines since it was last settled. Empty where there is no journal of it.
    pub entries: Vec<JournalEntry>,
}

/// What follows when the remains of a half-done statement are cleared away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterCleanup {
    /// The statement runs again.
    RunAgain,
    /// The clearing away has finished it.
    Done,
}

/// What the catalog says of one statement of which nobody knows whether it finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementState {
    /// What it makes is there, whole.
    Done(String),
    /// What it makes is not there, or running it once more does no harm.
    Absent(String),
    /// It left something behind that must be cleared away before it can run again.
    HalfDone {
        /// What was seen.
        saw: String,
        /// What clears it away.
        cleanup: Vec<String>,
        /// What follows when that is done.
        then: AfterCleanup,
    },
    /// The catalog cannot tell.
    Unknown(String),
}

/// What follows for one interrupted migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovery {
    /// It goes on.
    Resumes(Version, Resume),
    /// Somebody has to decide; the text says what was seen.
    Undecided(Version, String),
}

impl Recovery {
    /// The migration.
    #[must_use]
    pub const fn version(&self) -> &Version {
        match self {
            Self::Resumes(version, _) | Self::Undecided(version, _) => version,
        }
    }
}
