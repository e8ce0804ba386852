//! What is done with each statement of a dump. Pure: statement and phase in, decision out.
//!
//! A dump is hostile input. All of its code (functions, DO blocks, queries, expressions) runs in
//! the session of a role made for it, which owns the scratch database and nothing else. The few
//! statements that need a superuser and run no code of the dump's are executed by another session;
//! [`elevate`] knows their forms. Nothing here looks at what a server answered.

mod elevate;
mod prologue;
pub(super) mod reading;
mod roles;

use prologue::{keeps_prologue, tolerance};
use reading::Reading;
use stopover_sql::Strings;

/// Whether the dump has created anything that code could hide in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Only settings, schemas, collations and extensions so far. An extension's script, which runs
    /// as a superuser, cannot meet an object of the dump's.
    Prologue,
    /// Anything may be there.
    Body,
}

/// What to do with a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Execute it as the restoring role.
    Plain,
    /// Execute it as a superuser.
    Elevated,
    /// Execute it as the restoring role; where that is refused, as a superuser.
    PlainElseElevated,
    /// Create an operator class or family as a superuser, and give it to the restoring role.
    OperatorClass(String),
    /// `SET search_path`: for both sessions.
    SearchPath,
    /// `SET client_encoding`: the encoding of what follows.
    Encoding(String),
    /// Create an extension, in a schema.
    Extension {
        /// Its name.
        name: String,
        /// The schema, where the dump names one.
        schema: Option<String>,
    },
    /// Create an event trigger, and disable it in the same transaction.
    EventTrigger(String),
    /// Create a foreign-data wrapper without its functions.
    Wrapper {
        /// Its name.
        name: String,
        /// `OPTIONS (…)`, or nothing.
        options: String,
    },
    /// Act as a role, or (`None`) as the restoring role again.
    ActAs(Option<String>),
    /// Execute something else in its place, and say so.
    Instead(&'static str, Note),
    /// Leave it out, and say so.
    Skip(Note),
    /// Stop: the restore is red.
    Refuse(Refusal),
}

/// Why a statement is left out or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Note {
    /// A subscription would connect to production's publisher.
    Subscription,
    /// An event trigger stays disabled.
    EventTrigger,
    /// Security labels need their provider's library.
    SecurityLabel,
    /// There are no tablespaces here.
    Tablespace,
    /// A comment on a database that is not this one.
    DatabaseComment,
    /// What only a superuser may own stays with the superuser.
    SuperuserOwner,
    /// On a given server everything belongs to one role.
    Authorization,
}

/// Why a statement stops the restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `CREATE DATABASE` and the like: a dump of `pg_dump --create`.
    CreatesDatabase,
    /// `CREATE ROLE` and the like: no dump of one database has them.
    ChangesRoles,
    /// `CREATE EXTENSION` after other objects.
    LateExtension,
    /// Ownership for a role that the server itself gives a meaning.
    ReservedOwner,
}

/// Which errors of a statement are known to be harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tolerance {
    /// None.
    Nothing,
    /// A setting that this server does not know.
    UnknownSetting,
    /// What is to be dropped is not there (`pg_dump --clean`).
    NothingToDrop,
    /// Rights on something that belongs to an extension or to the server.
    ForeignGrant,
    /// `CREATE SCHEMA public`.
    SchemaExists,
    /// An owner that would have to be a superuser.
    SuperuserOwner,
    /// A materialized view over foreign tables.
    UnreachableView,
    /// An owner or rights for a role that a given server has not got, or that is not ours.
    AbsentRole,
    /// What only a superuser may do, where we are none.
    NeedsSuperuser,
}

/// The decision on one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) disposition: Disposition,
    /// Roles that must be there before.
    pub(crate) roles: Vec<String>,
    pub(crate) tolerance: Tolerance,
    /// The phase after it.
    pub(crate) phase: Phase,
}

/// Decides on a statement. `strings` is how its plain strings are read.
pub(crate) fn judge(text: &str, strings: Strings, phase: Phase) -> Judgement {
    if is_data(text) {
        return Judgement::plain();
    }
    let reading = Reading::of(text);
    let mut disposition = dispose(&reading, phase);
    // The superuser's session reads strings by the standard; a statement whose strings have
    // another meaning to the dump is not for it.
    let elevated = matches!(
        disposition,
        Disposition::Elevated | Disposition::EventTrigger(_) | Disposition::Wrapper { .. }
    );
    if elevated && strings != Strings::Standard && text.contains('\\') {
        disposition = Disposition::Plain;
    }
    let phase = if keeps_prologue(&reading, &disposition) { phase } else { Phase::Body };
    let roles = match disposition {
        Disposition::Skip(_) | Disposition::Refuse(_) => Vec::new(),
        _ => roles::roles_named(&reading),
    };
    Judgement { disposition, roles, tolerance: tolerance(&reading), phase }
}

impl Judgement {
    fn plain() -> Self {
        Self {
            disposition: Disposition::Plain,
            roles: Vec::new(),
            tolerance: Tolerance::Nothing,
            phase: Phase::Body,
        }
    }
}

/// Most statements of a dump, and the largest: known by their first word.
fn is_data(text: &str) -> bool {
    let first = text.trim_start().as_bytes();
    [&b"COPY "[..], b"INSERT "].iter().any(|word| first.starts_with(word))
}

fn dispose(reading: &Reading<'_>, phase: Phase) -> Disposition {
    let begins = |phrase| reading.begins(phrase);
    if begins("set") || begins("reset") {
        settings(reading)
    } else if begins("create") {
        creation(reading, phase)
    } else if begins("alter") {
        alteration(reading)
    } else if elevate::is_comment(reading) || elevate::is_wrapper_grant(reading) {
        Disposition::Elevated
    } else if begins("comment on database") {
        Disposition::Skip(Note::DatabaseComment)
    } else if begins("comment on subscription") || begins("drop subscription") {
        Disposition::Skip(Note::Subscription)
    } else if begins("security label") {
        Disposition::Skip(Note::SecurityLabel)
    } else if begins("drop database") {
        Disposition::Refuse(Refusal::CreatesDatabase)
    } else if names_roles(reading, "drop") {
        Disposition::Refuse(Refusal::ChangesRoles)
    } else {
        Disposition::Plain
    }
}

/// `CREATE ROLE` and its likes.
fn names_roles(reading: &Reading<'_>, verb: &str) -> bool {
    let role = ["role", "user", "group"].into_iter().any(|kind| reading.is(1, kind));
    reading.is(0, verb) && role && !reading.is(2, "mapping")
}

fn settings(reading: &Reading<'_>) -> Disposition {
    if reading.begins("set session authorization") {
        let role = roles::roles_named(reading).pop();
        return Disposition::ActAs(role);
    }
    if reading.begins("reset session authorization") {
        return Disposition::ActAs(None);
    }
    // Not `SET LOCAL`, which no pg_dump writes.
    let at = reading.skip(1, "session");
    let value = at + 2;
    if reading.is(at, "search_path") {
        let names = (value..reading.len()).all(|place| {
            reading.symbol(place, ",")
                || reading.name(place).is_some()
                || reading.string(place).is_some()
        });
        return if names { Disposition::SearchPath } else { Disposition::Plain };
    }
    if reading.is(at, "client_encoding") {
        return match reading.string(value).or_else(|| reading.name(value)) {
            Some(name) => Disposition::Encoding(name),
            None => Disposition::Plain,
        };
    }
    if reading.is(at, "default_tablespace") && reading.string(value).as_deref() != Some("") {
        return Disposition::Instead("SET default_tablespace = ''", Note::Tablespace);
    }
    Disposition::Plain
}

fn creation(reading: &Reading<'_>, phase: Phase) -> Disposition {
    let begins = |phrase| reading.begins(phrase);
    if begins("create extension") {
        let at = reading.skip(2, "if not exists");
        return extension(reading, at, phase);
    }
    for language in ["create procedural language", "create or replace procedural language"] {
        let at = reading.skip(0, language);
        // Without a handler it means the extension of that name.
        if at > 0 && reading.len() == at + 1 {
            return extension(reading, at, phase);
        }
    }
    if begins("create event trigger") {
        return reading.name(3).map_or(Disposition::Plain, Disposition::EventTrigger);
    }
    if begins("create foreign data wrapper") {
        return wrapper(reading).unwrap_or(Disposition::Plain);
    }
    if begins("create subscription") {
        return Disposition::Skip(Note::Subscription);
    }
    if begins("create database") {
        return Disposition::Refuse(Refusal::CreatesDatabase);
    }
    if names_roles(reading, "create") {
        return Disposition::Refuse(Refusal::ChangesRoles);
    }
    if let Some(identity) = elevate::new_operator_class(reading) {
        return Disposition::OperatorClass(identity);
    }
    if elevate::is_publication_of_all(reading) {
        return Disposition::Elevated;
    }
    if elevate::is_cast_by_text(reading) {
        return Disposition::PlainElseElevated;
    }
    Disposition::Plain
}

fn wrapper(reading: &Reading<'_>) -> Option<Disposition> {
    let name = reading.name(4)?;
    let options = match reading.find(5, "options") {
        Some(at) => {
            let end = reading.behind_parentheses(at + 1)?;
            reading.text_between(at, end)?.to_owned()
        }
        None => String::new(),
    };
    Some(Disposition::Wrapper { name, options })
}

fn extension(reading: &Reading<'_>, at: usize, phase: Phase) -> Disposition {
    let Some(name) = reading.name(at) else { return Disposition::Plain };
    if phase == Phase::Body {
        return Disposition::Refuse(Refusal::LateExtension);
    }
    let schema = reading.find(at + 1, "schema").and_then(|at| reading.name(at + 1));
    Disposition::Extension { name, schema }
}

fn alteration(reading: &Reading<'_>) -> Disposition {
    let begins = |phrase| reading.begins(phrase);
    if begins("alter subscription") {
        return Disposition::Skip(Note::Subscription);
    }
    if begins("alter database") {
        return Disposition::Refuse(Refusal::CreatesDatabase);
    }
    if names_roles(reading, "alter") {
        return Disposition::Refuse(Refusal::ChangesRoles);
    }
    if let Some(owner) = elevate::new_owner(reading) {
        return match owner.as_str() {
            "pg_database_owner" => Disposition::Elevated,
            reserved if reserved.starts_with("pg_") => Disposition::Refuse(Refusal::ReservedOwner),
            _ if begins("alter event trigger") || begins("alter foreign data wrapper") => {
                Disposition::Skip(Note::SuperuserOwner)
            }
            _ => Disposition::Elevated,
        };
    }
    if begins("alter event trigger") {
        return Disposition::Skip(Note::EventTrigger);
    }
    if elevate::adds_operators(reading) || elevate::is_publication_of_all(reading) {
        return Disposition::Elevated;
    }
    Disposition::Plain
}

#[cfg(test)]
mod tests;
