//! What is remembered of a database before an apply, so that a postflight can tell what was lost.

use std::collections::BTreeSet;
use std::time::Duration;

use stopover_backend::{
    Backend, BackendError, CensusDepth, CensusScope, HealthRequest, ReachRequest, Session,
    SurroundingsRequest,
};
use stopover_checks::{reach, written_relations};
use stopover_model::harness::{
    BodyFault, Fact, Grants, Health, PostflightLimits, TouchedRelation, Unread,
};
use stopover_model::{Direction, LockMode, Plan, Step, TableCensus};

use super::own_session::in_own_session;
use super::reading::in_time;
use super::values::{self, Held};
use crate::{EngineError, Request};

/// A database as it was.
#[derive(Debug, Clone)]
pub struct Before {
    /// What did not work: views, functions, indexes.
    pub(super) broken: BTreeSet<String>,
    /// How many rows each table had.
    pub(super) tables: Fact<Vec<TableCensus>>,
    /// What was in the columns of tables that are going to be made again.
    pub(super) held: Fact<Held>,
    /// Who had which rights on which relation.
    pub(super) grants: Fact<Vec<Grants>>,
    /// Tables that may lose rows, as the scripts that are going to be run write them.
    pub(super) allowed: Vec<String>,
    /// The texts of what is going to be applied, in their order.
    pub(super) scripts: Vec<String>,
}

impl Before {
    /// Why its rows, or what is in its columns, could not be counted.
    pub(crate) fn uncounted(&self) -> Option<&Unread> {
        match (&self.tables, &self.held) {
            (Fact::Unread(why), _) | (_, Fact::Unread(why)) => Some(why),
            (Fact::Read(_) | Fact::NotHere, Fact::Read(_) | Fact::NotHere) => None,
        }
    }
}

/// Looks at the database before `plan` is carried out. Writes nothing. Rows are counted of the tables
/// that the plan writes to, and loses rows of by foreign keys; of all tables where its text does not
/// tell which, or where code of the database's own may run; values are counted of the tables that it
/// makes again. That takes its time where they are large: at most `scan_timeout` each.
///
/// # Errors
/// Where the database cannot be reached, and where a signal asks to stop.
pub async fn before<B: Backend>(
    backend: &B,
    request: &Request<'_>,
    limits: &PostflightLimits,
    (plan, direction): (&Plan, Direction),
) -> Result<Before, EngineError> {
    let looking = in_own_session(backend, &request.stop, |mut session| async move {
        Ok(look(&mut session, request, limits, (plan, direction)).await?)
    });
    looking.await
}

async fn look<S: Session>(
    session: &mut S,
    request: &Request<'_>,
    limits: &PostflightLimits,
    (plan, direction): (&Plan, Direction),
) -> Result<Before, BackendError> {
    let scope = session.bookkeeping(&request.facts).await?;
    let health = session.health(&health_request(scope.clone(), limits)).await?;
    let written = written(session, plan, limits).await?;
    let tables = tables(session, &scope, limits.scan_timeout, written.as_deref()).await?;
    let statements = plan.downs.iter().chain(&plan.steps).flat_map(|step| &step.statements);
    let scripts: Vec<String> = statements.map(|it| it.text.clone()).collect();
    let held = values::held(session, &scope, limits.scan_timeout, &scripts).await?;
    Ok(Before {
        broken: broken(&health),
        tables,
        held,
        grants: session.grants(limits.fact_timeout).await?,
        allowed: allowed(request, plan, direction),
        scripts,
    })
}

/// What the scripts of a plan may lose rows of: they say it themselves.
fn allowed(request: &Request<'_>, plan: &Plan, direction: Direction) -> Vec<String> {
    let said = |step: &Step, direction| {
        let migration = request.source.get(&step.version);
        let directives = migration.map(|it| match direction {
            Direction::Up => &it.directives,
            Direction::Down => &it.down_directives,
        });
        directives.map_or_else(Vec::new, |it| it.allow_data_loss.clone())
    };
    let downs = plan.downs.iter().flat_map(|it| said(it, Direction::Down));
    downs.chain(plan.steps.iter().flat_map(|it| said(it, direction))).collect()
}

pub(super) fn health_request(scope: CensusScope, limits: &PostflightLimits) -> HealthRequest {
    HealthRequest { scope, fact_timeout: limits.fact_timeout, scan_timeout: limits.scan_timeout }
}

/// The subjects of what does not work.
fn broken(health: &Health) -> BTreeSet<String> {
    let bodies = health.broken.read().into_iter().flatten();
    let bodies = bodies.filter(|it| matches!(it.fault, BodyFault::Broken { .. }));
    let indexes = health.invalid_indexes.read().into_iter().flatten();
    let indexes = indexes.map(|it| format!("index {}", it.index));
    bodies.map(|it| it.subject.clone()).chain(indexes).collect()
}

/// The tables that the plan writes to; `None` for any.
async fn written<S: Session>(
    session: &mut S,
    plan: &Plan,
    limits: &PostflightLimits,
) -> Result<Option<Vec<String>>, BackendError> {
    let Some(reach) = reach(plan) else { return Ok(None) };
    let code = ReachRequest {
        relations: reach.relations,
        calls: reach.calls,
        fact_timeout: limits.fact_timeout,
    };
    if session.runs_code(&code).await?.read() != Some(&false) {
        return Ok(None);
    }
    let request = SurroundingsRequest {
        relations: written_relations(plan),
        needs: Vec::new(),
        role: None,
        ledger: None,
        fact_timeout: limits.fact_timeout,
    };
    let writes = |it: &TouchedRelation| {
        LockMode::of(&it.mode).is_none_or(|mode| mode >= LockMode::RowExclusive)
    };
    let touched = session.touched(&request).await?;
    let names = |touched: &Vec<TouchedRelation>| {
        touched.iter().filter(|it| writes(it)).map(|it| it.relation.clone()).collect()
    };
    Ok(touched.read().map(names))
}

/// Counts the rows of these tables, or of all.
pub(super) async fn tables<S: Session>(
    session: &mut S,
    scope: &CensusScope,
    limit: Duration,
    relations: Option<&[String]>,
) -> Result<Fact<Vec<TableCensus>>, BackendError> {
    let canceller = session.canceller();
    match relations {
        Some(these) => {
            let counting = session.chosen_tables(scope, CensusDepth::Rows, these);
            in_time(&canceller, limit, counting).await
        }
        None => in_time(&canceller, limit, session.tables(scope, CensusDepth::Rows)).await,
    }
}
