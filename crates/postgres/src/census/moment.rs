//! One moment of the database, seen with pinned settings.

use stopover_backend::{BackendError, CensusScope};

use super::field;
use super::look::Look;
use crate::literal::literal;
use crate::session::PostgresSession;

/// What changes how catalogs and values print, and what would hide rows or end a long read.
/// `row_security = off` makes a policy that applies to us an error instead of fewer rows.
const BEGIN: &str = "\
    BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY NOT DEFERRABLE;\
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

/// Opens it.
pub(super) async fn open(
    session: &mut PostgresSession,
    scope: &CensusScope,
) -> Result<Look, BackendError> {
    let sql = format!("{BEGIN}{}", first_look(scope));
    match session.rows(&sql).await {
        Ok(mut sets) => {
            let rows = sets.pop().unwrap_or_default();
            match rows.first() {
                Some(row) => Look::new(&field(row, 0)?, field(row, 1)?, field(row, 2)?, scope),
                None => Err(BackendError::Lost("the server did not say its version".to_owned())),
            }
        }
        Err(error) => close(session, Err(error)).await,
    }
}

/// Closes it on every way out; the first error is the one that is told.
pub(super) async fn close<T>(
    session: &mut PostgresSession,
    read: Result<T, BackendError>,
) -> Result<T, BackendError> {
    let closed = session.run("ROLLBACK").await;
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
