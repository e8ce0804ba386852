//! What a database looks like after an apply.

use super::{Fact, InvalidIndex, Unread};
use crate::DatabaseKind;

/// A foreign key that does not hold for sure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKeyFacts {
    /// Its name; on SQLite what it says.
    pub constraint: String,
    /// The table that it is on, by its qualified name.
    pub table: String,
    /// The table that it points to.
    pub parent: String,
    /// Why it does not hold for sure.
    pub fault: ForeignKeyFault,
    /// Rows without a parent.
    pub orphans: Fact<OrphanRows>,
}

/// Why a foreign key does not hold for sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignKeyFault {
    /// `NOT VALID`: nobody has looked at the rows that were there before it.
    NotValidated,
    /// `NOT ENFORCED`, or its triggers are disabled: nobody looks at all.
    NotEnforced,
    /// The database does not look unless each session asks for it: SQLite.
    PerSession,
}

/// Rows whose parent is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrphanRows {
    /// How many.
    pub count: u64,
    /// Up to five of them, e.g. `customer_id = 42`.
    pub samples: Vec<String>,
    /// The statement that lists them.
    pub list: String,
    /// The statement that deletes them.
    pub delete: String,
}

/// A constraint that is not what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidConstraint {
    /// Its name.
    pub constraint: String,
    /// The table, or the domain, that it is on.
    pub subject: String,
    /// What is wrong.
    pub fault: String,
    /// What puts it right.
    pub remedy: String,
}

/// A view or function of which nobody can say that it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenBody {
    /// What it is, e.g. `view public.totals`.
    pub subject: String,
    /// What is wrong.
    pub fault: BodyFault,
}

/// What is wrong with a view or function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyFault {
    /// It does not parse, or what it names is not there.
    Broken {
        /// What the server says of it.
        message: String,
        /// The server's code.
        sqlstate: Option<String>,
    },
    /// It could not be looked at.
    Unread(Unread),
}

/// Bodies that nobody looks at, because looking would run something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UncheckedBodies {
    /// The language.
    pub language: String,
    /// How many there are.
    pub count: usize,
}

/// Rights on a relation, or on one of its columns, that others than its owner have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// On what, e.g. `table public.orders`.
    pub subject: String,
    /// The relation, by its qualified name.
    pub relation: String,
    /// Which object the relation is, for as long as it is there: one that was dropped and made again
    /// is another.
    pub object: String,
    /// Role and right each, e.g. `reader: SELECT`.
    pub rights: Vec<String>,
}

/// A right that was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostGrant {
    /// On what, e.g. `table public.orders`.
    pub subject: String,
    /// What was granted, e.g. `reader: SELECT`.
    pub grant: String,
}

/// How a database is, as far as its catalogs and its foreign keys tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whose database it is.
    pub database: DatabaseKind,
    /// Foreign keys that do not hold for sure.
    pub foreign_keys: Fact<Vec<ForeignKeyFacts>>,
    /// Indexes that are not valid.
    pub invalid_indexes: Fact<Vec<InvalidIndex>>,
    /// Other constraints that are not valid.
    pub invalid_constraints: Fact<Vec<InvalidConstraint>>,
    /// Views and functions that do not work.
    pub broken: Fact<Vec<BrokenBody>>,
    /// Functions in languages that nobody can look at.
    pub unchecked: Fact<Vec<UncheckedBodies>>,
    /// What the database itself says of its file: SQLite's `integrity_check`.
    pub damage: Fact<Vec<String>>,
}
