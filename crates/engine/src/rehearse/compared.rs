//! What became of each table: the one census beside the other.
//!
//! A table is the same one under another name. One that was dropped, and another that has its name
//! now, are told as one: that is how tables are rebuilt.

use std::collections::{BTreeMap, HashMap, HashSet};

use stopover_backend::{BackendError, CensusDepth, Imprint, ImprintColumn};
use stopover_checks::CountedTable;
use stopover_model::report::{DigestReport, DroppedColumn, EmptiedColumn, TableFate, TableReport};
use stopover_model::{Schema, TableCensus};

/// The database as it was before the migrations.
pub(super) struct Before {
    pub(super) schema: Schema,
    pub(super) depth: CensusDepth,
    pub(super) tables: Vec<Was>,
    /// Where the database has such things.
    pub(super) large_objects: Option<u64>,
    pub(super) ms: f64,
}

/// A table as it was.
pub(super) struct Was {
    pub(super) imprint: Imprint,
    pub(super) rows: u64,
    /// Where digests were asked for.
    pub(super) digested: Option<TableCensus>,
    /// How many values are in the columns that were counted ([`super::named`]), by the column's key.
    pub(super) values: BTreeMap<String, u64>,
}

/// The database afterwards.
pub(super) struct After {
    pub(super) schema: Schema,
    pub(super) imprints: Vec<Imprint>,
    pub(super) counted: HashMap<String, TableCensus>,
    /// How many values are in the columns that were counted before, by the object and the column's
    /// key that they had then. What nobody wrote to is not there.
    pub(super) values: HashMap<String, BTreeMap<String, u64>>,
    pub(super) large_objects: Option<u64>,
}

/// A table of the report, and what it was a part of.
pub(super) struct Compared {
    pub(super) report: TableReport,
    pub(super) within: Vec<String>,
    pub(super) within_after: Vec<String>,
}

impl Compared {
    pub(super) fn counted(&self) -> CountedTable<'_> {
        let Self { report, within, within_after } = self;
        CountedTable { report, within, within_after }
    }
}

/// What became of each table, the new ones last.
///
/// # Errors
/// Where the count of one is missing.
pub(super) fn compared(before: &Before, after: &After) -> Result<Vec<Compared>, BackendError> {
    let depth = before.depth;
    let objects: HashSet<&str> =
        before.tables.iter().map(|it| it.imprint.object.as_str()).collect();
    let mut replacing: HashSet<&str> = HashSet::new();
    let mut compared = Vec::with_capacity(before.tables.len());
    for (was, fate, now) in fates(before, &after.imprints) {
        if let (TableFate::Replaced, Some(now)) = (fate, now) {
            replacing.insert(&now.object);
        }
        compared.push(one(was, fate, now, after, depth)?);
    }
    let is_made = |it: &&Imprint| {
        !objects.contains(it.object.as_str()) && !replacing.contains(it.object.as_str())
    };
    for imprint in after.imprints.iter().filter(is_made) {
        compared.push(made(imprint, after, depth)?);
    }
    compared.extend(large_objects(before, after)?);
    Ok(compared)
}

/// Large objects, as if they were a table: nothing is said where there were none.
fn large_objects(before: &Before, after: &After) -> Result<Option<Compared>, BackendError> {
    const RELATION: &str = "pg_catalog.pg_largeobject_metadata";
    let Some(rows) = before.large_objects.filter(|it| *it > 0) else { return Ok(None) };
    let report = TableReport {
        relation: RELATION.to_owned(),
        rows_before: Some(rows),
        rows_after: Some(after.large_objects.ok_or_else(|| uncounted(RELATION))?),
        fate: Some(TableFate::Kept),
        relation_after: Some(RELATION.to_owned()),
        dropped_columns: Some(Vec::new()),
        ..TableReport::default()
    };
    Ok(Some(Compared { report, within: Vec::new(), within_after: Vec::new() }))
}

/// What became of each table that was there, and what it is now.
pub(super) fn fates<'a>(
    before: &'a Before,
    imprints: &'a [Imprint],
) -> Vec<(&'a Was, TableFate, Option<&'a Imprint>)> {
    let were: Vec<&Imprint> = before.tables.iter().map(|it| &it.imprint).collect();
    let fates = before.tables.iter().zip(fates_of(&were, imprints));
    fates.map(|(was, (fate, now))| (was, fate, now)).collect()
}

/// The same in their order, of imprints alone.
pub(crate) fn fates_of<'a>(
    were: &[&Imprint],
    imprints: &'a [Imprint],
) -> Vec<(TableFate, Option<&'a Imprint>)> {
    let by_object: HashMap<&str, &Imprint> =
        imprints.iter().map(|it| (it.object.as_str(), it)).collect();
    let by_name: HashMap<&str, &Imprint> =
        imprints.iter().map(|it| (it.relation.as_str(), it)).collect();
    let objects: HashSet<&str> = were.iter().map(|it| it.object.as_str()).collect();
    let fate = |was: &&Imprint| {
        let name = was.relation.as_str();
        match by_object.get(was.object.as_str()) {
            Some(now) if now.relation == name => (TableFate::Kept, Some(*now)),
            Some(now) => (TableFate::Renamed, Some(*now)),
            None => match by_name.get(name).filter(|it| !objects.contains(it.object.as_str())) {
                Some(now) => (TableFate::Replaced, Some(*now)),
                None => (TableFate::Dropped, None),
            },
        }
    };
    were.iter().map(fate).collect()
}

/// What became of a table.
fn one(
    was: &Was,
    fate: TableFate,
    now: Option<&Imprint>,
    after: &After,
    depth: CensusDepth,
) -> Result<Compared, BackendError> {
    let counted = now.and_then(|it| after.counted.get(&it.relation));
    let rows_after = match now {
        None => None,
        Some(it) if it.is_untouched_since(&was.imprint) => Some(was.rows),
        Some(it) => Some(counted.ok_or_else(|| uncounted(&it.relation))?.rows),
    };
    let report = TableReport {
        relation: was.imprint.relation.clone(),
        rows_before: Some(was.rows),
        rows_after,
        fate: Some(fate),
        relation_after: now.map(|it| it.relation.clone()),
        dropped_columns: now.map(|it| dropped_columns(was, fate, it)),
        emptied_columns: now.and_then(|it| emptied_columns(was, fate, it, rows_after, after)),
        digest: (depth == CensusDepth::Digests).then(|| digests(was, fate, now, counted)),
        ..TableReport::default()
    };
    let within_after = now.map(|it| it.within.clone()).unwrap_or_default();
    Ok(Compared { report, within: was.imprint.within.clone(), within_after })
}

fn made(imprint: &Imprint, after: &After, depth: CensusDepth) -> Result<Compared, BackendError> {
    let counted = after.counted.get(&imprint.relation);
    let counted = counted.ok_or_else(|| uncounted(&imprint.relation))?;
    let digest = DigestReport { after: counted.digest.clone(), ..DigestReport::default() };
    let report = TableReport {
        relation: imprint.relation.clone(),
        rows_after: Some(counted.rows),
        fate: Some(TableFate::Made),
        relation_after: Some(imprint.relation.clone()),
        dropped_columns: Some(Vec::new()),
        emptied_columns: Some(Vec::new()),
        digest: (depth == CensusDepth::Digests).then_some(digest),
        ..TableReport::default()
    };
    Ok(Compared { report, within: Vec::new(), within_after: imprint.within.clone() })
}

/// The name afterwards of each column that was there before; a table that replaces another has
/// columns of its own, which are known by their names.
pub(crate) fn names_after<'a>(
    was: &'a Imprint,
    fate: TableFate,
    now: &'a Imprint,
) -> impl Iterator<Item = (&'a ImprintColumn, Option<&'a str>)> {
    was.columns.iter().map(move |column| {
        let same = |it: &&ImprintColumn| match fate {
            TableFate::Replaced => it.name == column.name,
            // Where keys are names (SQLite), upper and lower case are the same.
            _ => it.key.eq_ignore_ascii_case(&column.key),
        };
        (column, now.columns.iter().find(same).map(|it| it.name.as_str()))
    })
}

fn dropped_columns(was: &Was, fate: TableFate, now: &Imprint) -> Vec<DroppedColumn> {
    let dropped = names_after(&was.imprint, fate, now).filter(|(_, after)| after.is_none());
    let values = |key: &str| match was.rows {
        0 => Some(0),
        _ => was.values.get(key).copied(),
    };
    dropped
        .map(|(it, _)| DroppedColumn { column: it.name.clone(), values: values(&it.key) })
        .collect()
}

/// Columns with fewer values than before, if more are gone than rows; `None` where nobody counted
/// them. A column of a table that was made again is another one: all of those must be known.
fn emptied_columns(
    was: &Was,
    fate: TableFate,
    now: &Imprint,
    rows_after: Option<u64>,
    after: &After,
) -> Option<Vec<EmptiedColumn>> {
    if was.rows == 0 || now.is_untouched_since(&was.imprint) {
        return Some(Vec::new());
    }
    let counted = after.values.get(&was.imprint.object)?;
    let rows_gone = was.rows.saturating_sub(rows_after.unwrap_or(0));
    let mut emptied = Vec::new();
    for (column, _) in names_after(&was.imprint, fate, now).filter(|(_, name)| name.is_some()) {
        let both = was.values.get(&column.key).zip(counted.get(&column.key));
        let Some((&values_before, &values_after)) = both else {
            match fate {
                TableFate::Replaced => return None,
                _ => continue,
            }
        };
        if values_before > values_after.saturating_add(rows_gone) {
            let column = column.name.clone();
            emptied.push(EmptiedColumn { column, values_before, values_after });
        }
    }
    Some(emptied)
}

fn digests(
    was: &Was,
    fate: TableFate,
    now: Option<&Imprint>,
    counted: Option<&TableCensus>,
) -> DigestReport {
    let Some(before) = &was.digested else { return DigestReport::default() };
    let Some(now) = now else {
        return DigestReport { before: before.digest.clone(), ..DigestReport::default() };
    };
    let after = counted.unwrap_or(before);
    let of = |census: &TableCensus, column: &str| {
        census.columns.iter().find(|it| it.column == column).map(|it| it.digest.clone())
    };
    let changed = names_after(&was.imprint, fate, now).filter_map(|(column, name)| {
        let name = name?;
        (of(before, &column.name) != of(after, name)).then(|| column.name.clone())
    });
    let mut changed_columns: Vec<String> = changed.collect();
    let names = |it: &TableCensus| it.columns.iter().map(|it| it.column.clone()).collect();
    let (names_before, names_after): (Vec<String>, Vec<String>) = (names(before), names(after));
    // The same values in other rows.
    if changed_columns.is_empty() && names_before == names_after && before.digest != after.digest {
        changed_columns = names_before;
    }
    DigestReport { before: before.digest.clone(), after: after.digest.clone(), changed_columns }
}

/// Puts what was counted beside what was traced.
pub(super) fn merge(tables: &mut Vec<TableReport>, compared: &[Compared]) {
    let mut at: HashMap<String, usize> =
        tables.iter().enumerate().map(|(at, it)| (it.relation.clone(), at)).collect();
    for Compared { report, .. } in compared {
        let made = report.fate == Some(TableFate::Made);
        let Some(traced) = at.remove(&report.relation).filter(|_| !made) else {
            tables.push(report.clone());
            continue;
        };
        let traced = &mut tables[traced];
        *traced = TableReport {
            bytes: traced.bytes,
            read_blocked_ms: traced.read_blocked_ms,
            write_blocked_ms: traced.write_blocked_ms,
            traffic: traced.traffic,
            ..report.clone()
        };
    }
    tables.sort_by(|left, right| left.relation.cmp(&right.relation));
}

pub(super) fn uncounted(relation: &str) -> BackendError {
    BackendError::Settings {
        message: format!("the rows of {relation} were not counted"),
        remedy: "see to it that nobody else works on the scratch".to_owned(),
    }
}
