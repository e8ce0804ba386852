//! The census after the migrations: what is there, and what became of what was.
//!
//! Rows are counted in one session and the schema is read in another one beside it: nobody writes
//! any more, so that both see the same.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use stopover_backend::{
    Backend, BackendError, Bookkeeping, Census, CensusScope, Execute, Imprint, Session,
};
use stopover_model::TableCensus;

use super::census::NoCensus;
use super::compared::{After, Before, Compared, compared, fates, names_after};
use super::renamed::follow;
use crate::Request;
use crate::statement::unless_stopped;

/// What is there, and what became of what was.
pub(super) async fn look_again<B: Backend>(
    auditor: &B,
    before: &Before,
    texts: &[&str],
    request: &Request<'_>,
) -> Result<(Vec<Compared>, After), NoCensus> {
    let mut session = auditor.connect().await?;
    let canceller = session.canceller();
    let reading = read_after(auditor, &mut session, before, texts, request);
    let read = unless_stopped(&canceller, reading, &request.stop).await;
    let after = read.map_err(NoCensus::Stopped)??;
    session.hang_up().await;
    Ok((compared(before, &after)?, after))
}

async fn read_after<B: Backend>(
    auditor: &B,
    session: &mut B::Session,
    before: &Before,
    texts: &[&str],
    request: &Request<'_>,
) -> Result<After, BackendError> {
    let scope = session.bookkeeping(&request.facts).await?;
    let began = Instant::now();
    // First, and alone: it waits until no other session is left that may have written.
    let mut imprints = session.imprints(&scope).await?;
    follow(before.tables.iter().map(|it| &it.imprint), &mut imprints, texts);
    let read_imprints = began.elapsed();
    let (rows, schema) = match auditor.connect().await {
        Ok(mut beside) => {
            let rows = Rows::read(session, &scope, before, &imprints);
            let both = tokio::try_join!(rows, beside.schema(&scope));
            beside.hang_up().await;
            both?
        }
        // A role may have one session only.
        Err(_) => {
            let rows = Rows::read(session, &scope, before, &imprints).await?;
            (rows, session.schema(&scope).await?)
        }
    };
    tracing::debug!(?read_imprints, all = ?began.elapsed(), "the census after");
    let Rows { counted, values, large_objects } = rows;
    Ok(After { schema, imprints, counted, values, large_objects })
}

/// What is in the tables that somebody may have written to.
struct Rows {
    counted: HashMap<String, TableCensus>,
    values: HashMap<String, BTreeMap<String, u64>>,
    large_objects: Option<u64>,
}

impl Rows {
    async fn read<S: Session>(
        session: &mut S,
        scope: &CensusScope,
        before: &Before,
        imprints: &[Imprint],
    ) -> Result<Self, BackendError> {
        let was: HashMap<&str, &Imprint> =
            before.tables.iter().map(|it| (it.imprint.object.as_str(), &it.imprint)).collect();
        let is_touched = |it: &&Imprint| {
            was.get(it.object.as_str()).is_none_or(|before| !it.is_untouched_since(before))
        };
        let names: Vec<String> =
            imprints.iter().filter(is_touched).map(|it| it.relation.clone()).collect();
        let tables = session.chosen_tables(scope, before.depth, &names).await?;
        let counted = tables.into_iter().map(|it| (it.relation.clone(), it)).collect();
        let values = values_after(session, scope, before, imprints).await?;
        let large_objects = session.large_objects().await?;
        Ok(Self { counted, values, large_objects })
    }
}

/// How many values the columns hold that were counted before, where somebody may have written to
/// them; by the object and the column's key that it had before.
async fn values_after<S: Session>(
    session: &mut S,
    scope: &CensusScope,
    before: &Before,
    imprints: &[Imprint],
) -> Result<HashMap<String, BTreeMap<String, u64>>, BackendError> {
    let mut values = HashMap::new();
    for (was, fate, now) in fates(before, imprints) {
        let Some(now) = now.filter(|it| !it.is_untouched_since(&was.imprint)) else { continue };
        let counted =
            names_after(&was.imprint, fate, now).filter(|(it, _)| was.values.contains_key(&it.key));
        let (keys, names): (Vec<String>, Vec<String>) =
            counted.filter_map(|(it, name)| Some((it.key.clone(), name?.to_owned()))).unzip();
        if names.is_empty() {
            continue;
        }
        if let Some(found) = session.values(scope, &now.relation, &names).await? {
            values.insert(was.imprint.object.clone(), keys.into_iter().zip(found).collect());
        }
    }
    Ok(values)
}
