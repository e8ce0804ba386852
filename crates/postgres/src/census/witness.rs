//! What a migration that is run again does to rows, seen from inside of its transaction.
//!
//! A table's rows are changed by what writes to it, which the server counts for each table of a
//! transaction (`pg_stat_get_xact_tuples_…`), or by what gives it another form: another object of
//! its name (`DROP` and `CREATE`, a rename), other files (`TRUNCATE`, a rewrite), other columns of
//! the same names (`DROP COLUMN` and `ADD COLUMN`). Where the server does not count, whatever
//! holds the lock of a writer has written. A number of a sequence is taken with such a lock too,
//! and only that shows a `setval`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use stopover_backend::{
    BackendError, CensusDepth, CensusScope, Footing, GuardedTable, OwnedSequence, Sight, Stake,
    Stand, UnitLimits, Witness,
};
use stopover_model::{LockMode, Mark, MarkKind};

use super::look::{Look, named};
use super::rows::Chosen;
use super::{field, marks, moment, objects, rows};
use crate::literal::literal;
use crate::session::PostgresSession;

/// What is said of a table whose writes the server does not count.
const NOT_COUNTED: &str = "not counted";

/// The weakest lock that keeps all others from writing.
const LEAST: LockMode = LockMode::ShareRowExclusive;

impl Witness for PostgresSession {
    async fn hold(&mut self, tables: &[GuardedTable]) -> Result<(), BackendError> {
        let mut sql = String::new();
        for GuardedTable { relation, lock, .. } in tables {
            // `LOCK TABLE` takes no snapshot: who waits for it sees what was committed meanwhile,
            // whatever the isolation. One order for all keeps two runners from a deadlock.
            let _ = write!(sql, "LOCK TABLE ONLY {relation} IN {} MODE;", spelled(*lock));
        }
        let _ = write!(sql, "{}", self.guard(&UnitLimits::default()));
        let sets = self.rows(&sql).await?;
        self.guarded(sets.last().and_then(|rows| rows.first()))
    }

    async fn sight(
        &mut self,
        scope: &CensusScope,
        tables: &[GuardedTable],
    ) -> Result<Sight, BackendError> {
        let look = moment::open_within(self, scope).await?;
        let seen = sight(self, &look, scope, tables).await;
        moment::close_within(self, seen).await
    }

    async fn written(
        &mut self,
        scope: &CensusScope,
        before: &Footing,
    ) -> Result<Vec<GuardedTable>, BackendError> {
        // What a trigger does at the commit is to be seen too.
        self.run("SET CONSTRAINTS ALL IMMEDIATE").await?;
        let look = moment::open_within(self, scope).await?;
        let seen = written(self, &look, before).await;
        moment::close_within(self, seen).await
    }

    async fn put_forward(&mut self, before: &[Mark]) -> Result<(), BackendError> {
        let set: Vec<String> = before.iter().filter_map(forward).collect();
        for batch in set.chunks(50) {
            self.run(&batch.join(";")).await?;
        }
        Ok(())
    }
}

async fn sight(
    session: &mut PostgresSession,
    look: &Look,
    scope: &CensusScope,
    tables: &[GuardedTable],
) -> Result<Sight, BackendError> {
    let with_rows = tables.iter().filter(|it| it.stake == Stake::Rows);
    let names: Vec<&str> = with_rows.map(|it| it.relation.as_str()).collect();
    Ok(Sight {
        footing: footing(session, look).await?,
        schema: stopover_model::Schema::new(objects(session, look, scope.privileges).await?),
        marks: marks::read(session, look).await?,
        tables: match names.as_slice() {
            [] => Vec::new(),
            names => rows::read(session, look, CensusDepth::Digests, &Chosen::Named(names)).await?,
        },
    })
}

async fn footing(session: &mut PostgresSession, look: &Look) -> Result<Footing, BackendError> {
    let sets = session.rows(&format!("{};{}", stands(look), owned(look))).await?;
    let mut footing = Footing::default();
    for row in sets.first().into_iter().flatten() {
        let stand = Stand { object: field(row, 1)?, form: field(row, 2)?, written: field(row, 3)? };
        footing.tables.insert(field(row, 0)?, stand);
    }
    for row in sets.get(1).into_iter().flatten() {
        let owned = OwnedSequence { object: field(row, 1)?, owner: field(row, 2)? };
        footing.sequences.insert(field(row, 0)?, owned);
    }
    Ok(footing)
}

/// Every table: its object, its file and columns, and what this session has written to it.
fn stands(look: &Look) -> String {
    format!(
        "SELECT {name}, c.oid::text, c.relfilenode || ' ' || coalesce((SELECT \
             string_agg(quote_ident(a.attname) || ' ' || a.attnum, ', ' ORDER BY a.attnum) \
             FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 \
               AND NOT a.attisdropped), ''), \
           CASE WHEN current_setting('track_counts') = 'on' AND m.amname = 'heap' \
             THEN concat_ws(' ', pg_stat_get_xact_tuples_inserted(c.oid), \
               pg_stat_get_xact_tuples_updated(c.oid), pg_stat_get_xact_tuples_deleted(c.oid)) \
             ELSE '{NOT_COUNTED}' END \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_am m ON m.oid = c.relam \
         WHERE c.relkind = 'r' AND {ours}",
        name = named("c", "relname"),
        ours = look.relation("c"),
    )
}

/// Every sequence that belongs to a table: its object and its file, and the table.
fn owned(look: &Look) -> String {
    format!(
        "SELECT {name}, c.oid || ' ' || c.relfilenode, \
           quote_ident(o.nspname) || '.' || quote_ident(t.relname) \
         FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S' \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_class t ON t.oid = d.refobjid AND t.relkind IN ('r', 'p') \
         JOIN pg_namespace o ON o.oid = t.relnamespace \
         WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass \
           AND d.objsubid = 0 AND d.deptype IN ('a', 'i') AND {ours}",
        name = named("c", "relname"),
        ours = look.relation("c"),
    )
}

async fn written(
    session: &mut PostgresSession,
    look: &Look,
    before: &Footing,
) -> Result<Vec<GuardedTable>, BackendError> {
    let locks = locks(session).await?;
    let now = footing(session, look).await?;
    let writes = |object: &str| locks.get(object).is_some_and(|it| it.contains(&LockMode::WRITE));
    let uncounted = |it: &Stand| it.written == NOT_COUNTED && writes(&it.object);
    let mut stakes: BTreeMap<&str, Stake> = BTreeMap::new();
    for (name, sequence) in &before.sequences {
        let object = sequence.object.split(' ').next().unwrap_or_default();
        let is_same = now.sequences.get(name).is_some_and(|it| it.object == sequence.object);
        if !is_same || writes(object) {
            stakes.insert(&sequence.owner, Stake::Numbers);
        }
    }
    let uncounted = before.tables.iter().filter(|(_, it)| uncounted(it));
    let uncounted = uncounted.map(|(name, _)| name.as_str());
    stakes.extend(before.changed_in(&now).into_iter().chain(uncounted).map(|it| (it, Stake::Rows)));
    let taken = |relation: &str| {
        let object = before.tables.get(relation).map(|it| it.object.as_str());
        let strongest = object.and_then(|it| locks.get(it)?.last().copied());
        strongest.unwrap_or(LEAST).max(LEAST)
    };
    let guarded = stakes.into_iter().map(|(relation, stake)| GuardedTable {
        relation: relation.to_owned(),
        lock: taken(relation),
        stake,
    });
    Ok(guarded.collect())
}

/// The locks that the transaction has on relations, by object.
async fn locks(
    session: &mut PostgresSession,
) -> Result<BTreeMap<String, BTreeSet<LockMode>>, BackendError> {
    let sql = "SELECT l.relation::text, l.mode FROM pg_locks l \
               WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.granted \
                 AND l.database = (SELECT oid FROM pg_database \
                   WHERE datname = current_database())";
    let sets = session.rows(sql).await?;
    let mut locks: BTreeMap<String, BTreeSet<LockMode>> = BTreeMap::new();
    for row in sets.first().into_iter().flatten() {
        let modes = locks.entry(field(row, 0)?).or_default();
        modes.extend(LockMode::of(&field(row, 1)?));
    }
    Ok(locks)
}

/// What puts a sequence forward to where its mark says that it was, if it is behind that.
fn forward(mark: &Mark) -> Option<String> {
    let name = mark.what.strip_prefix("sequence ").filter(|_| mark.kind == MarkKind::Position)?;
    let value: i128 = mark.value.parse().ok()?;
    Some(format!(
        "SELECT CASE WHEN b.next BETWEEN b.low AND b.high \
             THEN pg_catalog.setval(b.oid, b.next::bigint, false) \
             ELSE pg_catalog.setval(b.oid, (b.next - b.by)::bigint, true) END \
         FROM (SELECT q.seqrelid::pg_catalog.regclass AS oid, q.seqmin AS low, q.seqmax AS high, \
               q.seqincrement AS by, {value} * pg_catalog.sign(q.seqincrement::numeric) AS next, \
               (s.last_value::numeric + CASE WHEN s.is_called THEN q.seqincrement ELSE 0 END) \
                 * pg_catalog.sign(q.seqincrement::numeric) AS now \
             FROM pg_catalog.pg_sequence q, {name} s \
             WHERE q.seqrelid = {relation}::pg_catalog.regclass) b WHERE b.now < {value}",
        relation = literal(name),
    ))
}

/// A lock's mode, as `LOCK TABLE` has it.
const fn spelled(mode: LockMode) -> &'static str {
    match mode {
        LockMode::AccessShare => "ACCESS SHARE",
        LockMode::RowShare => "ROW SHARE",
        LockMode::RowExclusive => "ROW EXCLUSIVE",
        LockMode::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
        LockMode::Share => "SHARE",
        LockMode::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
        LockMode::Exclusive => "EXCLUSIVE",
        LockMode::AccessExclusive => "ACCESS EXCLUSIVE",
    }
}
