//! What was in the tables before the migrations, and what is in them afterwards.
//!
//! A table that nobody wrote to is not counted again: its imprint says so. Where the database makes
//! no such promise, every table is counted. Whoever looks is a session beside the migrations', as a
//! role that may read everything where the scratch has one.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::time::Instant;

use stopover_backend::{
    Backend, BackendError, CensusDepth, CensusScope, CensusShelf, Execute, Imprint, Session,
    StopSignal,
};
use stopover_checks::{Allowance, CountedTable, changed, vanished, vanished_at_boot};
use stopover_model::report::{MigrationReport, RehearsalReport, TableReport};
use stopover_model::{Finding, TableCensus, Version};

use super::after::look_again;
use super::compared::{Before, Compared, Was, merge, uncounted};
use super::named::{Named, all_of, at_risk_in};
use super::recalled::Known;
use crate::statement::unless_stopped;
use crate::{Applied, Ending, Request};

/// Why there is no census.
pub(super) enum NoCensus {
    Failed(BackendError),
    Stopped(StopSignal),
}

impl From<BackendError> for NoCensus {
    fn from(error: BackendError) -> Self {
        Self::Failed(error)
    }
}

/// How the census before is taken.
pub(super) struct Taking<'a> {
    pub(super) depth: CensusDepth,
    /// Keeps the census of the base, where the scratch is a copy of one.
    pub(super) shelf: Option<&'a dyn CensusShelf>,
}

impl Taking<'_> {
    /// Of what is there now, whatever it began as.
    pub(super) fn anew(depth: CensusDepth) -> Self {
        Self { depth, shelf: None }
    }
}

/// Counts what is there, and reads the schema. `None` where that cannot be done, and says so.
///
/// # Errors
/// A signal that asks to stop.
pub(super) async fn begin<B: Backend>(
    auditor: &B,
    request: &Request<'_>,
    taking: Taking<'_>,
    report: &mut RehearsalReport,
) -> Result<Option<Before>, StopSignal> {
    let known = match taking.depth {
        CensusDepth::Rows => Known::recall(taking.shelf),
        CensusDepth::Digests => Known::default(),
    };
    report.findings.extend(known.finding());
    match before(auditor, request, taking.depth, known).await {
        Ok(before) => Ok(Some(before)),
        Err(NoCensus::Stopped(signal)) => Err(signal),
        Err(NoCensus::Failed(error)) => {
            report.findings.push(uncountable(&error));
            Ok(None)
        }
    }
}

/// Counts again, and says what vanished. What was not carried out to its end or to its failure is
/// not looked at: there is no verdict then.
pub(super) async fn end<B: Backend>(
    auditor: &B,
    before: &Before,
    applied: &Applied,
    request: &Request<'_>,
    report: &mut RehearsalReport,
) {
    if matches!(applied.ending, Ending::Stopped(_) | Ending::Lost(_)) {
        return;
    }
    again(auditor, before, &applied.migrations, request, report).await;
}

/// Who counts, and what was there before.
pub(super) struct Audit<'a, B> {
    pub(super) auditor: &'a B,
    pub(super) before: Option<&'a Before>,
}

impl<B: Backend> Audit<'_, B> {
    /// Counts again after somebody else has run these migrations.
    pub(super) async fn end(
        &self,
        migrations: &[MigrationReport],
        request: &Request<'_>,
        report: &mut RehearsalReport,
    ) {
        if let Some(before) = self.before {
            again(self.auditor, before, migrations, request, report).await;
        }
    }
}

async fn again<B: Backend>(
    auditor: &B,
    before: &Before,
    migrations: &[MigrationReport],
    request: &Request<'_>,
    report: &mut RehearsalReport,
) {
    let ran = migrations.iter().filter_map(|it| request.source.get(&it.version));
    let texts: Vec<&str> = ran.map(|it| it.up.text.as_str()).collect();
    let compared = match after(auditor, before, &texts, request, report).await {
        Ok(compared) => compared,
        Err(NoCensus::Failed(error)) => {
            report.findings.push(uncountable(&error));
            return;
        }
        Err(NoCensus::Stopped(_)) => {
            report.findings.push(uncountable(&"a signal asked to stop"));
            return;
        }
    };
    let tables: Vec<CountedTable<'_>> = compared.iter().map(Compared::counted).collect();
    report.findings.extend(vanished(&tables, &allowances(request, migrations)));
    report.findings.extend(changed(&tables, &texts));
}

/// Counts again after the service has booted. Gives what vanished since `before`, and puts into the
/// report how many rows are left.
pub(super) async fn booted<B: Backend>(
    auditor: &B,
    before: &Before,
    request: &Request<'_>,
    report: &mut RehearsalReport,
) -> Vec<Finding> {
    let compared = match look_again(auditor, before, &[], request).await {
        Ok((compared, _)) => compared,
        Err(NoCensus::Failed(error)) => return vec![uncountable(&error)],
        Err(NoCensus::Stopped(_)) => return vec![uncountable(&"a signal asked to stop")],
    };
    for Compared { report: now, .. } in &compared {
        let known = report.tables.iter_mut();
        let is_it = |it: &&mut TableReport| it.relation_after.as_ref() == Some(&now.relation);
        if let Some(known) = known.filter(|_| now.rows_before.is_some()).find(is_it) {
            known.rows_after = now.rows_after;
        }
    }
    let tables: Vec<CountedTable<'_>> = compared.iter().map(Compared::counted).collect();
    vanished_at_boot(&tables)
}

/// Nothing is known of rows that vanished, and nothing passes because nobody looked.
fn uncountable(error: &dyn Display) -> Finding {
    Finding::error(
        "census",
        "the scratch",
        format!("the rows could not be counted, so that nobody knows what is lost: {error}"),
        "see to it that the role may read every table (on a given server it must own all of \
         them), and run the rehearsal again",
    )
}

async fn before<B: Backend>(
    auditor: &B,
    request: &Request<'_>,
    depth: CensusDepth,
    known: Known<'_>,
) -> Result<Before, NoCensus> {
    let began = Instant::now();
    let mut session = auditor.connect().await?;
    let canceller = session.canceller();
    let reading = async {
        let texts = match depth {
            CensusDepth::Rows => to_run(&mut session, request).await,
            CensusDepth::Digests => Vec::new(),
        };
        read_before(&mut session, request, (depth, known), &texts).await
    };
    let read = unless_stopped(&canceller, reading, &request.stop).await;
    let mut before = read.map_err(NoCensus::Stopped)??;
    session.hang_up().await;
    before.ms = began.elapsed().as_secs_f64() * 1e3;
    Ok(before)
}

/// The scripts that will run; all of them where that cannot be told.
async fn to_run<'a, S: Session>(session: &mut S, request: &Request<'a>) -> Vec<&'a str> {
    let all = &request.source.migrations;
    let planned = crate::read::plan_in(session, request).await;
    let planned = planned.ok().filter(|it| it.problems.is_empty());
    let is_planned = |version: &Version| {
        planned.as_ref().is_none_or(|it| it.steps.iter().any(|step| step.version == *version))
    };
    all.iter().filter(|it| is_planned(&it.version)).map(|it| it.up.text.as_str()).collect()
}

async fn read_before<S: Session>(
    session: &mut S,
    request: &Request<'_>,
    (depth, mut known): (CensusDepth, Known<'_>),
    texts: &[&str],
) -> Result<Before, BackendError> {
    let scope = session.bookkeeping(&request.facts).await?;
    let began = Instant::now();
    let (catalogs, schema) = known.schema(session, &scope).await?;
    let read_schema = began.elapsed();
    let imprints = session.imprints(&scope).await?;
    let mut counted = counted(session, &scope, (depth, &known), &imprints).await?;
    let named = match depth {
        CensusDepth::Rows => at_risk_in(texts, &imprints),
        CensusDepth::Digests => all_of(&imprints),
    };
    let counted_rows = began.elapsed();
    let mut values = values_before(session, &scope, (&named, &known), &imprints).await?;
    tracing::debug!(?read_schema, ?counted_rows, all = ?began.elapsed(), "the census before");
    let mut tables = Vec::with_capacity(imprints.len());
    for (at, imprint) in imprints.into_iter().enumerate() {
        let found = counted.remove(&imprint.relation);
        let rows = found.as_ref().map(|it| it.rows).or(imprint.rows).or(known.rows(&imprint));
        let rows = rows.ok_or_else(|| uncounted(&imprint.relation))?;
        let digested = found.filter(|it| it.digest.is_some());
        tables.push(Was {
            imprint,
            rows,
            digested,
            values: values.remove(&at).unwrap_or_default(),
        });
    }
    let large_objects = session.large_objects().await?;
    let before = Before { schema, depth, tables, large_objects, ms: 0.0 };
    known.keep(&scope, catalogs, &before);
    Ok(before)
}

/// How many values the columns hold, by the table's position and the column's key.
async fn values_before<S: Session>(
    session: &mut S,
    scope: &CensusScope,
    (named, known): (&[Named], &Known<'_>),
    imprints: &[Imprint],
) -> Result<HashMap<usize, BTreeMap<String, u64>>, BackendError> {
    let mut values = HashMap::new();
    for named in named {
        let imprint = &imprints[named.table];
        let columns = named.columns.iter().map(|at| &imprint.columns[*at]);
        let (keys, names): (Vec<String>, Vec<String>) =
            columns.map(|it| (it.key.clone(), it.name.clone())).unzip();
        let found = match known.values(imprint, &keys) {
            Some(found) => Some(found),
            None => session.values(scope, &imprint.relation, &names).await?,
        };
        if let Some(found) = found {
            values.insert(named.table, keys.into_iter().zip(found).collect());
        }
    }
    Ok(values)
}

/// Tables whose rows have to be counted, by name; every one where digests are wanted.
async fn counted<S: Session>(
    session: &mut S,
    scope: &CensusScope,
    (depth, known): (CensusDepth, &Known<'_>),
    imprints: &[Imprint],
) -> Result<HashMap<String, TableCensus>, BackendError> {
    let wanted = |it: &&Imprint| match depth {
        CensusDepth::Digests => true,
        CensusDepth::Rows => it.rows.or(known.rows(it)).is_none(),
    };
    let names: Vec<String> = imprints.iter().filter(wanted).map(|it| it.relation.clone()).collect();
    let tables = session.chosen_tables(scope, depth, &names).await?;
    Ok(tables.into_iter().map(|it| (it.relation.clone(), it)).collect())
}

/// Counts what is there afterwards, and puts it into the report. Gives what became of each table.
async fn after<B: Backend>(
    auditor: &B,
    before: &Before,
    texts: &[&str],
    request: &Request<'_>,
    report: &mut RehearsalReport,
) -> Result<Vec<Compared>, NoCensus> {
    let began = Instant::now();
    let (compared, after) = look_again(auditor, before, texts, request).await?;
    report.schema.before = Some(before.schema.checksum.clone());
    report.schema.after = Some(after.schema.checksum.clone());
    merge(&mut report.tables, &compared);
    report.timings.census_ms = Some(before.ms + began.elapsed().as_secs_f64() * 1e3);
    Ok(compared)
}

/// What the migrations that ran allow to be lost.
fn allowances<'a>(
    request: &'a Request<'_>,
    migrations: &'a [MigrationReport],
) -> Vec<Allowance<'a>> {
    let allowance = |it: &'a MigrationReport| {
        let migration = request.source.get(&it.version);
        Allowance {
            migration: it,
            relations: migration.map_or(&[], |it| it.directives.allow_data_loss.as_slice()),
        }
    };
    migrations.iter().map(allowance).collect()
}
