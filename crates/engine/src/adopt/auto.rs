//! `auto_adopt`: the first apply on a database with a counter of golang-migrate's and no ledger
//! takes the counter over by itself, so that it is no change to the schema.

use stopover_backend::{Adopt, Session};
use stopover_model::{AutoAdopt, Facts, Finding, LedgerKind};

use crate::lock::Locked;
use crate::{EngineError, Request};

use super::{AdoptFrom, Adoption, History, history, write};

/// What an apply would take over first; its rows stand in the facts then, as if they had been
/// there. Writes nothing.
pub(crate) async fn foresee<S: Session + Adopt>(
    session: &mut S,
    request: &Request<'_>,
    facts: &mut Facts,
) -> Result<Option<History>, EngineError> {
    let is_ours = facts.ledger.kind == LedgerKind::Stopover && !facts.ledger.exists;
    let is_alone = facts.ledgers.is_empty() && !facts.trackers.is_empty();
    if request.policy.auto_adopt == AutoAdopt::Off || !is_ours || !is_alone {
        return Ok(None);
    }
    let adoption =
        Adoption { from: AdoptFrom::GolangMigrate, table: None, drop_legacy: false, proof: None };
    let history = history(session, request, facts, &adoption).await?;
    facts.ledger.rows.clone_from(&history.rows);
    Ok(Some(history))
}

/// Writes what was foreseen, under the run lock.
pub(crate) async fn take_over<S: Session + Adopt>(
    locked: &mut Locked<S>,
    facts: &mut Facts,
    history: &History,
) -> Result<(), EngineError> {
    write(locked, facts, &history.rows, &history.table, None).await?;
    facts.ledger.exists = true;
    Ok(())
}

/// Tells of it: what an apply does, or has done.
pub(crate) fn told(history: &History) -> Finding {
    let count = history.rows.len();
    let last =
        history.rows.last().map_or_else(String::new, |it| format!(": all up to {}", it.version));
    let noun = if count == 1 { "migration is" } else { "migrations are" };
    Finding::warning(
        "adopted",
        history.table.clone(),
        format!(
            "{count} {noun} taken over from {} because auto_adopt is set{last}; a counter does not \
             prove that each of them ran, and their rows say assumed",
            history.table
        ),
        "`stopover adopt --prove` compares the schema with one that the migrations make from \
         nothing",
    )
}
