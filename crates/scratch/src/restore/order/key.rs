//! What a task lays claim to.

/// A table or an index, by its schema and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::restore) struct Key(String);

impl Key {
    /// The relation of that name. Names have no zero byte.
    pub(in crate::restore) fn relation(schema: &str, name: &str) -> Self {
        Self(format!("{schema}\0{name}"))
    }

    /// All tables of a family: of those, the first one stands for it.
    pub(super) fn family(first: &Self) -> Self {
        Self(format!("\0{}", first.0))
    }

    /// The joining of indexes in a family: of its tables, the first one stands for it.
    pub(super) fn attachments(first: &Self) -> Self {
        Self(format!("\0\0{}", first.0))
    }

    /// Another relation of the same schema.
    pub(super) fn neighbour(&self, name: &str) -> Self {
        let schema = self.0.split('\0').next().unwrap_or_default();
        Self::relation(schema, name)
    }
}

/// Whether others may have the same at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::restore) enum Mode {
    /// As long as all share.
    Shared,
    /// Nobody else.
    Exclusive,
}

/// A claim of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::restore) enum Claim {
    /// On a table alone; its family is shared.
    Table(Key, Mode),
    /// On a table and all of its family: partitions, parents, children.
    Family(Key),
    /// On an index, which also stands for its constraint.
    Part(Key),
    /// On the table of an index, which is shared.
    TableOf(Key),
    /// On the joining of this index to another one, in the whole family of its table. Each of them
    /// looks for whether the index above is complete now; two at once do not see one another, and
    /// it would stay invalid.
    Attachment(Key),
}
