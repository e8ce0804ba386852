//! What goes on around an apply, before it.

use super::Fact;
use crate::DatabaseKind;

/// A relation as a statement of the plan writes it, with what it will be locked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenRelation {
    /// Its name, as SQL.
    pub relation: String,
    /// The strongest lock on it, as `pg_locks` spells it.
    pub mode: String,
    /// Whether a statement drops it or deletes from it: what hangs on it by foreign keys is locked
    /// too, or loses rows as well.
    pub with_partners: bool,
}

/// A relation that the plan touches: one that it names, or one that is locked together with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TouchedRelation {
    /// Its qualified name.
    pub relation: String,
    /// The strongest lock that the plan takes on it, as `pg_locks` spells it.
    pub mode: String,
    /// Its size with indexes and what is stored beside it.
    pub bytes: Option<u64>,
}

/// Who takes part in a wait.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// Backend process id; 0 for a prepared transaction.
    pub pid: i32,
    /// The role.
    pub user: Option<String>,
    /// `application_name`.
    pub application: Option<String>,
    /// `active`, `idle in transaction` …
    pub state: Option<String>,
    /// How old its transaction is; `None` where it has none, or where it may not be seen.
    pub age_ms: Option<u64>,
    /// What it runs, or ran last; `None` where it may not be seen.
    pub query: Option<String>,
}

/// A transaction that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTransaction {
    /// Whose it is. Its age is `None` where it may not be seen.
    pub who: Party,
    /// Relations that it holds locks on, by qualified name.
    pub relations: Vec<String>,
    /// Whether it keeps a snapshot or has written: `CREATE INDEX CONCURRENTLY` waits for it.
    pub has_snapshot: bool,
}

/// Somebody who waits for a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockWait {
    /// Who waits.
    pub blocked: Party,
    /// For whom.
    pub blockers: Vec<Party>,
    /// The lock, e.g. `AccessExclusiveLock on public.orders`.
    pub lock: String,
    /// Relations that any of them holds, or waits for.
    pub relations: Vec<String>,
}

/// A backup that somebody makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningDump {
    /// Who.
    pub who: Party,
    /// `pg_dump`, `base backup` …
    pub what: String,
}

/// A vacuum that nothing may interrupt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WraparoundVacuum {
    /// Its process.
    pub pid: i32,
    /// What it works on.
    pub relations: Vec<String>,
    /// How long it has been at it.
    pub age_ms: Option<u64>,
}

/// A two-phase transaction that nobody has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedTransaction {
    /// Its name.
    pub gid: String,
    /// The role.
    pub owner: String,
    /// How long ago it was prepared.
    pub age_ms: Option<u64>,
    /// Relations that it holds locks on.
    pub relations: Vec<String>,
}

/// An index that the server does not use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidIndex {
    /// Its qualified name.
    pub index: String,
    /// Its table.
    pub table: String,
    /// Whether its table is a partitioned one: such an index is valid once each partition has one.
    pub is_partitioned: bool,
}

/// A replication slot that nobody reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InactiveSlot {
    /// Its name.
    pub name: String,
    /// WAL that is kept for it.
    pub retained_bytes: Option<u64>,
}

/// A standby, or whoever else is fed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// The sender's process.
    pub pid: i32,
    /// `application_name`.
    pub application: Option<String>,
    /// How far it is behind; `None` where it is not.
    pub lag_ms: Option<u64>,
    /// Whether we may not see that.
    pub is_hidden: bool,
}

/// Who follows the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replication {
    /// Slots that nobody reads.
    pub inactive_slots: Vec<InactiveSlot>,
    /// Who reads.
    pub replicas: Vec<Replica>,
}

/// A limit and what is used of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many there are.
    pub used: u32,
    /// How many there may be.
    pub limit: u32,
}

/// How many sessions there are, and may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Of the server: what is kept for superusers is not part of the limit.
    pub server: Quota,
    /// How many are kept for superusers.
    pub reserved: u32,
    /// Of the database, where it has a limit.
    pub database: Option<Quota>,
    /// Of the role, where it has a limit.
    pub role: Option<Quota>,
}

/// Something that the plan needs a right for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PrivilegeNeed {
    /// Which right.
    pub kind: NeedKind,
    /// On what, as SQL writes it; empty for what the role's search path begins with.
    pub subject: String,
    /// What needs it, e.g. `migration 7, line 3`.
    pub wanted_by: String,
}

/// A right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NeedKind {
    /// To be the owner of a relation, or a member of the owner.
    Owner,
    /// INSERT on a relation.
    Insert,
    /// UPDATE on a relation.
    Update,
    /// DELETE on a relation.
    Delete,
    /// TRUNCATE on a relation.
    Truncate,
    /// SELECT on a relation.
    Select,
    /// TRIGGER on a relation.
    Trigger,
    /// REFERENCES on a relation.
    References,
    /// CREATE on a schema.
    CreateInSchema,
    /// CREATE on the database.
    CreateInDatabase,
    /// To be allowed to write at all: no standby, no session that only reads.
    Write,
}

impl NeedKind {
    /// Whether it is a right on a relation.
    #[must_use]
    pub const fn is_on_relation(self) -> bool {
        !matches!(self, Self::CreateInSchema | Self::CreateInDatabase | Self::Write)
    }
}

/// A right that the role has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LackingPrivilege {
    /// What is needed.
    pub need: PrivilegeNeed,
    /// Which role lacks it.
    pub role: String,
    /// What it is, by its qualified name.
    pub subject: String,
    /// What would give it, as a statement; or what else to do.
    pub remedy: String,
}

/// Everything around an apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// Whose database it is.
    pub database: DatabaseKind,
    /// The server's version, e.g. `15.18`.
    pub server_version: String,
    /// Relations that the plan touches, as far as its text tells.
    pub relations: Fact<Vec<TouchedRelation>>,
    /// Transactions of other sessions in this database.
    pub transactions: Fact<Vec<OpenTransaction>>,
    /// Who waits for a lock in this database.
    pub waits: Fact<Vec<LockWait>>,
    /// Backups that are being made.
    pub dumps: Fact<Vec<RunningDump>>,
    /// Vacuums against wraparound in this database.
    pub vacuums: Fact<Vec<WraparoundVacuum>>,
    /// Two-phase transactions of this database.
    pub prepared: Fact<Vec<PreparedTransaction>>,
    /// Indexes that are not valid.
    pub invalid_indexes: Fact<Vec<InvalidIndex>>,
    /// Slots and replicas.
    pub replication: Fact<Replication>,
    /// Sessions.
    pub connections: Fact<Connections>,
    /// Rights that the plan needs and the role has not.
    pub lacking: Fact<Vec<LackingPrivilege>>,
}
