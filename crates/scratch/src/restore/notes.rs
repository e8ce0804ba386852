//! What was changed, left out or forgiven while restoring: counted, with an example of each.

use std::collections::BTreeMap;

use stopover_model::{DatabaseError, Finding, sqlstate};

use super::policy::{Note, Tolerance};

/// How many subjects of a kind are named.
const NAMED: usize = 5;

/// An error that a restore always brings somewhere and that changes nothing of weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KnownError {
    /// The dump sets something that this server's version does not know.
    UnknownSetting,
    /// A dump of `pg_dump --clean` drops what a fresh database has not got.
    NothingToDrop,
    /// Rights on what belongs to the server or to an extension stay as they are.
    ForeignGrant,
    /// `CREATE SCHEMA public`: it is there.
    SchemaExists,
    /// A materialized view reads foreign tables, which reach nothing here, and stays empty.
    UnreachableView,
    /// An owner that only a superuser could be or set.
    Owner,
    /// Owners and rights of roles that are not on a given server, or not ours.
    AbsentRole,
    /// What needs a superuser, where the role of a given server is none.
    NeedsSuperuser,
}

impl KnownError {
    /// What kind of known error a statement's error is; `None`: an unknown one.
    pub(super) fn of(tolerance: Tolerance, error: &DatabaseError) -> Option<Self> {
        // Names: undefined_object, undefined_table, undefined_function, invalid_schema_name.
        const ABSENT: [&str; 4] = ["42704", "42P01", "42883", "3F000"];
        let denied = error.is(sqlstate::INSUFFICIENT_PRIVILEGE);
        let known = match tolerance {
            Tolerance::Nothing => return None,
            Tolerance::UnknownSetting => (error.is("42704"), Self::UnknownSetting),
            Tolerance::NothingToDrop => {
                (denied || ABSENT.iter().any(|code| error.is(code)), Self::NothingToDrop)
            }
            Tolerance::ForeignGrant => (denied, Self::ForeignGrant),
            Tolerance::SchemaExists => (error.is("42P06"), Self::SchemaExists),
            Tolerance::SuperuserOwner => (denied, Self::Owner),
            // object_not_in_prerequisite_state: no handler, or a view that is itself empty.
            Tolerance::UnreachableView => (error.is("55000"), Self::UnreachableView),
            Tolerance::AbsentRole => {
                (denied || ABSENT.iter().any(|code| error.is(code)), Self::AbsentRole)
            }
            Tolerance::NeedsSuperuser => (denied, Self::NeedsSuperuser),
        };
        known.0.then_some(known.1)
    }

    fn describe(self) -> (&'static str, &'static str) {
        match self {
            Self::UnknownSetting => {
                ("restore-unknown-setting", "settings that this server does not know were left out")
            }
            Self::NothingToDrop => {
                ("restore-nothing-to-drop", "what the dump drops first was not there")
            }
            Self::ForeignGrant => (
                "restore-foreign-grant",
                "rights on objects of the server or of extensions were left as they are",
            ),
            Self::SchemaExists => ("restore-schema-exists", "the schema public was there already"),
            Self::UnreachableView => (
                "restore-unreachable-view",
                "materialized views that read foreign tables stay empty: foreign tables reach \
                 nothing here",
            ),
            Self::AbsentRole => (
                "restore-absent-role",
                "owners and rights of roles that the given server has not got were left out",
            ),
            Self::NeedsSuperuser => (
                "restore-needs-superuser",
                "what needs a superuser was left out: the given role is none",
            ),
            Self::Owner => {
                ("restore-owner", "an owner that would have to be a superuser was not set")
            }
        }
    }
}

fn describe(note: Note) -> (&'static str, &'static str) {
    match note {
        Note::Subscription => (
            "restore-subscription-skipped",
            "subscriptions were not made: they would connect to production",
        ),
        Note::EventTrigger => {
            ("restore-event-trigger-disabled", "event triggers are there, but disabled")
        }
        Note::SecurityLabel => {
            ("restore-security-label-skipped", "security labels were left out: no provider here")
        }
        Note::Tablespace => {
            ("restore-tablespace-changed", "tablespaces are not kept: all is in the default one")
        }
        Note::DatabaseComment => {
            ("restore-database-comment-skipped", "comments on databases were left out")
        }
        Note::Authorization => {
            ("restore-authorization-skipped", "everything belongs to one role on a given server")
        }
        Note::SuperuserOwner => (
            "restore-superuser-owner",
            "what only a superuser may own stays with the scratch server's superuser",
        ),
    }
}

/// Counts and examples, by kind.
#[derive(Debug, Default)]
pub(super) struct Notes {
    noted: BTreeMap<Note, Counted>,
    known: BTreeMap<KnownError, Counted>,
    own: Vec<Finding>,
}

#[derive(Debug, Default)]
struct Counted {
    count: u64,
    examples: Vec<String>,
}

impl Counted {
    fn add(&mut self, example: &str) {
        self.count += 1;
        if self.examples.len() < NAMED {
            self.examples.push(example.to_owned());
        }
    }

    fn finding(&self, (code, message): (&str, &str)) -> Finding {
        let more = self.count.saturating_sub(self.examples.len() as u64);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let subject = format!("{}{more}", self.examples.join("; "));
        Finding::note(code, subject, format!("{message} ({})", self.count), "")
    }
}

impl Notes {
    pub(super) fn note(&mut self, note: Note, statement: &str) {
        self.noted.entry(note).or_default().add(statement);
    }

    pub(super) fn forgive(&mut self, known: KnownError, statement: &str) {
        self.known.entry(known).or_default().add(statement);
    }

    pub(super) fn add(&mut self, code: &str, subject: String, message: &str) {
        self.own.push(Finding::note(code, subject, message, ""));
    }

    /// All of them as findings, and the known errors with their counts.
    pub(super) fn into_findings(self) -> (Vec<Finding>, Vec<(KnownError, u64)>) {
        let noted = self.noted.iter().map(|(note, it)| it.finding(describe(*note)));
        let known = self.known.iter().map(|(known, it)| it.finding(known.describe()));
        let findings = noted.chain(known).chain(self.own).collect();
        (findings, self.known.into_iter().map(|(known, it)| (known, it.count)).collect())
    }
}
