//! One moment of the database, seen with pinned settings.

use stopover_backend::{BackendError, CensusScope};

use super::field;
use super::look::Look;
use crate::literal::literal;
use crate::session::PostgresSession;

/// What changes how catalogs and values print, and what would hide rows or end a long read.
/// `row_security = off` makes a policy that applies to us an error instead of fewer rows.
const PINS: &str = "\
    SET LOCAL search_path = pg_catalog, pg_temp;\
    SET LOCAL row_security = off;\
    SET LOCAL quote_all_identifiers = off;\
    SET LOCAL standard_conforming_strings = on;\
    SET LOCAL datestyle = 'ISO, YMD';\
    SET LOCAL intervalstyle = 'postgres';\
    SET LOCAL timezone = 'UTC';\
    SET LOCAL extra_float_digits = 3;\
    SET LOCAL bytea_output = 'hex';\
    SET LOCAL xmlbinary = 'base64';\
    SET LOCAL xmloption = 'content';\
    SET LOCAL lc_monetary = 'C';\
    SET LOCAL jit = off;\
    SET LOCAL statement_timeout = 0;\
    SET LOCAL idle_in_transaction_session_timeout = 0;";

const BEGIN: &str = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY NOT DEFERRABLE;";

/// The same in the transaction that is open, whatever role and settings its script has put on.
const BEGIN_WITHIN: &str = "SAVEPOINT stopover_sight;SET LOCAL SESSION AUTHORIZATION DEFAULT;\
    SET LOCAL role TO DEFAULT;SET LOCAL transaction_read_only = on;";

/// Everything is as before then, and locks that were taken for the look are given back.
const END_WITHIN: &str = "ROLLBACK TO SAVEPOINT stopover_sight;RELEASE SAVEPOINT stopover_sight";

/// Opens it.
pub(super) async fn open(
    session: &mut PostgresSession,
    scope: &CensusScope,
) -> Result<Look, BackendError> {
    let moment = session.moment.clone();
    open_at(session, scope, moment.as_deref()).await
}

/// Opens it, as of a snapshot that another session has exported where one is named.
pub(super) async fn open_at(
    session: &mut PostgresSession,
    scope: &CensusScope,
    snapshot: Option<&str>,
) -> Result<Look, BackendError> {
    let snapshot = snapshot
        .map_or_else(String::new, |it| format!("SET TRANSACTION SNAPSHOT {};", literal(it)));
    match begin(session, &format!("{BEGIN}{snapshot}"), scope).await {
        Err(error) => close(session, Err(error)).await,
        look => look,
    }
}

/// Opens it in the transaction that is open.
pub(super) async fn open_within(
    session: &mut PostgresSession,
    scope: &CensusScope,
) -> Result<Look, BackendError> {
    match begin(session, BEGIN_WITHIN, scope).await {
        Err(error) => close_within(session, Err(error)).await,
        look => look,
    }
}

async fn begin(
    session: &mut PostgresSession,
    begin: &str,
    scope: &CensusScope,
) -> Result<Look, BackendError> {
    let mut sets = session.rows(&format!("{begin}{PINS}{}", first_look(scope))).await?;
    let rows = sets.pop().unwrap_or_default();
    match rows.first() {
        Some(row) => Look::new(&field(row, 0)?, field(row, 1)?, field(row, 2)?, scope),
        None => Err(BackendError::Lost("the server did not say its version".to_owned())),
    }
}

/// Closes it on every way out; the first error is the one that is told.
pub(super) async fn close<T>(
    session: &mut PostgresSession,
    read: Result<T, BackendError>,
) -> Result<T, BackendError> {
    end(session, "ROLLBACK", read).await
}

/// The same in the transaction that goes on.
pub(super) async fn close_within<T>(
    session: &mut PostgresSession,
    read: Result<T, BackendError>,
) -> Result<T, BackendError> {
    end(session, END_WITHIN, read).await
}

async fn end<T>(
    session: &mut PostgresSession,
    sql: &str,
    read: Result<T, BackendError>,
) -> Result<T, BackendError> {
    let closed = session.run(sql).await;
    let value = read?;
    closed.map(|()| value)
}

/// The server's version, the users' schemas, and the relations that are left out: the tables
/// named, their indexes and their sequences.
fn first_look(scope: &CensusScope) -> String {
    let named = named_tables(scope);
    format!(
        "SELECT current_setting('server_version_num'), \
           (SELECT coalesce(array_agg(n.oid), '{{}}') FROM pg_namespace n \
            WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')::text, \
           (WITH named AS ({named}), parts AS ( \
              SELECT oid FROM named \
              UNION SELECT i.indexrelid FROM pg_index i JOIN named ON named.oid = i.indrelid \
              UNION SELECT d.objid FROM pg_depend d JOIN named ON named.oid = d.refobjid \
                WHERE d.refclassid = 'pg_class'::regclass AND d.classid = 'pg_class'::regclass \
                AND d.deptype IN ('a', 'i')) \
            SELECT coalesce(array_agg(oid), '{{}}') FROM parts)::text"
    )
}

fn named_tables(scope: &CensusScope) -> String {
    let pairs: Vec<String> = scope
        .except
        .iter()
        .map(|(schema, table)| format!("({}, {})", literal(schema), literal(table)))
        .collect();
    let among = match pairs.as_slice() {
        [] => "false".to_owned(),
        pairs => format!("(n.nspname, c.relname) IN ({})", pairs.join(", ")),
    };
    format!(
        "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {among}"
    )
}
