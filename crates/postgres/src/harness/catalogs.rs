//! What the catalogs say is not valid.

use stopover_backend::BackendError;
use stopover_model::harness::{Fact, InvalidConstraint, InvalidIndex};
use tokio_postgres::SimpleQueryRow;

use super::ask::{Asking, first};
use crate::session::{text, truth};

/// The condition that a schema, the row `n`, is a user's.
pub(super) const USERS: &str = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/// Indexes that the server does not use, those of these tables left out.
pub(super) async fn invalid_indexes(
    asking: &mut Asking<'_>,
    except: &[(String, String)],
) -> Result<Fact<Vec<InvalidIndex>>, BackendError> {
    let sql = format!(
        "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), \
           quote_ident(tn.nspname) || '.' || quote_ident(t.relname), c.relkind = 'I', \
           tn.nspname, t.relname \
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class t ON t.oid = i.indrelid \
         JOIN pg_namespace tn ON tn.oid = t.relnamespace \
         WHERE NOT (i.indisvalid AND i.indisready AND i.indislive) AND {USERS} ORDER BY 1"
    );
    let rows = asking.ask(&sql).await?.map(first);
    Ok(rows.map(|rows| {
        let is_told = |row: &&SimpleQueryRow| {
            let (schema, table) = (text(row, 3), text(row, 4));
            let is_it = |(s, t): &(String, String)| {
                Some(s.as_str()) == schema.as_deref() && Some(t.as_str()) == table.as_deref()
            };
            !except.iter().any(is_it)
        };
        let read = |row: &SimpleQueryRow| InvalidIndex {
            index: text(row, 0).unwrap_or_default(),
            table: text(row, 1).unwrap_or_default(),
            is_partitioned: truth(row, 2),
        };
        rows.iter().filter(is_told).map(read).collect()
    }))
}

/// Constraints, other than foreign keys, that nobody has checked, or nobody checks. `conenforced`
/// came with version 18: a row is asked as JSON, whatever columns it has.
pub(super) async fn invalid_constraints(
    asking: &mut Asking<'_>,
) -> Result<Fact<Vec<InvalidConstraint>>, BackendError> {
    let sql = format!(
        "SELECT quote_ident(k.conname), k.contypid <> 0, \
           CASE WHEN k.contypid <> 0 THEN k.contypid::regtype::text \
             ELSE quote_ident(n.nspname) || '.' || quote_ident(c.relname) END, \
           to_jsonb(k) ->> 'conenforced' = 'false' \
         FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace \
         LEFT JOIN pg_class c ON c.oid = k.conrelid \
         WHERE k.contype IN ('c', 'n') AND {USERS} \
           AND (NOT k.convalidated OR to_jsonb(k) ->> 'conenforced' = 'false') ORDER BY 3, 1"
    );
    let rows = asking.ask(&sql).await?.map(first);
    Ok(rows.map(|rows| rows.iter().map(constraint).collect()))
}

fn constraint(row: &SimpleQueryRow) -> InvalidConstraint {
    let (constraint, subject) =
        (text(row, 0).unwrap_or_default(), text(row, 2).unwrap_or_default());
    let kind = if truth(row, 1) { "DOMAIN" } else { "TABLE" };
    let (fault, remedy) = if truth(row, 3) {
        (
            "it is NOT ENFORCED: nobody looks whether it holds",
            format!("ALTER {kind} {subject} ALTER CONSTRAINT {constraint} ENFORCED"),
        )
    } else {
        (
            "it is NOT VALID: nobody has looked at the rows that were there before it",
            format!(
                "in a migration of its own: ALTER {kind} {subject} VALIDATE CONSTRAINT {constraint}"
            ),
        )
    };
    InvalidConstraint { constraint, subject, fault: fault.to_owned(), remedy }
}
