//! One carry, from the first look to the comparison. Whoever calls it may drop it at any moment:
//! what is half done then is the caller's to clear away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::try_join_all;
use stopover_backend::{Backend, BackendError, Privileges};
use stopover_model::{CarryPhase, Event, Schema, SchemaObject};
use stopover_postgres::{PostgresBackend, Target};
use tokio::time::{MissedTickBehavior, interval};

use crate::beyond;
use crate::compare::{Compared, Comparison};
use crate::definitions::{self, Wanted};
use crate::depends::Dependencies;
use crate::error::{CarryRefusal, Fatal, Side, Trouble};
use crate::line::Line;
use crate::pinned;
use crate::request::{CarryRequest, Existing};
use crate::source::{self, Moment};
use crate::target;
use crate::teller::Teller;
use crate::work::{Crew, Done, Items, Pair};

/// How often it is told how far the data is.
const TICK: Duration = Duration::from_millis(250);

/// Both databases, looked at. Nothing is written yet.
pub(crate) struct Ground {
    source: Line,
    desk: Line,
    /// Schemas that the source has.
    pub(crate) present: Vec<String>,
    /// Schemas that it has not.
    pub(crate) missing: Vec<String>,
    /// Whether the target's schemas may not be what they were.
    written: AtomicBool,
}

/// Why it ended early.
pub(crate) enum End {
    Refused(CarryRefusal),
    Fatal(Fatal),
}

impl From<Fatal> for End {
    fn from(fatal: Fatal) -> Self {
        Self::Fatal(fatal)
    }
}

impl Ground {
    /// Looks at both sides, and refuses what would do harm.
    pub(crate) async fn look(
        request: &CarryRequest,
        badge: &str,
        teller: &Teller<'_>,
    ) -> Result<Self, End> {
        teller.tell(Event::Carrying(CarryPhase::Looking));
        let (source, desk) = tokio::try_join!(
            pinned::open(&request.from, Side::Source, badge),
            pinned::open(&request.to, Side::Target, badge),
        )?;
        let (from, to) = tokio::try_join!(
            target::identity(&source, Side::Source),
            target::identity(&desk, Side::Target),
        )?;
        if from == to {
            return Err(End::Refused(CarryRefusal::refused(
                "source and target are the same database",
                "name the old restore with --from and the new one with --to",
            )));
        }
        let present = source::present(&source, &request.schemas).await?;
        let missing = request.schemas.iter().filter(|it| !present.contains(it)).cloned().collect();
        let written = AtomicBool::new(false);
        let ground = Self { source, desk, present, missing, written };
        ground.check_target(request.existing).await?;
        Ok(ground)
    }

    async fn check_target(&self, existing: Existing) -> Result<(), End> {
        let there = target::present(&self.desk, &self.present).await?;
        if existing == Existing::Kept && !there.is_empty() {
            return Err(End::Refused(CarryRefusal::refused(
                format!("the target has {} already", quoted(&there)),
                "leave out --keep-existing to have it dropped and rebuilt, or drop it",
            )));
        }
        let outside = target::dependents(&self.desk, &self.present).await?;
        if outside.is_empty() {
            return Ok(());
        }
        let some: Vec<&str> = outside.iter().take(10).map(String::as_str).collect();
        let more = if outside.len() > 10 { ", and more" } else { "" };
        Err(Fatal(format!(
            "target: dropping {} would take along what is outside of it: {}{more}; name its \
             schema with --schema too, or drop it first",
            quoted(&there),
            some.join(", "),
        ))
        .into())
    }

    /// Copies the schemas.
    pub(crate) async fn copy(
        &self,
        request: &CarryRequest,
        badge: &str,
        teller: &Teller<'_>,
    ) -> Result<(Compared, Done), Fatal> {
        target::reserve(&self.desk).await?;
        teller.tell(Event::Carrying(CarryPhase::Defining));
        let moment = Moment::open(&self.source, &self.present).await?;
        let beyond = beyond::look(&self.source, &self.present).await?;
        let wanted = Wanted {
            schemas: &self.present,
            extensions: &moment.extensions,
            snapshot: &moment.snapshot,
            owners: request.owners,
            privileges: request.privileges,
            major: self.source.major(),
        };
        // Nothing is dropped before it is known what takes its place.
        let (steps, mut pairs, dependencies) = tokio::try_join!(
            definitions::read(&request.from, &request.search, &wanted),
            pairs(request, badge, &moment),
            Dependencies::read(&self.source, &self.present),
        )?;
        self.written.store(true, Ordering::Relaxed);
        self.drop_old().await?;
        let items = Items::of(steps, &moment);
        let crew = Crew::new(&items, moment.bytes(), teller);
        let source_schema = schema(request, Side::Source, &self.present, Some(&moment.snapshot));
        let (source_schema, ()) =
            tokio::try_join!(source_schema, self.fill(&crew, &mut pairs, &dependencies, teller))?;
        drop(pairs);
        let done = crew.finish();
        teller.tell(Event::Carrying(CarryPhase::Comparing));
        let target_schema = schema(request, Side::Target, &self.present, None).await?;
        let comparison = Comparison {
            source: &source_schema,
            target: &target_schema,
            moment: &moment,
            items: &items,
            done: &done,
            dependencies: &dependencies,
        };
        let mut compared = comparison.result();
        compared.findings.extend(beyond);
        if compared.unaccounted.is_empty() {
            target::settle(&self.desk, &self.there(&moment).await?).await?;
        }
        Ok((compared, done))
    }

    async fn drop_old(&self) -> Result<(), Fatal> {
        let dropped = target::drop_schemas(&self.desk, &self.present).await;
        dropped.map_err(|trouble| {
            // Refused as a whole: what was there is there.
            if matches!(trouble, Trouble::Statement(_)) {
                self.written.store(false, Ordering::Relaxed);
            }
            trouble.fatal(Side::Target)
        })
    }

    /// Whether there is anything to clear away.
    pub(crate) fn is_written(&self) -> bool {
        self.written.load(Ordering::Relaxed)
    }

    /// Makes and fills everything, and tells how far it is.
    async fn fill(
        &self,
        crew: &Crew<'_, '_>,
        pairs: &mut [Pair],
        dependencies: &Dependencies,
        teller: &Teller<'_>,
    ) -> Result<(), Fatal> {
        teller.tell(Event::Carrying(CarryPhase::Copying));
        let mark = async || {
            let there = target::present(&self.desk, &self.present).await?;
            target::mark(&self.desk, &there).await
        };
        crew.define(pairs, dependencies, mark).await?;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let copying = crew.copy(pairs);
        tokio::pin!(copying);
        loop {
            tokio::select! {
                copied = &mut copying => {
                    teller.tell(crew.progress());
                    return copied;
                }
                _ = ticks.tick() => teller.tell(crew.progress()),
            }
        }
    }

    /// The comments of those schemas that could be made.
    async fn there(&self, moment: &Moment) -> Result<Vec<(String, Option<String>)>, Fatal> {
        let there = target::present(&self.desk, &self.present).await?;
        let comments = moment.comments.iter().filter(|(name, _)| there.contains(name));
        Ok(comments.cloned().collect())
    }
}

/// Connections that see the moment, and as many to the target.
async fn pairs(request: &CarryRequest, badge: &str, moment: &Moment) -> Result<Vec<Pair>, Fatal> {
    let pair = async || {
        let from = async {
            let line = Line::open(&request.from, Side::Source, badge).await?;
            source::join(&line, &moment.snapshot).await?;
            Ok(line)
        };
        let to = async {
            let line = Line::open(&request.to, Side::Target, badge).await?;
            target::enlist(&line).await?;
            Ok(line)
        };
        let (from, to) = tokio::try_join!(from, to)?;
        Ok::<Pair, Fatal>(Pair { from, to })
    };
    let most = moment.tables.len().max(1);
    try_join_all((0..request.jobs.get().min(most)).map(|_| pair())).await
}

/// The canonical schema of one side, as far as it is carried.
async fn schema(
    request: &CarryRequest,
    side: Side,
    schemas: &[String],
    snapshot: Option<&str>,
) -> Result<Schema, Fatal> {
    let target: &Target = match side {
        Side::Source => &request.from,
        Side::Target => &request.to,
    };
    let wanted = |kind: &str| match kind {
        "owner" => request.owners == Privileges::Included,
        "grants" | "default privileges" => request.privileges == Privileges::Included,
        _ => true,
    };
    let included = match (request.owners, request.privileges) {
        (Privileges::LeftOut, Privileges::LeftOut) => Privileges::LeftOut,
        _ => Privileges::Included,
    };
    let failed = |error: BackendError| Fatal::of(side, error);
    let mut session = PostgresBackend::new(target.clone()).connect().await.map_err(failed)?;
    let schema = session.schema_of(schemas, snapshot, included).await.map_err(failed)?;
    let objects: Vec<SchemaObject> =
        schema.objects.into_iter().filter(|it| wanted(&it.kind)).collect();
    Ok(Schema::new(objects))
}

/// `the schema "a"`, `the schemas "a" and "b"`.
fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|it| format!("{it:?}")).collect();
    match names.as_slice() {
        [one] => format!("the schema {one}"),
        many => format!("the schemas {}", many.join(", ")),
    }
}
