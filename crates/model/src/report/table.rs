//! One table of a rehearsal: how long it shut people out, and what became of its rows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TableFate {
    /// It is there under its name.
    Kept,
    /// It is there under another name: `relation_after`.
    Renamed,
    /// It was dropped, and there is another one under its name.
    Replaced,
    /// It was dropped.
    Dropped,
    /// It is new.
    Made,
}

/// A column that was dropped, and not because it was computed from others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DroppedColumn {
    /// Its name.
    pub column: String,
    /// In how many rows it held a value before the migrations; null where that is not known.
    pub values: Option<u64>,
}

/// A column that is still there, and holds a value in fewer rows than before; rows that are gone do
/// not account for that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EmptiedColumn {
    /// Its name before the migrations.
    pub column: String,
    /// In how many rows it held a value before.
    pub values_before: u64,
    /// In how many it does now.
    pub values_after: u64,
}

/// What digests say of a table's content. They do not depend on the order of its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DigestReport {
    /// Before; null for a new table.
    pub before: Option<String>,
    /// After; null for a dropped table.
    pub after: Option<String>,
    /// Columns that were there before and afterwards, and whose values are not the same; all of
    /// them where the same values stand in other rows.
    pub changed_columns: Vec<String>,
}

/// One table, before and after.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TableReport {
    /// Its qualified name before the migrations; a new table's is that afterwards.
    pub relation: String,
    /// Rows before: counted, not estimated. Null for a new table, for what holds no rows of its own
    /// (a partitioned table: its partitions are listed), and where no census was taken.
    pub rows_before: Option<u64>,
    /// Rows after. Null for a dropped table, and where it was not counted.
    pub rows_after: Option<u64>,
    /// What became of it; null for what holds no rows of its own, and where no census was taken.
    pub fate: Option<TableFate>,
    /// Its name afterwards; null where it is gone or that is not known.
    pub relation_after: Option<String>,
    /// Columns that it lost; null where no census was taken, and for a dropped table.
    pub dropped_columns: Option<Vec<DroppedColumn>>,
    /// Columns that hold fewer values than before; null where their values were not counted.
    #[serde(default)]
    pub emptied_columns: Option<Vec<EmptiedColumn>>,
    /// Its content before and after; null where no digests were asked for.
    pub digest: Option<DigestReport>,
    /// Its size.
    pub bytes: Option<u64>,
    /// How long reads were shut out; null where that was not measured.
    pub read_blocked_ms: Option<f64>,
    /// How long writes were shut out; null where that was not measured.
    pub write_blocked_ms: Option<f64>,
    /// What synthetic readers and writers met; null where there were none.
    pub traffic: Option<TrafficReport>,
}

impl TableReport {
    /// How many rows it has lost; `None` where it has lost none or where that is not known. The
    /// rows of a table that was dropped are lost.
    #[must_use]
    pub fn lost_rows(&self) -> Option<u64> {
        let after = match (self.fate?, self.rows_after) {
            (TableFate::Dropped, _) => 0,
            (_, after) => after?,
        };
        self.rows_before?.checked_sub(after).filter(|lost| *lost > 0)
    }
}

/// What the readers and writers of one table met.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrafficReport {
    /// How many reads there were.
    pub reads: u64,
    /// What those waited in all that took longer than 20 ms.
    pub read_waited_ms: f64,
    /// The longest of them.
    pub longest_read_ms: f64,
    /// How many writes there were.
    pub writes: u64,
    /// What those waited in all that took longer than 20 ms.
    pub write_waited_ms: f64,
    /// The longest of them.
    pub longest_write_ms: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(fate: TableFate, before: Option<u64>, after: Option<u64>) -> Option<u64> {
        let table = TableReport {
            rows_before: before,
            rows_after: after,
            fate: Some(fate),
            ..TableReport::default()
        };
        table.lost_rows()
    }

    #[test]
    fn a_dropped_table_loses_its_rows_and_an_uncounted_one_nothing_that_is_known() {
        assert_eq!(lost(TableFate::Dropped, Some(7), None), Some(7));
        assert_eq!(lost(TableFate::Dropped, Some(0), None), None);
        assert_eq!(lost(TableFate::Kept, Some(7), None), None);
        assert_eq!(lost(TableFate::Renamed, Some(7), Some(7)), None);
        assert_eq!(lost(TableFate::Replaced, Some(7), Some(3)), Some(4));
        assert_eq!(lost(TableFate::Made, None, Some(3)), None);
        assert_eq!(lost(TableFate::Kept, Some(7), Some(9)), None);
    }
}
