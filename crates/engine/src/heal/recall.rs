//! Finds out what was applied where a file's checksum is not the ledger's: in other spellings of
//! the file, in the journal, in the history of the file.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stopover_backend::{BackendError, LedgerId, Session};
use stopover_model::{Checksum, DatabaseKind, Edit, EditClass, Facts, Migration, Past};
use stopover_planner::{applied_text, edit_of, edited, spelled};

use crate::Request;

/// How long histories are searched, all migrations together.
const PATIENCE: Duration = Duration::from_secs(20);

/// Adds to the facts what every edit is. Reads only.
pub(crate) async fn edits<S: Session>(
    session: &mut S,
    request: &Request<'_>,
    facts: &mut Facts,
) -> Result<(), BackendError> {
    let edited: Vec<(Checksum, &Migration)> = edited(request.source, facts)
        .into_iter()
        .filter_map(|(row, migration)| {
            Some((row.checksum.clone()?, request.source.get(&migration.version)?))
        })
        .collect();
    if edited.is_empty() {
        return Ok(());
    }
    let ledger = session.locate(&request.facts).await?;
    let until = Instant::now() + PATIENCE;
    for (applied, migration) in edited {
        let database = facts.database;
        let case = Case { request, ledger: &ledger, migration, applied: &applied, database };
        facts.edits.push(case.edit(session, until).await?);
    }
    Ok(())
}

/// One migration whose file is not the one that was applied.
struct Case<'a> {
    request: &'a Request<'a>,
    ledger: &'a LedgerId,
    migration: &'a Migration,
    applied: &'a Checksum,
    database: DatabaseKind,
}

impl Case<'_> {
    async fn edit<S: Session>(
        &self,
        session: &mut S,
        until: Instant,
    ) -> Result<Edit, BackendError> {
        if let Some(edit) = spelled(self.migration, self.database, self.applied) {
            return Ok(edit);
        }
        let known = |text: &str, found: String| edit_of(self.migration, self.database, text, found);
        for script in session.scripts(self.ledger, &self.migration.version).await? {
            if let Some(text) = applied_text(self.migration.fingerprinted(), &script, self.applied)
            {
                return Ok(known(&text, "what was applied is in the journal".to_owned()));
            }
        }
        Ok(match self.past(until).await {
            Past::Found { text, at } => known(&text, format!("what was applied is in {at}")),
            Past::NotFound(reason) => Edit {
                version: self.migration.version.clone(),
                class: EditClass::Unknown,
                found: format!(
                    "what was applied is not known: it is not in the journal, and {reason}"
                ),
            },
        })
    }

    /// Asks the history, on a thread that may block.
    async fn past(&self, until: Instant) -> Past {
        let late = || Past::NotFound("its history takes too long to search".to_owned());
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return late();
        }
        let (history, migration) = (Arc::clone(&self.request.history), self.migration.clone());
        let applied = self.applied.clone();
        let search = move || {
            let wanted = |text: &str| applied_text(migration.fingerprinted(), text, &applied);
            history.find(&migration, &wanted)
        };
        let searching = tokio::task::spawn_blocking(search);
        match tokio::time::timeout(left, searching).await {
            Ok(Ok(past)) => past,
            Ok(Err(error)) => Past::NotFound(format!("the search broke off: {error}")),
            Err(_) => late(),
        }
    }
}
