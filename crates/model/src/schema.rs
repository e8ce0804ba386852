//! The canonical schema of a database, and what is in its tables: values that can be compared,
//! printed and hashed. Reading them is a backend's.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::redact_urls;

/// One object of a schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct SchemaObject {
    /// What it is: `table`, `column`, `index`, `function` …
    pub kind: String,
    /// Its qualified name, as SQL writes it; a column's is `schema.table.column`, a function's has
    /// its argument types.
    pub identity: String,
    /// Everything that makes it what it is, as canonical text. The same for the same object,
    /// whatever its age, its object identifier and the database it is in.
    pub definition: String,
}

/// Every object of a database's user schemas, sorted by kind and identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Schema {
    /// SHA-256, hex, of the objects: each as kind, identity and definition, with their lengths.
    pub checksum: String,
    /// The objects.
    pub objects: Vec<SchemaObject>,
}

/// An object that is not the same in two schemas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SchemaChange {
    /// What it is.
    pub kind: String,
    /// Its qualified name.
    pub identity: String,
    /// Its definition in the first schema; `null` where it is not there.
    pub before: Option<String>,
    /// Its definition in the second schema; `null` where it is not there.
    pub after: Option<String>,
}

/// The definitions of one object in two schemas.
type Both<'s> = (Option<&'s str>, Option<&'s str>);

impl Schema {
    /// Sorts the objects and hashes them.
    #[must_use]
    pub fn new(mut objects: Vec<SchemaObject>) -> Self {
        objects.sort();
        let mut hash = Sha256::new();
        for object in &objects {
            for part in [&object.kind, &object.identity, &object.definition] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part.as_bytes());
            }
        }
        let checksum = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { checksum, objects }
    }

    /// The same with passwords in definitions hidden, for output. The checksum stays that of the
    /// schema as it is.
    #[must_use]
    pub fn redacted(mut self) -> Self {
        for object in &mut self.objects {
            object.definition = redact_urls(&object.definition);
        }
        self
    }

    /// The objects as text, to be kept beside the checksum.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Plain data: nothing in it that JSON has not.
        serde_json::to_string(&self.objects).unwrap_or_default()
    }

    /// The schema that [`Self::to_text`] was made of; `None` where the text is another's, or was
    /// changed.
    #[must_use]
    pub fn of_text(text: &str, checksum: &str) -> Option<Self> {
        let objects: Vec<SchemaObject> = serde_json::from_str(text).ok()?;
        Some(Self::new(objects)).filter(|it| it.checksum == checksum)
    }

    /// What is not the same in `after`, in the order of kind and identity.
    #[must_use]
    pub fn changes(&self, after: &Self) -> Vec<SchemaChange> {
        let mut seen: BTreeMap<(&str, &str), Both<'_>> = BTreeMap::new();
        for object in &self.objects {
            seen.entry(key(object)).or_default().0 = Some(&object.definition);
        }
        for object in &after.objects {
            seen.entry(key(object)).or_default().1 = Some(&object.definition);
        }
        let changed = seen.into_iter().filter(|(_, (before, after))| before != after);
        changed
            .map(|((kind, identity), (before, after))| SchemaChange {
                kind: kind.to_owned(),
                identity: identity.to_owned(),
                before: before.map(str::to_owned),
                after: after.map(str::to_owned),
            })
            .collect()
    }
}

fn key(object: &SchemaObject) -> (&str, &str) {
    (&object.kind, &object.identity)
}

/// What is in one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TableCensus {
    /// Its qualified name, as SQL writes it.
    pub relation: String,
    /// How many rows it has: counted, not estimated.
    pub rows: u64,
    /// A digest of its rows that does not depend on their order; `null` where none was asked for.
    pub digest: Option<String>,
    /// A digest of each column, in the order of the columns; empty where none was asked for.
    pub columns: Vec<ColumnDigest>,
}

/// Something that is neither schema nor row of a table, and is lost like one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// What kind of thing it says of it.
    pub kind: MarkKind,
    /// Of what, e.g. `sequence public.orders_id_seq`.
    pub what: String,
    /// What it says.
    pub value: String,
}

/// What a [`Mark`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    /// How far a sequence has come, as an integer that grows: going on is no loss, going back
    /// gives out numbers twice.
    Position,
    /// A state that another one is a change of: whether a materialized view is filled, which
    /// large objects there are, rows that an extension keeps for the users.
    State,
    /// Which object it is, for as long as the database is there: one that was dropped and made
    /// again is another. `what` is as the schema names it in its owners and grants.
    Object,
}

/// What is in one column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ColumnDigest {
    /// Its name.
    pub column: String,
    /// A digest of its values that does not depend on the order of the rows.
    pub digest: String,
}
