//! Whether an apply left everything as it should be.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use stopover_backend::{Backend, BackendError, Bookkeeping, CensusScope, Session};
use stopover_checks::{ExpectedSchema, LedgerState, PostflightFacts, RowCounts};
use stopover_model::harness::{Fact, Grants, Health, LostGrant, PostflightLimits};
use stopover_model::report::{AppliedEntry, Drift, DriftKind, OrphanEntry, PostflightReport};
use stopover_model::{Facts, RowState, Schema, SchemaChange, Severity, TableCensus, Version};

use super::before::{Before, health_request, tables};
use super::own_session::in_own_session;
use super::reading::in_time;
use super::{renamed, values};
use crate::{EngineError, Request, read};

/// What a postflight is told, beside the request of the apply.
#[derive(Debug, Clone, Default)]
pub struct Postflight<'a> {
    /// What may be taken.
    pub limits: PostflightLimits,
    /// What the schema should be.
    pub expected: Vec<ExpectedSchema>,
    /// Versions that are left pending on purpose: the apply was asked for less than everything.
    pub left: BTreeSet<Version>,
    /// The database as it was, where somebody looked.
    pub before: Option<&'a Before>,
}

/// Makes every check. Takes no lock and writes nothing; works with a role that may only read.
///
/// A check that could not be made is an error in the report, and no error of this function.
///
/// # Errors
/// Where the database cannot be reached, the settings do not fit it, and where a signal asks to
/// stop.
pub async fn postflight<B: Backend>(
    backend: &B,
    request: &Request<'_>,
    asked: &Postflight<'_>,
) -> Result<PostflightReport, EngineError> {
    Ok(postflight_with_schema(backend, request, asked).await?.0)
}

/// The same with the schema, where it could be read.
pub(crate) async fn postflight_with_schema<B: Backend>(
    backend: &B,
    request: &Request<'_>,
    asked: &Postflight<'_>,
) -> Result<(PostflightReport, Option<Schema>), EngineError> {
    let began = Timestamp::now();
    let looking = in_own_session(backend, &request.stop, |mut session| async move {
        look(&mut session, request, asked).await
    });
    let seen = looking.await?;
    let report = report(began, &seen, asked);
    let schema = match seen.schema {
        Fact::Read(schema) => Some(schema),
        Fact::Unread(_) | Fact::NotHere => None,
    };
    Ok((report, schema))
}

/// Everything that was read.
struct Seen {
    applied: Option<usize>,
    ledger: Fact<LedgerState>,
    health: Health,
    schema: Fact<Schema>,
    rows: Fact<RowCounts>,
    lost: Fact<Vec<LostGrant>>,
}

async fn look<S: Session>(
    session: &mut S,
    request: &Request<'_>,
    asked: &Postflight<'_>,
) -> Result<Seen, EngineError> {
    let limits = &asked.limits;
    let canceller = session.canceller();
    let facts = read::within(session, request, limits.fact_timeout).await?;
    let judged = facts.map(|(facts, _)| judged(&facts, request));
    let applied = judged.read().map(|(applied, _)| applied.len());
    let scope = session.bookkeeping(&request.facts).await?;
    let health = session.health(&health_request(scope.clone(), limits)).await?;
    let schema = in_time(&canceller, limits.fact_timeout, session.schema(&scope)).await?;
    let (rows, lost) = match asked.before {
        Some(before) => compared(session, &scope, before, limits).await?,
        None => (Fact::NotHere, Fact::NotHere),
    };
    let ledger = judged.map(|(_, state)| state);
    Ok(Seen { applied, ledger, health, schema, rows, lost })
}

/// How source and ledger stand to each other. A migration that was begun and can go on is dirty
/// here all the same.
fn judged(facts: &Facts, request: &Request<'_>) -> (Vec<AppliedEntry>, LedgerState) {
    let judged = stopover_planner::judge(request.source, facts, request.policy);
    let mut drift = judged.drift;
    for row in &facts.ledger.rows {
        let RowState::Dirty(how_far) = &row.state else { continue };
        let is_told =
            |it: &Drift| it.kind == DriftKind::Dirty && it.version.as_ref() == Some(&row.version);
        if !drift.iter().any(is_told) {
            drift.push(dirty(&row.version, row.name.as_deref(), how_far));
        }
    }
    let is_dirty = |version: &Version| {
        drift.iter().any(|it| it.kind == DriftKind::Dirty && it.version.as_ref() == Some(version))
    };
    let pending = judged.pending.into_iter().filter(|it| !is_dirty(&it.version)).collect();
    (judged.applied, LedgerState { pending, drift, findings: judged.findings })
}

fn dirty(version: &Version, name: Option<&str>, how_far: &str) -> Drift {
    Drift {
        kind: DriftKind::Dirty,
        severity: Severity::Error,
        version: Some(version.clone()),
        name: name.map(str::to_owned),
        class: None,
        message: format!("migration {version} was begun, and did not come to its end: {how_far}"),
        remedy: "run stopover apply again: it goes on where the migration stopped".to_owned(),
    }
}

/// Counts again what was counted `before`.
pub(crate) async fn counted_again<B: Backend>(
    backend: &B,
    request: &Request<'_>,
    limits: &PostflightLimits,
    before: &Before,
) -> Result<Fact<RowCounts>, EngineError> {
    let counting = in_own_session(backend, &request.stop, |mut session| async move {
        let scope = session.bookkeeping(&request.facts).await?;
        Ok(compared(&mut session, &scope, before, limits).await?.0)
    });
    counting.await
}

/// What is not there any more.
async fn compared<S: Session>(
    session: &mut S,
    scope: &CensusScope,
    before: &Before,
    limits: &PostflightLimits,
) -> Result<(Fact<RowCounts>, Fact<Vec<LostGrant>>), BackendError> {
    let grants = match &before.grants {
        Fact::NotHere => Fact::NotHere,
        Fact::Read(_) | Fact::Unread(_) => session.grants(limits.fact_timeout).await?,
    };
    let rows = match &before.tables {
        Fact::Read(then) => {
            let renamed = renamed::known(&before.grants, &grants);
            counted(session, scope, (then, before), renamed, limits).await?
        }
        Fact::Unread(unread) => Fact::Unread(unread.clone()),
        Fact::NotHere => Fact::NotHere,
    };
    let lost = match &before.grants {
        Fact::Read(then) => grants.map(|now| lost(then, &now)),
        Fact::Unread(unread) => Fact::Unread(unread.clone()),
        Fact::NotHere => Fact::NotHere,
    };
    Ok((rows, lost))
}

/// Counts the tables again that were counted `then`, under their names of now.
async fn counted<S: Session>(
    session: &mut S,
    scope: &CensusScope,
    (then, before): (&[TableCensus], &Before),
    renamed: Option<BTreeMap<String, String>>,
    limits: &PostflightLimits,
) -> Result<Fact<RowCounts>, BackendError> {
    let allowed = before.allowed.clone();
    let named = |renamed: &BTreeMap<String, String>| -> Vec<String> {
        let names = then.iter().flat_map(|it| [Some(&it.relation), renamed.get(&it.relation)]);
        names.flatten().cloned().collect()
    };
    let these = renamed.as_ref().map(named);
    let after = tables(session, scope, limits.scan_timeout, these.as_deref()).await?;
    let told = (&before.held, before.scripts.as_slice());
    let columns = values::again(session, scope, limits.scan_timeout, told).await?;
    Ok(after.map(|after| {
        let renamed = renamed.unwrap_or_else(|| renamed::by_scripts(then, &after, &before.scripts));
        RowCounts { before: then.to_vec(), after, renamed, columns, allowed }
    }))
}

/// Rights on relations that were made anew under the same name, and are not there any more.
fn lost(then: &[Grants], now: &[Grants]) -> Vec<LostGrant> {
    let mut lost = Vec::new();
    for before in then {
        let Some(after) = now.iter().find(|it| it.relation == before.relation) else { continue };
        if after.object == before.object {
            continue;
        }
        let same = now.iter().find(|it| it.subject == before.subject);
        let has = same.map_or(&[][..], |it| it.rights.as_slice());
        let gone = before.rights.iter().filter(|it| !has.contains(it));
        lost.extend(
            gone.map(|right| LostGrant { subject: before.subject.clone(), grant: right.clone() }),
        );
    }
    lost
}

fn report(began: Timestamp, seen: &Seen, asked: &Postflight<'_>) -> PostflightReport {
    let nothing = BTreeSet::new();
    let judged = stopover_checks::postflight(&PostflightFacts {
        ledger: &seen.ledger,
        left: &asked.left,
        health: &seen.health,
        broken_before: asked.before.map_or(&nothing, |it| &it.broken),
        schema: &seen.schema,
        expected: &asked.expected,
        rows: &seen.rows,
        lost: &seen.lost,
        limits: &asked.limits,
    });
    let dirty =
        |state: &LedgerState| state.drift.iter().filter(|it| it.kind == DriftKind::Dirty).count();
    let schema = seen.schema.read();
    let expected = asked.expected.iter().filter_map(|it| it.schema.as_ref());
    // Definitions may hold passwords; a document has none of them already.
    let now = schema.map(|it| it.clone().redacted());
    let changed = |it: &Schema| now.as_ref().map(|now| it.clone().redacted().changes(now));
    let changes: Vec<SchemaChange> = expected.filter_map(changed).flatten().collect();
    PostflightReport {
        schema_checksum: schema.map(|it| it.checksum.clone()),
        migrations_applied: seen.applied,
        dirty_migrations: seen.ledger.read().map(dirty),
        orphans: orphans(&seen.health),
        schema_changes: changes,
        checks: judged.checks,
        findings: judged.findings,
        ..PostflightReport::begun(began, seen.health.database)
    }
    .judged()
}

fn orphans(health: &Health) -> Vec<OrphanEntry> {
    let keys = health.foreign_keys.read().into_iter().flatten();
    let entry = |key: &stopover_model::harness::ForeignKeyFacts| {
        let rows = key.orphans.read().filter(|it| it.count > 0)?;
        Some(OrphanEntry {
            constraint: key.constraint.clone(),
            relation: key.table.clone(),
            parent: key.parent.clone(),
            count: rows.count,
            samples: rows.samples.clone(),
            list: rows.list.clone(),
            delete: rows.delete.clone(),
        })
    };
    keys.filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(subject: &str, object: &str, rights: &[&str]) -> Grants {
        Grants {
            subject: subject.to_owned(),
            relation: "public.orders".to_owned(),
            object: object.to_owned(),
            rights: rights.iter().map(|it| (*it).to_owned()).collect(),
        }
    }

    #[test]
    fn only_what_was_made_anew_has_lost_rights_those_on_its_columns_too() {
        let table = "table public.orders";
        let column = grants("column public.orders.id", "1", &["reader: UPDATE"]);
        let then = [grants(table, "1", &["app: INSERT", "reader: SELECT"]), column];
        assert_eq!(lost(&then, &[grants(table, "1", &[])]), [], "taken away on purpose");
        assert_eq!(lost(&then, &[]), [], "dropped");
        let told: Vec<String> = lost(&then, &[grants(table, "2", &["app: INSERT"])])
            .into_iter()
            .map(|it| format!("{} {}", it.subject, it.grant))
            .collect();
        assert_eq!(
            told,
            ["table public.orders reader: SELECT", "column public.orders.id reader: UPDATE"]
        );
    }
}
