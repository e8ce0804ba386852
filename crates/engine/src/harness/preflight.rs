//! Whether this is the moment for an apply.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use stopover_backend::{Backend, BackendError, SchemaRecord, Session, SurroundingsRequest};
use stopover_checks::{
    Fingerprint, LeftSchema, Planned, PreflightFacts, privilege_needs, written_relations,
};
use stopover_model::harness::{Fact, PreflightLimits, Surroundings, TouchedRelation};
use stopover_model::report::{PreflightReport, TouchedTable};
use stopover_model::{DatabaseKind, Facts, Finding, Plan, RowState, Schema};

use super::known::KnownSchema;
use super::own_session::in_own_session;
use super::reading::in_time;
use crate::{EngineError, Request, gate, read};

/// Finds the pg_dump that would make the backup of a server, given the server's version
/// (`15.18`): its own version. [`Fact::NotHere`] where the backup is made without it.
#[derive(Clone)]
pub struct DumpFinder(Arc<Find>);

type Find = dyn Fn(&str) -> Fact<String> + Send + Sync;

impl DumpFinder {
    /// One that looks so.
    pub fn new(find: impl Fn(&str) -> Fact<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(find))
    }

    /// No backup is made with it.
    #[must_use]
    pub fn not_used() -> Self {
        Self::new(|_| Fact::NotHere)
    }
}

impl fmt::Debug for DumpFinder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DumpFinder").finish_non_exhaustive()
    }
}

/// What a preflight is told, beside the request of the apply.
#[derive(Debug, Clone)]
pub struct Preflight {
    /// What may pass.
    pub limits: PreflightLimits,
    /// The role that the apply will connect as, where it is not the one that asks.
    pub role: Option<String>,
    /// Finds pg_dump. SQLite needs none: nobody is asked there.
    pub dump: DumpFinder,
    /// Free bytes where the server keeps its data; [`Fact::NotHere`] where nobody has said.
    pub data_dir_free: Fact<u64>,
}

impl Default for Preflight {
    fn default() -> Self {
        Self {
            limits: PreflightLimits::default(),
            role: None,
            dump: DumpFinder::not_used(),
            data_dir_free: Fact::NotHere,
        }
    }
}

/// Makes every check. Takes no lock and writes nothing; works with a role that may only read.
///
/// A check that could not be made is an error in the report, and no error of this function.
///
/// # Errors
/// Where the database cannot be reached, the settings do not fit it, and where a signal asks to
/// stop.
pub async fn preflight<B: Backend>(
    backend: &B,
    request: &Request<'_>,
    asked: &Preflight,
) -> Result<PreflightReport, EngineError> {
    let mut known = KnownSchema::unread(asked.limits.fact_timeout);
    preflight_knowing(backend, request, asked, &mut known).await
}

/// The same where the schema may have been read before.
pub(crate) async fn preflight_knowing<B: Backend>(
    backend: &B,
    request: &Request<'_>,
    asked: &Preflight,
    known: &mut KnownSchema,
) -> Result<PreflightReport, EngineError> {
    let began = Timestamp::now();
    let looking = in_own_session(backend, &request.stop, |mut session| async move {
        look(&mut session, request, asked, known).await
    });
    match looking.await {
        Ok(seen) => Ok(report(began, &seen, asked)),
        // That is what one of the checks looks for.
        Err(EngineError::Backend(BackendError::Full { reason, remedy, .. })) => {
            Ok(no_connection(began, &reason, &remedy))
        }
        Err(other) => Err(other),
    }
}

/// The report of a server that has no connection left: nothing else could be looked at.
fn no_connection(began: Timestamp, reason: &str, remedy: &str) -> PreflightReport {
    let judged = stopover_checks::no_connection(reason, remedy);
    PreflightReport {
        checks: judged.checks,
        findings: judged.findings,
        ..PreflightReport::begun(began, DatabaseKind::Postgres)
    }
    .judged()
}

/// Everything that was read.
struct Seen {
    plan: Fact<Planning>,
    fingerprint: Fact<LeftSchema>,
    receipt: Fact<Vec<Finding>>,
    around: Surroundings,
}

async fn look<S: Session>(
    session: &mut S,
    request: &Request<'_>,
    asked: &Preflight,
    known: &mut KnownSchema,
) -> Result<Seen, EngineError> {
    let limit = asked.limits.fact_timeout;
    let canceller = session.canceller();
    let facts = read::within(session, request, limit).await?;
    let (plan, receipt) = planned(session, &facts, request, known).await?;
    let made = match &plan {
        Fact::Read(Ok(plan)) => Some(plan),
        _ => None,
    };
    let ledger = in_time(&canceller, limit, session.locate(&request.facts)).await?;
    let recorded = match ledger.read() {
        Some(ledger) => in_time(&canceller, limit, session.recorded_schema(ledger)).await?,
        None => ledger.clone().map(|_| None),
    };
    let fingerprint = fingerprint(session, request, recorded, &facts, known).await?;
    let around = SurroundingsRequest {
        relations: made.map(written_relations).unwrap_or_default(),
        needs: made.map(privilege_needs).unwrap_or_default(),
        role: asked.role.clone(),
        ledger: ledger.read().cloned(),
        fact_timeout: limit,
    };
    let around = session.surroundings(&around).await?;
    Ok(Seen { plan, fingerprint, receipt, around })
}

/// A plan, or every reason why there is none.
type Planning = Result<Plan, Vec<Finding>>;

/// What the planner makes of it, and what the gate says to that.
async fn planned<S: Session>(
    session: &mut S,
    facts: &Fact<(Facts, Option<Finding>)>,
    request: &Request<'_>,
    known: &mut KnownSchema,
) -> Result<(Fact<Planning>, Fact<Vec<Finding>>), EngineError> {
    let (facts, foreseen) = match facts {
        Fact::Read((facts, foreseen)) => (facts, foreseen),
        Fact::Unread(unread) => return Ok((Fact::Unread(unread.clone()), Fact::NotHere)),
        Fact::NotHere => return Ok((Fact::NotHere, Fact::NotHere)),
    };
    let plan = stopover_planner::plan(request.source, facts, request.policy, &request.selection);
    let plan = plan.map(|mut plan| {
        plan.findings.extend(foreseen.clone());
        plan
    });
    let receipt = match (&plan, &request.gate.requirement) {
        (Ok(plan), Some(_)) => {
            let passed = Box::pin(gate::pass(session, (plan, facts), request, known)).await?;
            Fact::Read(passed.map_or_else(|problems| problems, |it| it.findings))
        }
        _ => Fact::NotHere,
    };
    Ok((Fact::Read(plan), receipt))
}

/// When a migration was last applied, as far as the ledger says it.
fn newest(facts: &Fact<(Facts, Option<Finding>)>) -> Option<Timestamp> {
    let (facts, _) = facts.read()?;
    facts.ledger.rows.iter().filter_map(|row| row.applied_at).max()
}

/// Migrations that were begun and are not known to have finished.
fn interrupted(facts: &Fact<(Facts, Option<Finding>)>) -> Vec<String> {
    let rows = facts.read().into_iter().flat_map(|(facts, _)| &facts.ledger.rows);
    let dirty = rows.filter(|it| matches!(it.state, RowState::Dirty(_)));
    dirty.map(|it| it.version.to_string()).collect()
}

/// The schema that the last apply left beside the one that is there; [`Fact::NotHere`] where none was
/// kept.
async fn fingerprint<S: Session>(
    session: &mut S,
    request: &Request<'_>,
    recorded: Fact<Option<SchemaRecord>>,
    facts: &Fact<(Facts, Option<Finding>)>,
    known: &mut KnownSchema,
) -> Result<Fact<LeftSchema>, EngineError> {
    let record = match recorded {
        Fact::Read(Some(record)) => record,
        Fact::Read(None) | Fact::NotHere => return Ok(Fact::NotHere),
        Fact::Unread(unread) => return Ok(Fact::Unread(unread)),
    };
    let told = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let recorded_at = record.at.map_or_else(|| "an unknown time".to_owned(), told);
    // Who applied something later left no fingerprint: a run that was interrupted, a service that
    // migrates itself, another tool.
    if let Some((_, applied)) = record.at.zip(newest(facts)).filter(|(at, applied)| at < applied) {
        let applied_at = told(applied);
        return Ok(Fact::Read(LeftSchema::Outdated { recorded_at, applied_at }));
    }
    let now = known.read(session, &request.facts).await?;
    let then = record.text.as_deref().and_then(|it| Schema::of_text(it, &record.checksum));
    let (recorded, interrupted) = (record.checksum, interrupted(facts));
    Ok(now.map(|now| {
        let now = now.clone();
        let fingerprint = Fingerprint { recorded_at, recorded, then, now, interrupted };
        LeftSchema::Known(Box::new(fingerprint))
    }))
}

fn report(began: Timestamp, seen: &Seen, asked: &Preflight) -> PreflightReport {
    let Seen { plan, fingerprint, receipt, around } = seen;
    let planned = match plan {
        Fact::Read(Ok(plan)) => Fact::Read(Planned::Plan(plan)),
        Fact::Read(Err(problems)) => Fact::Read(Planned::Refused(problems)),
        Fact::Unread(unread) => Fact::Unread(unread.clone()),
        Fact::NotHere => Fact::NotHere,
    };
    let database = around.database;
    let dump_version = match database {
        DatabaseKind::Postgres => (asked.dump.0)(&around.server_version),
        DatabaseKind::Sqlite => Fact::NotHere,
    };
    let judged = stopover_checks::preflight(&PreflightFacts {
        planned: &planned,
        fingerprint,
        around,
        limits: &asked.limits,
        dump_version: &dump_version,
        data_dir_free: &asked.data_dir_free,
        receipt,
    });
    let plan = match plan {
        Fact::Read(Ok(plan)) => Some(plan),
        _ => None,
    };
    let tables = around.relations.read().filter(|_| plan.is_some());
    PreflightReport {
        server_version: Some(around.server_version.clone()),
        plan_hash: plan.map(Plan::hash),
        pending: plan.map(|it| it.steps.iter().map(|step| step.version.clone()).collect()),
        tables: tables.map(|it| it.iter().map(touched).collect()),
        checks: judged.checks,
        findings: judged.findings,
        ..PreflightReport::begun(began, database)
    }
    .judged()
}

fn touched(it: &TouchedRelation) -> TouchedTable {
    TouchedTable { relation: it.relation.clone(), lock: it.mode.clone(), bytes: it.bytes }
}
