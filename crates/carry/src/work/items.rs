//! Everything that is to be done to the target, in the one order in which it could be done by a
//! single session. Pure.

use crate::definitions::Step;
use crate::source::{Moment, Table};
use stopover_postgres::literal::{literal, unquoted};
use stopover_sql::tokens;

/// A table of so many bytes is loaded in the transaction that empties it: its rows are written
/// frozen, and where the server's `wal_level` is `minimal` they are not written to the log.
const WORTH_FREEZING: u64 = 1 << 20;

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// A statement of the definitions.
    Define(Step),
    /// The rows of a table.
    Load(Load),
    /// How far a sequence has come.
    Position {
        /// The sequence.
        relation: String,
        /// The statement.
        sql: String,
    },
    /// A materialized view is filled.
    Refresh {
        /// The view.
        relation: String,
        /// The statement.
        sql: String,
    },
}

/// The rows of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) relation: String,
    /// The source's statement.
    pub(crate) out: String,
    /// The target's COPY.
    into: String,
    pub(crate) bytes: u64,
}

/// The first try, or a further one: by then, foreign keys may be there, and the table can no
/// longer be emptied by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    First,
    Further,
}

impl Load {
    pub(super) fn of(table: &Table) -> Self {
        let Table { relation, columns, bytes } = table;
        Self {
            relation: relation.clone(),
            out: format!("COPY {relation} {columns} TO STDOUT"),
            into: format!("COPY {relation} {columns} FROM STDIN"),
            bytes: *bytes,
        }
    }

    /// The target's request: its statements are one transaction, and the last one counts the rows.
    pub(crate) fn within(&self, pass: Pass) -> String {
        let Self { relation, into, bytes, .. } = self;
        let copy = if *bytes >= WORTH_FREEZING && pass == Pass::First {
            format!("TRUNCATE ONLY {relation}; {into} WITH (FREEZE)")
        } else {
            into.clone()
        };
        format!("{copy}; SELECT pg_catalog.count(*) FROM ONLY {relation}")
    }
}

impl Work {
    /// The statement, as an error tells it.
    pub(crate) fn statement(&self) -> String {
        match self {
            Self::Define(step) => step.sql.clone(),
            Self::Load(load) => load.into.clone(),
            Self::Position { sql, .. } | Self::Refresh { sql, .. } => sql.clone(),
        }
    }

    /// The table whose rows it is about.
    pub(crate) fn loaded(&self) -> Option<&String> {
        match self {
            Self::Load(load) => Some(&load.relation),
            _ => None,
        }
    }

    /// What it is about, as an error tells it.
    pub(crate) fn object(&self) -> String {
        match self {
            Self::Define(step) => step.object(),
            Self::Load(load) => format!("rows of table {}", load.relation),
            Self::Position { relation, .. } => format!("position of sequence {relation}"),
            Self::Refresh { relation, .. } => format!("rows of materialized view {relation}"),
        }
    }
}

/// Everything that is to be done.
#[derive(Debug, Default)]
pub(crate) struct Items {
    pub(crate) work: Vec<Work>,
    /// So many of them come before the data: in their order, nothing beside them.
    pub(crate) before: usize,
    /// So many follow that may be done beside each other.
    pub(crate) beside: usize,
    /// So many come last of all, when all rows are there: triggers, which rows that are loaded in a
    /// further pass must not set off.
    pub(crate) triggers: usize,
}

impl Items {
    pub(crate) fn of(steps: Vec<Step>, moment: &Moment) -> Self {
        // The schemas' own comments come last of all.
        let steps = steps.into_iter().filter(|it| !is_schemas_comment(it));
        let (triggers, steps): (Vec<Step>, Vec<Step>) = steps.partition(is_of_trigger);
        let Sorted { before, behind, joining } = Sorted::of(steps, moment);
        let is_table =
            |name: &String| moment.tables.binary_search_by(|it| it.relation.cmp(name)).is_ok();
        let (beside, late): (Vec<Step>, Vec<Step>) = behind.into_iter().partition(|step| {
            let tables = step.tables();
            !tables.is_empty() && tables.iter().all(is_table)
        });
        let (last, late) = of_views(late, moment);
        let positions = moment.positions.iter().map(|it| Work::Position {
            relation: it.relation.clone(),
            sql: format!(
                "SELECT pg_catalog.setval({}, {}, {})",
                literal(&it.relation),
                it.value,
                it.called
            ),
        });
        let mut work: Vec<Work> = before.into_iter().map(Work::Define).chain(positions).collect();
        let before = work.len();
        work.extend(moment.tables.iter().map(|it| Work::Load(Load::of(it))));
        work.extend(beside.into_iter().map(Work::Define));
        let beside = work.len() - before;
        work.extend(late.into_iter().chain(joining).map(Work::Define));
        let refreshes = in_order(&work, moment);
        work.extend(refreshes);
        work.extend(last.into_iter().map(Work::Define));
        let many = triggers.len();
        work.extend(triggers.into_iter().map(Work::Define));
        Self { work, before, beside, triggers: many }
    }
}

/// The definitions, by when they are made.
#[derive(Default)]
struct Sorted {
    /// Before the data.
    before: Vec<Step>,
    /// Behind it.
    behind: Vec<Step>,
    /// What makes a table a partition of one that is not carried, and has its indexes already: the
    /// partition's own come first, else it would be given others.
    joining: Vec<Step>,
}

impl Sorted {
    fn of(steps: Vec<Step>, moment: &Moment) -> Self {
        let mut sorted = Self::default();
        for step in steps {
            if is_joining(&step, moment) {
                sorted.joining.push(step);
            } else if sorted.behind.is_empty() && !step.is_behind_data() {
                sorted.before.push(step);
            } else {
                sorted.behind.push(step);
            }
        }
        sorted
    }
}

fn is_joining(step: &Step, moment: &Moment) -> bool {
    let Some(parent) = step.altered().filter(|_| step.kind == "TABLE ATTACH") else { return false };
    let schema = tokens(&parent).next().map(|it| unquoted(it.text)).unwrap_or_default();
    moment.comments.iter().all(|(name, _)| *name != schema)
}

/// Whether it makes a trigger, or is about one.
fn is_of_trigger(step: &Step) -> bool {
    step.kind == "TRIGGER"
        || (step.kind == "COMMENT" && step.sql.starts_with("COMMENT ON TRIGGER "))
}

fn is_schemas_comment(step: &Step) -> bool {
    step.kind == "COMMENT" && step.sql.starts_with("COMMENT ON SCHEMA ")
}

/// Indexes of filled materialized views, with what follows each of them: they are built when the
/// view is filled, so that new data which does not fit them costs no more than the index.
fn of_views(steps: Vec<Step>, moment: &Moment) -> (Vec<Step>, Vec<Step>) {
    let mut last = Vec::new();
    let mut others = Vec::new();
    let mut follows = false;
    for step in steps {
        let view = step.tables().iter().any(|it| moment.filled.contains(it));
        follows = view || (follows && step.kind == "COMMENT");
        if follows { &mut last } else { &mut others }.push(step);
    }
    (last, others)
}

/// Views are filled in the order in which they are made: one that reads another comes behind it.
fn in_order(work: &[Work], moment: &Moment) -> Vec<Work> {
    let made = |view: &String| {
        let begin = format!("CREATE MATERIALIZED VIEW {view} AS");
        work.iter().position(|it| match it {
            Work::Define(step) => step.kind == "MATERIALIZED VIEW" && step.sql.contains(&begin),
            _ => false,
        })
    };
    let mut views: Vec<&String> = moment.filled.iter().collect();
    views.sort_by_key(|view| (made(view).unwrap_or(usize::MAX), (*view).clone()));
    let refresh = |view: &&String| Work::Refresh {
        relation: (*view).clone(),
        sql: format!("REFRESH MATERIALIZED VIEW {view}"),
    };
    views.iter().map(refresh).collect()
}
