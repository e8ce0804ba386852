//! What the plan needs rights for, and the role has not.

use stopover_backend::{BackendError, SurroundingsRequest};
use stopover_model::harness::{Fact, LackingPrivilege, NeedKind, PrivilegeNeed};
use tokio_postgres::SimpleQueryRow;

use super::ask::{Asking, Sets};
use super::relations::Named;
use crate::literal::{identifier, literal};
use crate::session::text;

/// Each need is one question of the same transaction; what is lacking is a row: the role, what it
/// lacks it on, and what would give it.
pub(super) async fn lacking(
    asking: &mut Asking<'_>,
    request: &SurroundingsRequest,
    named: &Named,
) -> Result<Fact<Vec<LackingPrivilege>>, BackendError> {
    let known = match &named.relations {
        Fact::Read(known) => known,
        Fact::Unread(unread) => return Ok(Fact::Unread(unread.clone())),
        Fact::NotHere => return Ok(Fact::NotHere),
    };
    let mut asked: Vec<(PrivilegeNeed, String)> = Vec::new();
    for need in &request.needs {
        let question = match need.kind {
            NeedKind::CreateInSchema => Some(in_schema(&need.subject, named.schema.as_deref())),
            NeedKind::CreateInDatabase => Some(in_database()),
            NeedKind::Write => Some(writing(request.role.is_none())),
            kind => known.get(&need.subject).map(|oid| on_relation(kind, oid)),
        };
        asked.extend(question.map(|it| (need.clone(), it)));
    }
    if !request.needs.is_empty() {
        asked.extend(of_ledger(request));
    }
    if asked.is_empty() {
        return Ok(Fact::Read(Vec::new()));
    }
    let role = match &request.role {
        Some(role) => literal(role),
        None => "session_user".to_owned(),
    };
    let questions: Vec<String> =
        asked.iter().map(|(_, question)| question.replace("$role", &role)).collect();
    let sets = asking.ask(&questions.join(";")).await?;
    Ok(sets.map(|sets| answered(asked, &sets)))
}

fn answered(asked: Vec<(PrivilegeNeed, String)>, sets: &Sets) -> Vec<LackingPrivilege> {
    let mut lacking = Vec::new();
    for ((need, _), rows) in asked.into_iter().zip(sets) {
        lacking.extend(rows.iter().filter_map(|row| read(&need, row)));
    }
    lacking
}

fn read(need: &PrivilegeNeed, row: &SimpleQueryRow) -> Option<LackingPrivilege> {
    Some(LackingPrivilege {
        need: need.clone(),
        role: text(row, 0)?,
        subject: text(row, 1).unwrap_or_default(),
        remedy: text(row, 2).unwrap_or_default(),
    })
}

/// The name of the row `c` with its schema `n`.
const NAME: &str = "quote_ident(n.nspname) || '.' || quote_ident(c.relname)";

fn on_relation(kind: NeedKind, oid: &str) -> String {
    let relation = format!(
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = {oid}"
    );
    let (right, test) = match kind {
        NeedKind::Owner => {
            return format!(
                "SELECT $role, {NAME}, 'run the apply as ' || \
                   quote_ident(pg_get_userbyid(c.relowner)) || ', or as a member of it' {relation} \
                 AND NOT pg_has_role($role, c.relowner, 'USAGE')"
            );
        }
        // A right on some column may be all that is needed.
        NeedKind::Insert => ("INSERT", "has_any_column_privilege"),
        NeedKind::Update => ("UPDATE", "has_any_column_privilege"),
        NeedKind::Select => ("SELECT", "has_any_column_privilege"),
        NeedKind::References => ("REFERENCES", "has_any_column_privilege"),
        NeedKind::Delete => ("DELETE", "has_table_privilege"),
        NeedKind::Truncate => ("TRUNCATE", "has_table_privilege"),
        _ => ("TRIGGER", "has_table_privilege"),
    };
    format!(
        "SELECT $role, {NAME}, 'GRANT {right} ON ' || {NAME} || ' TO ' || quote_ident($role) \
         {relation} AND NOT {test}($role, c.oid, '{right}')"
    )
}

/// `written` is empty for what stands where the session makes things.
fn in_schema(written: &str, here: Option<&str>) -> String {
    let schema = match (written, here) {
        ("", Some(here)) => literal(here),
        ("", None) => {
            return "SELECT $role, 'of its search path', 'the search path names no schema that is \
                    there: set it for the role'"
                .to_owned();
        }
        // As SQL writes it: one name, maybe quoted.
        (written, _) => format!("(parse_ident({}))[1]", literal(written)),
    };
    format!(
        "SELECT $role, quote_ident(n.nspname), 'GRANT CREATE ON SCHEMA ' || quote_ident(n.nspname) \
           || ' TO ' || quote_ident($role) FROM pg_namespace n WHERE n.nspname = {schema} \
         AND NOT has_schema_privilege($role, n.oid, 'CREATE')"
    )
}

fn in_database() -> String {
    "SELECT $role, current_database(), 'GRANT CREATE ON DATABASE ' || \
       quote_ident(current_database()) || ' TO ' || quote_ident($role) \
     WHERE NOT has_database_privilege($role, current_database(), 'CREATE')"
        .to_owned()
}

/// Whether anything can be written at all. The setting is that of the session, so it is only asked
/// where the session's role is the one that applies.
fn writing(is_own: bool) -> String {
    let setting = if is_own {
        "UNION ALL SELECT $role, 'default_transaction_read_only is on', 'ALTER ROLE ' || \
           quote_ident($role) || ' SET default_transaction_read_only = off' \
         WHERE current_setting('default_transaction_read_only') = 'on'"
    } else {
        ""
    };
    format!(
        "SELECT $role, 'the server is a standby', 'connect to the primary server' \
         WHERE pg_is_in_recovery() {setting}"
    )
}

/// The ledger is written by every apply, and made by the first.
fn of_ledger(request: &SurroundingsRequest) -> Vec<(PrivilegeNeed, String)> {
    let Some(ledger) = &request.ledger else { return Vec::new() };
    let need = |kind| PrivilegeNeed {
        kind,
        subject: ledger.qualified.clone(),
        wanted_by: "the ledger".to_owned(),
    };
    let (table, schema) = (literal(&ledger.table), literal(&ledger.schema));
    let there = format!(
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relname = {table} AND n.nspname = {schema} AND c.relkind IN ('r', 'p')"
    );
    let write = format!(
        "SELECT $role, {NAME}, 'GRANT SELECT, INSERT, UPDATE, DELETE ON ' || {NAME} || ' TO ' || \
           quote_ident($role) {there} AND NOT has_table_privilege($role, c.oid, 'INSERT')"
    );
    let make = format!(
        "SELECT $role, quote_ident(n.nspname), 'GRANT CREATE ON SCHEMA ' || \
           quote_ident(n.nspname) || ' TO ' || quote_ident($role) FROM pg_namespace n \
         WHERE n.nspname = {schema} AND NOT EXISTS (SELECT {there}) \
           AND NOT has_schema_privilege($role, n.oid, 'CREATE')"
    );
    let found = format!(
        "SELECT $role, current_database(), 'CREATE SCHEMA {} AUTHORIZATION ' || \
           quote_ident($role) WHERE NOT EXISTS (SELECT FROM pg_namespace n \
             WHERE n.nspname = {schema}) \
           AND NOT has_database_privilege($role, current_database(), 'CREATE')",
        identifier(&ledger.schema).replace('\'', "''"),
    );
    vec![
        (need(NeedKind::Insert), write),
        (need(NeedKind::CreateInSchema), make),
        (need(NeedKind::CreateInDatabase), found),
    ]
}
