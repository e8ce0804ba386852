//! The plan: what an apply would do, as a value that can be printed, compared, hashed, stored.

use std::ops::Range;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Checksum, Finding, ForeignKeys, LedgerKind, PlannedHeal, Version, redact_urls};

/// Whether a step's statements and its ledger row are one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind", content = "reason")]
pub enum Boundary {
    /// Statements and ledger row commit together.
    Transactional,
    /// Each statement commits by itself; the text says why.
    NonTransactional(String),
}

impl Boundary {
    /// Whether everything commits together.
    #[must_use]
    pub const fn is_transactional(&self) -> bool {
        matches!(self, Self::Transactional)
    }
}

/// A lock that a statement takes, as far as its text tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedLock {
    /// The mode, as `pg_locks` spells it.
    pub mode: String,
    /// The relation, as the statement writes it.
    pub relation: String,
}

/// Where a statement can run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StatementPlace {
    /// Inside of a transaction and outside of one.
    #[default]
    Anywhere,
    /// Only outside: `CREATE INDEX CONCURRENTLY`, `VACUUM`.
    OutsideOnly,
}

/// What a statement leaves in its session, and no later session has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SessionUse {
    /// Nothing, as far as its text tells.
    #[default]
    Nothing,
    /// A setting.
    Setting,
    /// Something that ends with the session; the text names it, as `a temporary table`.
    Object(&'static str),
}

/// How a statement of a non-transactional step is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementWay {
    /// In a transaction of its own, together with the journal row that says that it finished:
    /// whoever finds the row knows that it is done, and whoever does not, that it is not.
    Atomic,
    /// By itself: it cannot be in a transaction, or opens and ends some of its own.
    Alone,
    /// In a transaction that the script opened; its journal rows are part of that too.
    InScript,
    /// The script's own COMMIT or ROLLBACK.
    EndOfScript,
}

/// Where an interrupted non-transactional step goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// Index (in the file, from 1) of the first statement that is not done; one more than the
    /// last when all are.
    pub from: usize,
    /// Statements that clear away what a half-done statement left, run first.
    pub cleanup: Vec<String>,
    /// What was seen, for people.
    pub told: String,
}

/// One statement of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedStatement {
    /// Position in the migration, from 1.
    pub index: usize,
    /// Line in the file where it starts, from 1.
    pub line: usize,
    /// Column in that line, from 1, in characters.
    pub column: usize,
    /// Bytes of the file that it stands in.
    pub range: Range<usize>,
    /// What is sent.
    pub text: String,
    /// PostgreSQL's command tag without counts, e.g. `ALTER TABLE`.
    pub tag: String,
    /// Locks, as far as the text tells.
    pub locks: Vec<PlannedLock>,
    /// Inline data of a `COPY … FROM stdin`, without the end marker.
    pub copy_data: Option<String>,
    /// Where it can run.
    pub place: StatementPlace,
    /// What it leaves in the session.
    pub session: SessionUse,
}

/// How a statement's text begins, for lists: one line of at most 160 characters, passwords redacted.
#[must_use]
pub fn beginning(text: &str) -> String {
    const SHOWN: usize = 160;
    // A password that begins in what is shown ends long before this.
    let far: String = text.chars().take(20 * SHOWN).collect();
    let line = redact_urls(&far).split_whitespace().collect::<Vec<_>>().join(" ");
    let is_whole = far.len() == text.len() && line.chars().count() <= SHOWN;
    if is_whole {
        return line;
    }
    line.chars().take(SHOWN - 1).chain(['…']).collect()
}

impl PlannedStatement {
    /// SHA-256 of the text and the inline data: what the journal knows a statement by.
    #[must_use]
    pub fn checksum(&self) -> Checksum {
        let data = self.copy_data.as_deref().unwrap_or_default();
        Checksum::sha256(format!("{}\n{data}", self.text).as_bytes())
    }

    /// How it begins, for lists: one line of at most 160 characters, passwords redacted.
    #[must_use]
    pub fn beginning(&self) -> String {
        beginning(&self.text)
    }

    /// Whether it only sets up the session: such a statement has to be run again when a step is
    /// resumed in a new session.
    #[must_use]
    pub fn is_session_setting(&self) -> bool {
        let is_setting = self.session == SessionUse::Setting
            || matches!(self.tag.as_str(), "SET" | "RESET" | "PRAGMA" | "ATTACH" | "DETACH");
        is_setting && !self.is_transaction_setting()
    }

    /// `SET TRANSACTION`: it must be the first statement of its transaction, and ends with it.
    #[must_use]
    pub fn is_transaction_setting(&self) -> bool {
        self.words().take(2).eq(["SET", "TRANSACTION"])
    }

    /// `COMMIT AND CHAIN`, `ROLLBACK AND CHAIN`: it begins another transaction at once.
    #[must_use]
    pub fn chains(&self) -> bool {
        let words: Vec<String> = self.words().collect();
        words.ends_with(&["AND".to_owned(), "CHAIN".to_owned()])
    }

    /// `ROLLBACK TO`: it goes back to a savepoint, and its transaction goes on.
    fn goes_back_to_savepoint(&self) -> bool {
        let mut words = self.words().skip(1).skip_while(|it| it == "WORK" || it == "TRANSACTION");
        words.next().is_some_and(|it| it == "TO")
    }

    /// Its words in upper case: enough for statements that are made of nothing else.
    fn words(&self) -> impl Iterator<Item = String> + '_ {
        self.text.split_whitespace().map(str::to_ascii_uppercase)
    }
}

/// One migration of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The version.
    pub version: Version,
    /// The name.
    pub name: String,
    /// The up file's path.
    pub path: String,
    /// The up file's path inside of the source, as [`crate::Migration::file`].
    pub file: String,
    /// The up file's whole text, for showing an error in its place.
    pub text: String,
    /// The checksum to write into the ledger, where it keeps one.
    pub checksum: Option<Checksum>,
    /// SHA-256 of the up file's bytes, and of the values that are put into it: what the plan's
    /// hash is made of.
    pub sha256: Checksum,
    /// One transaction, or none.
    pub boundary: Boundary,
    /// The statements, in order.
    pub statements: Vec<PlannedStatement>,
    /// Instead of the setting, where the file says so.
    pub lock_timeout: Option<Duration>,
    /// Instead of the setting, where the file says so.
    pub statement_timeout: Option<Duration>,
    /// What becomes of foreign keys meanwhile.
    pub foreign_keys: ForeignKeys,
    /// Pending below the highest applied version.
    pub out_of_order: bool,
    /// Where it goes on, when an earlier run was interrupted in it.
    pub resume: Option<Resume>,
}

impl Step {
    /// How each statement is carried out when the step has no transaction of its own.
    #[must_use]
    pub fn ways(&self) -> Vec<StatementWay> {
        let mut in_script = false;
        let way = |statement: &PlannedStatement| match statement.tag.as_str() {
            "BEGIN" | "START TRANSACTION" => {
                in_script = true;
                StatementWay::Alone
            }
            "ROLLBACK" if in_script && statement.goes_back_to_savepoint() => StatementWay::InScript,
            "COMMIT" | "END" | "ROLLBACK" | "ABORT" if in_script => {
                in_script = statement.chains();
                StatementWay::EndOfScript
            }
            _ if in_script => StatementWay::InScript,
            // Both may commit inside: they cannot be wrapped.
            "CALL" | "DO" | "COMMIT" | "END" | "ROLLBACK" | "ABORT" => StatementWay::Alone,
            _ if statement.is_session_setting() => StatementWay::Alone,
            _ if statement.place == StatementPlace::OutsideOnly => StatementWay::Alone,
            _ => StatementWay::Atomic,
        };
        self.statements.iter().map(way).collect()
    }
}

/// The ordered list of steps that an apply would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Which ledger the rows are written to.
    pub ledger: LedgerKind,
    /// Edits of applied migrations that are healed before the first step, ascending by version.
    pub heals: Vec<PlannedHeal>,
    /// Down scripts of migrations that were begun and are not known to have finished, newest first:
    /// run before the first step, where that is asked for.
    pub downs: Vec<Step>,
    /// The steps, ascending by version.
    pub steps: Vec<Step>,
    /// Warnings and notes; errors are never part of a plan.
    pub findings: Vec<Finding>,
}

impl Plan {
    /// SHA-256 over the heals, the down scripts that come first, and over versions, names, checksums, order and boundaries of the
    /// steps, and where an interrupted one goes on: two plans with one hash do the same. Neither the
    /// ledger's kind nor the role counts. What each field contributes is preceded by its length, and
    /// each part by what it is, so that no two plans spell the same bytes.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        field(b"stopover plan 2");
        for heal in &self.heals {
            field(b"heal");
            field(heal.kind().event().as_bytes());
            field(heal.version.to_string().as_bytes());
            field(heal.before.hex().as_bytes());
            field(heal.after.hex().as_bytes());
        }
        let downs = self.downs.iter().map(|step| (&b"down"[..], step));
        let steps = self.steps.iter().map(|step| (&b"step"[..], step));
        for (part, step) in downs.chain(steps) {
            field(part);
            field(step.version.to_string().as_bytes());
            field(step.name.as_bytes());
            field(step.sha256.hex().as_bytes());
            field(if step.boundary.is_transactional() { b"transactional" } else { b"none" });
            for timeout in [step.lock_timeout, step.statement_timeout] {
                field(timeout.map_or_else(String::new, |it| it.as_millis().to_string()).as_bytes());
            }
            if let Some(resume) = &step.resume {
                field(b"resume");
                field(resume.from.to_string().as_bytes());
                field(resume.cleanup.len().to_string().as_bytes());
                for statement in &resume.cleanup {
                    field(statement.as_bytes());
                }
            }
        }
        Checksum::Sha256(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
            .hex()
            .to_owned()
    }

    /// How many statements all steps have.
    #[must_use]
    pub fn statement_count(&self) -> usize {
        self.steps.iter().map(|step| step.statements.len()).sum()
    }
}
