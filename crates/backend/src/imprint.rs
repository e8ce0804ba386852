//! What tells, without reading them, whether a table's rows may be others than before.

use serde::{Deserialize, Serialize};

/// A table of the user schemas that holds rows of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imprint {
    /// Its qualified name, as SQL writes it.
    pub relation: String,
    /// Which object it is: the same under another name, and another one after it was dropped and
    /// made again.
    pub object: String,
    /// Names of the tables that it is a partition or a child of, the nearest first.
    pub within: Vec<String>,
    /// Its columns, without those that are computed from others.
    pub columns: Vec<ImprintColumn>,
    /// How many rows it has, where the database can tell for certain without counting.
    pub rows: Option<u64>,
    /// The same as long as nobody wrote to the table; `None` where the database cannot tell.
    pub mark: Option<String>,
}

/// A column of an [`Imprint`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImprintColumn {
    /// Which of the table's columns it is: the same under another name.
    pub key: String,
    /// Its name, unquoted.
    pub name: String,
}

impl Imprint {
    /// Of a table of which nothing but its name is known.
    #[must_use]
    pub fn bare(relation: String) -> Self {
        let object = relation.clone();
        let (within, columns) = (Vec::new(), Vec::new());
        Self { relation, object, within, columns, rows: None, mark: None }
    }

    /// Whether nobody wrote to the table since the other imprint of it was taken.
    #[must_use]
    pub fn is_untouched_since(&self, before: &Self) -> bool {
        self.object == before.object && self.mark.is_some() && self.mark == before.mark
    }
}
