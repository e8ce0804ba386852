//! The proof before a history is taken over: what its migrations make of an empty database is
//! what the target has. "Counter at N" proves nothing: 103 may have been skipped.
//!
//! The run lock is not held meanwhile: [`super::adopt`] looks at the target's schema once more
//! under the lock, and a proof of another schema is no proof.

use stopover_backend::{
    Adopt, Backend, BackendError, Bookkeeping, Census, FactsReader, FactsRequest, LedgerChoice,
    PrepareError, PrepareStage, Prepared, ScratchProvider,
};
use stopover_model::{
    EventSink, Finding, Gate, LedgerKind, Policy, Schema, Silent, SourceSet, Version, detail_list,
};
use stopover_planner::Selection;

use crate::{Ending, EngineError, Request, apply::apply};

use super::differences::{Chronicle, differences, without_schema};
use super::{AdoptFrom, Adoption, history, of_kind, refused};

/// A target's schema is what the migrations of a history make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The checksum of the target's schema then.
    pub(super) target: String,
    /// The versions of which the schema shows that they ran, ascending.
    pub(super) shown: Vec<Version>,
    /// What else was found: no errors.
    pub(super) findings: Vec<Finding>,
}

/// Runs the migrations of the history that `adoption` means on an empty scratch, one after the
/// other, and compares the schema with the target's. Writes nothing to the target.
///
/// # Errors
/// Where the schemas differ (the findings name each version that was skipped), or the scratch
/// cannot be had, or a migration fails there.
pub async fn prove<B, P>(
    backend: &B,
    provider: &mut P,
    request: &Request<'_>,
    adoption: &Adoption,
    sink: &mut dyn EventSink,
) -> Result<Proof, EngineError>
where
    B: Backend,
    B::Session: Adopt + Census + Bookkeeping,
    P: ScratchProvider,
    <P::Backend as Backend>::Session: Census + Bookkeeping,
{
    let own = of_kind(&request.facts, LedgerKind::Stopover);
    let request = Request { facts: own, ..request.clone() };
    let mut session = backend.connect().await?;
    let facts = session.facts(&request.facts).await?;
    let history = history(&mut session, &request, &facts, adoption).await?;
    let versions: Vec<Version> = history.rows.iter().map(|it| it.version.clone()).collect();
    let chain = chain(request.source, &versions, &history.table)?;
    let target = schema(&mut session, &request.facts).await?;
    drop(session);
    let made = match provider.prepare(&request.stop, sink).await {
        Ok(prepared) => made_by(&prepared, &chain, &request, adoption).await,
        Err(error) => Err(unprepared(error)),
    };
    let mut findings = provider.discard().await;
    let (made, chronicle) = made?;
    let found = differences(&made, &target, &chronicle);
    if found.iter().any(Finding::is_error) {
        return Err(EngineError::Refused(found));
    }
    findings.extend(found);
    let (shown, silent): (Vec<Version>, Vec<Version>) =
        versions.into_iter().partition(|it| chronicle.shows(it));
    findings.extend(not_shown(&silent));
    Ok(Proof { target: target.checksum, shown, findings })
}

/// The target's schema, bookkeeping apart.
pub(super) async fn schema<S: Census + Bookkeeping + FactsReader>(
    session: &mut S,
    request: &FactsRequest,
) -> Result<Schema, BackendError> {
    let scope = session.bookkeeping(request).await?;
    let own = session.locate(&of_kind(request, LedgerKind::Stopover)).await?;
    let schema = session.schema(&scope).await?;
    Ok(without_schema(schema, &own.schema))
}

/// The migrations of the history, all of which must be in the source.
fn chain(source: &SourceSet, versions: &[Version], table: &str) -> Result<SourceSet, EngineError> {
    let absent: Vec<String> =
        versions.iter().filter(|it| source.get(it).is_none()).map(ToString::to_string).collect();
    if !absent.is_empty() {
        let (noun, verb) = if absent.len() == 1 { ("version", "is") } else { ("versions", "are") };
        return Err(refused(
            table,
            format!(
                "{noun} {} {verb} in {table} and not in the source: what nobody can run proves \
                 nothing",
                detail_list(&absent)
            ),
            "name the folder that has them (--migrations DIR), or take over without a proof",
        ));
    }
    let migrations =
        source.migrations.iter().filter(|it| versions.contains(&it.version)).cloned().collect();
    Ok(SourceSet { migrations, ..source.clone() })
}

/// Runs the chain on the scratch, and looks at the schema after each migration.
async fn made_by<B: Backend>(
    prepared: &Prepared<B>,
    chain: &SourceSet,
    request: &Request<'_>,
    adoption: &Adoption,
) -> Result<(Schema, Chronicle), EngineError>
where
    B::Session: Census + Bookkeeping,
{
    // A migration may read the ledger that it was written for.
    let kind = match adoption.from {
        AdoptFrom::Ledger(kind) => kind,
        _ => LedgerKind::Stopover,
    };
    let choice = LedgerChoice { kind: Some(kind), ..request.facts.ledger.clone() };
    let facts = FactsRequest { ledger: choice };
    let mut session = prepared.backend.connect().await?;
    let mut chronicle = Chronicle::default();
    let mut before = schema(&mut session, &facts).await?;
    for count in 1..=chain.migrations.len() {
        let migrations = chain.migrations[..count].to_vec();
        let so_far = SourceSet { migrations, findings: Vec::new(), ..chain.clone() };
        let one = Request {
            source: &so_far,
            policy: &Policy::default(),
            facts: facts.clone(),
            selection: Selection::All,
            gate: Gate::default(),
            ..request.clone()
        };
        let applied = apply(&prepared.backend, &one, &mut Silent).await?;
        proceed(applied.ending)?;
        let version = &chain.migrations[count - 1].version;
        let after = schema(&mut session, &facts).await?;
        chronicle.add(version, &before, &after);
        before = after;
    }
    Ok((before, chronicle))
}

fn proceed(ending: Ending) -> Result<(), EngineError> {
    match ending {
        Ending::Complete => Ok(()),
        Ending::Failed { failed, error } => Err(refused(
            &format!("migration {}", failed.version),
            format!(
                "the proof cannot be made: migration {} fails on an empty database: {}",
                failed.version, error.message
            ),
            "what it needs and no migration makes (a schema, a role, rows) was there in the target \
             before: take over without a proof, and look at the schema yourself",
        )),
        Ending::Stopped(signal) => Err(EngineError::Stopped(signal)),
        Ending::Lost(error) => Err(EngineError::Backend(error)),
    }
}

fn unprepared(error: PrepareError) -> EngineError {
    match error.stage {
        PrepareStage::Stopped(signal) => EngineError::Stopped(signal),
        _ => EngineError::Scratch { reason: error.message, remedy: error.remedy },
    }
}

/// Versions that left nothing to compare.
fn not_shown(silent: &[Version]) -> Option<Finding> {
    let names: Vec<String> = silent.iter().map(ToString::to_string).collect();
    let first = silent.first()?;
    let (noun, verb, rows) = match names.len() {
        1 => ("version", "leaves", "its row says"),
        _ => ("versions", "leave", "their rows say"),
    };
    Some(Finding::note(
        "not-shown",
        format!("migration {first}"),
        format!(
            "{noun} {} {verb} nothing to be seen in the schema: that it ran is not proven, and {rows} \
             assumed",
            detail_list(&names)
        ),
        "",
    ))
}
