//! Whose history is there to take over: exactly one, or a refusal that names them all.

use stopover_backend::{Adopt, Counter, Session};
use stopover_model::{
    Checksum, Facts, LedgerKind, LedgerRow, Provenance, RowState, SourceSet, Version,
};

use crate::{EngineError, Request};

use super::{AdoptFrom, Adoption, History, of_kind, refused};

/// Finds what is to be taken over: exactly one history, or a refusal that names them all.
pub(super) async fn history<S: Session + Adopt>(
    session: &mut S,
    request: &Request<'_>,
    facts: &Facts,
    adoption: &Adoption,
) -> Result<History, EngineError> {
    let others: Vec<LedgerKind> = facts.ledgers.iter().map(|it| it.kind).collect();
    let others = others.into_iter().filter(|it| *it != LedgerKind::Stopover);
    let counters = session.counters().await?;
    let wanted = |kind: &LedgerKind| match adoption.from {
        AdoptFrom::Auto => true,
        AdoptFrom::Ledger(wanted) => wanted == *kind,
        AdoptFrom::GolangMigrate => false,
    };
    let ledgers: Vec<LedgerKind> = others.filter(wanted).collect();
    let counters: Vec<Counter> = match adoption.from {
        AdoptFrom::Ledger(_) => Vec::new(),
        _ => counters
            .into_iter()
            .filter(|it| adoption.table.as_ref().is_none_or(|table| *table == it.table))
            .collect(),
    };
    match (ledgers.as_slice(), counters.as_slice()) {
        ([kind], []) => of_ledger(session, request, *kind).await,
        ([], [counter]) => of_counter(request.source, counter),
        ([], []) => Err(refused(
            "the database",
            "there is no history to take over".to_owned(),
            "`stopover status` says which ledger is used; --from names the tool",
        )),
        _ => Err(several(&ledgers, &counters)),
    }
}

/// None is guessed: all are shown with what they say.
fn several(ledgers: &[LedgerKind], counters: &[Counter]) -> EngineError {
    let ledgers = ledgers.iter().map(|kind| format!("the ledger of {kind}"));
    let counters = counters.iter().map(|it| format!("{} ({})", it.table, told(it)));
    let all: Vec<String> = ledgers.chain(counters).collect();
    refused(
        "the database",
        format!("there are several histories: {}", stopover_model::detail_list(&all)),
        "say which one is meant: --from TOOL, and --table NAME for one of several counters",
    )
}

fn told(counter: &Counter) -> String {
    if counter.rows.is_empty() {
        return "empty".to_owned();
    }
    let rows = counter.rows.iter().map(|row| {
        let dirty = if row.dirty { ", dirty" } else { "" };
        format!("version {}{dirty}", row.version)
    });
    rows.collect::<Vec<_>>().join("; ")
}

/// A counter at N says that everything up to N ran. Nobody saw it: the rows say `assumed`.
fn of_counter(source: &SourceSet, counter: &Counter) -> Result<History, EngineError> {
    let table = counter.table.clone();
    if let Some(dirty) = counter.rows.iter().find(|row| row.dirty) {
        return Err(refused(
            &table,
            format!("{table} is dirty at version {}: nobody knows what of it ran", dirty.version),
            "settle it with golang-migrate first: look at the database, then `migrate force VERSION`",
        ));
    }
    let Some(highest) = counter.rows.iter().map(|row| row.version).max() else {
        return Ok(History { table, rows: Vec::new(), counter: Some(counter.clone()) });
    };
    let highest = Version::Integer(highest);
    if source.get(&highest).is_none() {
        return Err(refused(
            &table,
            format!("{table} is at version {highest}, and the source has no such migration"),
            "name the folder that the counter belongs to: --migrations DIR",
        ));
    }
    let rows = up_to(source, &highest).collect();
    Ok(History { table, rows, counter: Some(counter.clone()) })
}

/// Another tool's ledger, row by row. A checksum is taken over where the source proves it.
async fn of_ledger<S: Session>(
    session: &mut S,
    request: &Request<'_>,
    kind: LedgerKind,
) -> Result<History, EngineError> {
    let theirs = session.facts(&of_kind(&request.facts, kind)).await?;
    let table = theirs.ledger.table.clone();
    let mut rows = Vec::new();
    for row in theirs.ledger.rows {
        let Some(version) = row.version.spelled_integer().map(Version::Integer) else {
            return Err(refused(
                &table,
                format!("our ledger holds integers, and {table} holds {}", row.version),
                "stay with that ledger: it is used in place",
            ));
        };
        let row = LedgerRow { version, ..row };
        match &row.state {
            RowState::Dirty(how_far) => {
                return Err(refused(
                    &table,
                    format!("migration {} is not known to have finished: {how_far}", row.version),
                    "settle it first, with the tool that left it so or with `stopover repair`",
                ));
            }
            RowState::Done => rows.push(taken(row, request.source)),
            RowState::Baseline => rows.extend(up_to(request.source, &row.version)),
        }
    }
    rows.sort_by(|a, b| a.version.cmp(&b.version));
    // What a baseline covers may have run all the same; what ran says more.
    rows.dedup_by(|later, earlier| {
        let same = later.version == earlier.version;
        if same && earlier.provenance == Provenance::Assumed {
            std::mem::swap(later, earlier);
        }
        same
    });
    Ok(History { table, rows, counter: None })
}

fn taken(row: LedgerRow, source: &SourceSet) -> LedgerRow {
    let migration = source.get(&row.version);
    let is_proven = |it: &&stopover_model::Migration| {
        row.checksum.as_ref().is_some_and(|checksum| checksum.is_of(it.fingerprinted()))
    };
    let proven = migration.filter(is_proven);
    LedgerRow {
        name: migration.map(|it| it.name.clone()).or_else(|| row.name.clone()),
        checksum: proven.map(|it| Checksum::sha256(it.up.text.as_bytes())),
        ..row
    }
}

/// Everything up to a version, of which nobody saw that it ran.
fn up_to<'s>(
    source: &'s SourceSet,
    highest: &Version,
) -> impl Iterator<Item = LedgerRow> + use<'s> {
    let highest = highest.clone();
    let up_to = source.migrations.iter().filter(move |it| it.version <= highest);
    up_to.map(|it| LedgerRow {
        version: it.version.clone(),
        name: Some(it.name.clone()),
        applied_at: None,
        checksum: None,
        provenance: Provenance::Assumed,
        state: RowState::Done,
    })
}
