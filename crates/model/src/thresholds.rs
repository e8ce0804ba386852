//! What a rehearsal may measure before it is red: the settings `[limits]`.

use std::collections::BTreeMap;

/// What one table, or each of them, may suffer. `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TableLimits {
    /// Longest time that reads are shut out.
    pub read_block_ms: Option<f64>,
    /// Longest time that writes are shut out.
    pub write_block_ms: Option<f64>,
    /// Largest table that is rewritten.
    pub rewrite_bytes: Option<u64>,
}

/// All limits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Thresholds {
    /// Of every table.
    pub all: TableLimits,
    /// Of single tables, by name, instead of everybody's; one without a schema is `public`'s.
    pub tables: BTreeMap<String, TableLimits>,
    /// Longest time that all migrations take together.
    pub duration_ms: Option<f64>,
}

impl Thresholds {
    /// What holds for a table, by its qualified name.
    #[must_use]
    pub fn of(&self, relation: &str) -> TableLimits {
        let bare = relation.strip_prefix("public.").unwrap_or(relation);
        let own = self.tables.get(relation).or_else(|| self.tables.get(bare));
        let Some(own) = own else { return self.all };
        TableLimits {
            read_block_ms: own.read_block_ms.or(self.all.read_block_ms),
            write_block_ms: own.write_block_ms.or(self.all.write_block_ms),
            rewrite_bytes: own.rewrite_bytes.or(self.all.rewrite_bytes),
        }
    }

    /// Whether any table has the limit that `which` picks.
    pub fn limits<T>(&self, which: impl Fn(&TableLimits) -> Option<T>) -> bool {
        std::iter::once(&self.all).chain(self.tables.values()).any(|it| which(it).is_some())
    }
}
