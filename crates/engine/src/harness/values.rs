//! How many values the columns hold of tables that a plan makes again, before and after: a column
//! that a rebuild forgets, or fills with NULL, is a loss that no count of rows shows.
//!
//! Values are counted and not compared: a column that has another value in each row than before is
//! not noticed here, but in a rehearsal with `--digest`. And only where a table is made again: what
//! `DROP COLUMN` and `UPDATE` say, they say on purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use stopover_backend::{BackendError, CensusScope, Imprint, Session};
use stopover_checks::ColumnCount;
use stopover_model::DatabaseError;
use stopover_model::harness::Fact;

use super::reading::in_time;
use super::rebuilt::{is_among, made_again};
use crate::rehearse::{fates_of, follow_renames, names_after};

/// What was in the columns.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// Every table: what becomes of their names is told of all of them.
    imprints: Vec<Imprint>,
    /// In how many rows a column held a value, by the table's place among those and the column's
    /// key; of the tables that are made again.
    values: BTreeMap<usize, BTreeMap<String, u64>>,
}

/// Counts before `scripts` are run; [`Fact::NotHere`] where these make no table again.
pub(super) async fn held<S: Session>(
    session: &mut S,
    scope: &CensusScope,
    limit: Duration,
    scripts: &[String],
) -> Result<Fact<Held>, BackendError> {
    let names = made_again(scripts);
    if names.is_empty() {
        return Ok(Fact::NotHere);
    }
    let canceller = session.canceller();
    in_time(&canceller, limit, read(session, scope, &names)).await
}

async fn read<S: Session>(
    session: &mut S,
    scope: &CensusScope,
    names: &BTreeSet<String>,
) -> Result<Held, BackendError> {
    let imprints = session.imprints(scope).await?;
    let mut values = BTreeMap::new();
    for (at, table) in imprints.iter().enumerate().filter(|(_, it)| is_among(names, it)) {
        let (keys, columns): (Vec<String>, Vec<String>) =
            table.columns.iter().map(|it| (it.key.clone(), it.name.clone())).unzip();
        let counted = count(session, scope, &table.relation, &columns).await?;
        values.insert(at, keys.into_iter().zip(counted).collect());
    }
    Ok(Held { imprints, values })
}

/// Counts the same again, after `scripts` were run.
pub(super) async fn again<S: Session>(
    session: &mut S,
    scope: &CensusScope,
    limit: Duration,
    (held, scripts): (&Fact<Held>, &[String]),
) -> Result<Fact<Vec<ColumnCount>>, BackendError> {
    match held {
        Fact::Read(held) => {
            let canceller = session.canceller();
            in_time(&canceller, limit, compare(session, scope, held, scripts)).await
        }
        Fact::Unread(unread) => Ok(Fact::Unread(unread.clone())),
        Fact::NotHere => Ok(Fact::NotHere),
    }
}

async fn compare<S: Session>(
    session: &mut S,
    scope: &CensusScope,
    held: &Held,
    scripts: &[String],
) -> Result<Vec<ColumnCount>, BackendError> {
    let mut now = session.imprints(scope).await?;
    let texts: Vec<&str> = scripts.iter().map(String::as_str).collect();
    follow_renames(held.imprints.iter(), &mut now, &texts);
    let were: Vec<&Imprint> = held.imprints.iter().collect();
    let fates = fates_of(&were, &now);
    let mut counts = Vec::new();
    for (at, values) in &held.values {
        // A table that is gone is missed by its rows.
        let (Some(was), Some((fate, Some(is)))) = (were.get(*at), fates.get(*at)) else { continue };
        let columns: Vec<_> = names_after(was, *fate, is).collect();
        let names: Vec<String> =
            columns.iter().filter_map(|(_, name)| name.map(str::to_owned)).collect();
        let mut counted = count(session, scope, &is.relation, &names).await?.into_iter();
        for (column, name) in columns {
            let after = name.and_then(|_| counted.next());
            counts.push(ColumnCount {
                relation: was.relation.clone(),
                relation_after: is.relation.clone(),
                column: column.name.clone(),
                before: values.get(&column.key).copied().unwrap_or(0),
                after,
            });
        }
    }
    Ok(counts)
}

async fn count<S: Session>(
    session: &mut S,
    scope: &CensusScope,
    relation: &str,
    columns: &[String],
) -> Result<Vec<u64>, BackendError> {
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    session.values(scope, relation, columns).await?.ok_or_else(|| {
        BackendError::Refused(Box::new(DatabaseError {
            message: format!("the values of {relation} could not be counted"),
            ..DatabaseError::default()
        }))
    })
}
