//! Whether a plan may run code of the database's own. Nobody can tell from outside what such code
//! writes to, so that all tables must be looked at then.
//!
//! One question of the catalog. Code is every function that did not come with the server, those of
//! extensions that only compute apart, and a rule. A function counts where the plan's text may call
//! it, and where it hangs on what the plan reads or writes: as a trigger, a default, a check, an
//! index, a policy, in a view; and as an event trigger, a cast, an operator or a domain's check it
//! may run anywhere.

use stopover_backend::{BackendError, ReachRequest, SurroundingsRequest};
use stopover_model::LockMode;
use stopover_model::harness::{Fact, WrittenRelation};

use super::ask::{Asking, first};
use super::catalogs::USERS;
use super::relations::named;
use crate::literal::literal;
use crate::session::text;

/// Extensions whose functions write to no table.
const COMPUTING: &str = "'plpgsql', 'uuid-ossp', 'pgcrypto', 'citext', 'hstore', 'ltree', \
    'pg_trgm', 'unaccent', 'fuzzystrmatch', 'intarray', 'isn', 'cube', 'earthdistance', 'seg', \
    'btree_gin', 'btree_gist', 'bloom', 'tablefunc', 'pg_stat_statements', 'moddatetime', \
    'postgis', 'postgis_raster', 'vector', 'pg_uuidv7'";

pub(super) async fn runs_code(
    asking: &mut Asking<'_>,
    request: &ReachRequest,
) -> Result<Fact<bool>, BackendError> {
    let names = SurroundingsRequest {
        relations: request.relations.clone(),
        needs: Vec::new(),
        role: None,
        ledger: None,
        fact_timeout: request.fact_timeout,
    };
    let known = match named(asking, &names).await?.relations {
        Fact::Read(known) => known,
        Fact::Unread(unread) => return Ok(Fact::Unread(unread)),
        Fact::NotHere => return Ok(Fact::NotHere),
    };
    let row = |it: &WrittenRelation| {
        let oid = known.get(&it.relation).map_or("NULL", String::as_str);
        let writes = LockMode::of(&it.mode).is_none_or(|mode| mode >= LockMode::RowExclusive);
        format!("({}, {oid}::oid, {writes})", literal(&it.relation))
    };
    // A row of which nothing follows: VALUES wants one.
    let mut touched = vec!["('nothing', 0::oid, false)".to_owned()];
    touched.extend(request.relations.iter().map(row));
    let calls: Vec<String> = request.calls.iter().map(|it| literal(it)).collect();
    let sql = query(&touched.join(", "), &calls.join(", "));
    let rows = asking.ask(&sql).await?.map(first);
    Ok(rows.map(|rows| rows.first().and_then(|row| text(row, 0)).as_deref() != Some("f")))
}

/// Object identifiers from 16384 on are given to what did not come with the server.
fn query(touched: &str, calls: &str) -> String {
    format!(
        "WITH RECURSIVE touched(name, oid, writes) AS (VALUES {touched}), \
         code AS MATERIALIZED (SELECT p.oid, p.proname, p.prorettype FROM pg_proc p \
           WHERE p.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_depend d \
             JOIN pg_extension x ON x.oid = d.refobjid WHERE d.classid = 'pg_proc'::regclass \
               AND d.objid = p.oid AND d.refclassid = 'pg_extension'::regclass \
               AND d.deptype = 'e' AND x.extname IN ({COMPUTING}))), \
         edges(above, below, writes) AS (\
           SELECT h.inhparent, h.inhrelid, false FROM pg_inherits h \
           UNION ALL SELECT k.confrelid, k.conrelid, true FROM pg_constraint k \
             WHERE k.contype = 'f' AND (k.confdeltype NOT IN ('a', 'r') \
               OR k.confupdtype NOT IN ('a', 'r')) \
           UNION ALL SELECT r.ev_class, d.refobjid, false FROM pg_rewrite r \
             JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid \
               AND d.refclassid = 'pg_class'::regclass), \
         reached(oid, writes) AS (SELECT t.oid, t.writes FROM touched t WHERE t.oid IS NOT NULL \
           UNION SELECT c.oid, t.writes FROM touched t JOIN pg_class c ON c.relname = \
             (parse_ident(t.name, false))[cardinality(parse_ident(t.name, false))] \
             JOIN pg_namespace n ON n.oid = c.relnamespace WHERE t.oid IS NULL AND {USERS} \
           UNION SELECT e.below, f.writes FROM reached f JOIN edges e \
             ON e.above = f.oid AND (f.writes OR NOT e.writes)), \
         hanging(oid) AS (SELECT d.objid FROM pg_depend d \
           WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid IN (SELECT oid FROM code) \
             AND d.classid IN ('pg_attrdef'::regclass, 'pg_constraint'::regclass, \
               'pg_policy'::regclass, 'pg_rewrite'::regclass, 'pg_class'::regclass)) \
         SELECT EXISTS (SELECT FROM code c WHERE c.prorettype NOT IN \
               ('trigger'::regtype, 'event_trigger'::regtype) \
             AND (c.proname ~ '[^A-Za-z0-9_$]' OR lower(c.proname) = ANY (ARRAY[{calls}]::text[]))) \
           OR EXISTS (SELECT FROM pg_event_trigger e \
             WHERE e.evtenabled <> 'D' AND e.evtfoid IN (SELECT oid FROM code)) \
           OR EXISTS (SELECT FROM pg_cast c WHERE c.castfunc IN (SELECT oid FROM code)) \
           OR EXISTS (SELECT FROM pg_operator o WHERE o.oprcode IN (SELECT oid FROM code)) \
           OR EXISTS (SELECT FROM pg_constraint k WHERE k.contypid <> 0 \
             AND k.oid IN (SELECT oid FROM hanging)) \
           OR EXISTS (SELECT FROM reached f JOIN pg_trigger t ON t.tgrelid = f.oid \
             WHERE f.writes AND t.tgfoid IN (SELECT oid FROM code)) \
           OR EXISTS (SELECT FROM reached f JOIN pg_rewrite r ON r.ev_class = f.oid \
             WHERE f.writes AND r.ev_type <> '1') \
           OR EXISTS (SELECT FROM reached f JOIN pg_class c ON c.oid = f.oid \
             WHERE f.writes AND c.relkind IN ('v', 'f')) \
           OR EXISTS (SELECT FROM reached f JOIN pg_attrdef a ON a.adrelid = f.oid \
             WHERE a.oid IN (SELECT oid FROM hanging)) \
           OR EXISTS (SELECT FROM reached f JOIN pg_constraint k ON k.conrelid = f.oid \
             WHERE k.oid IN (SELECT oid FROM hanging)) \
           OR EXISTS (SELECT FROM reached f JOIN pg_policy p ON p.polrelid = f.oid \
             WHERE p.oid IN (SELECT oid FROM hanging)) \
           OR EXISTS (SELECT FROM reached f JOIN pg_rewrite r ON r.ev_class = f.oid \
             WHERE r.oid IN (SELECT oid FROM hanging)) \
           OR EXISTS (SELECT FROM reached f JOIN pg_index i ON i.indrelid = f.oid \
             WHERE i.indexrelid IN (SELECT oid FROM hanging))"
    )
}
