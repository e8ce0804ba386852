//! What goes on around an apply, and what state it leaves behind, as far as SQLite has such a
//! notion: there are no sessions to be seen, no roles, no replicas and no indexes that are not
//! valid.
//!
//! Each fact has its own time-out. Nothing is written, and nothing of the database's is run: views
//! and triggers are compiled, not stepped.

mod bodies;
mod keys;

use std::time::Duration;

use rusqlite::Connection;
use stopover_backend::{BackendError, CensusScope, Harness, HealthRequest, SurroundingsRequest};
use stopover_model::DatabaseKind;
use stopover_model::harness::{
    Fact, Grants, Health, LackingPrivilege, NeedKind, PrivilegeNeed, Surroundings, TouchedRelation,
    Unread,
};

use crate::error::database_error;
use crate::held::Held;
use crate::open;
use crate::session::SqliteSession;
use crate::target::{Access, Target};
use crate::waiting::DEFAULT_LOCK_WAIT;

impl Harness for SqliteSession {
    async fn surroundings(
        &mut self,
        request: &SurroundingsRequest,
    ) -> Result<Surroundings, BackendError> {
        let request = request.clone();
        self.call(move |held| surroundings(held, &request)).await?
    }

    /// The text of a statement does not tell: SQLite has one lock, of the whole file.
    async fn touched(
        &mut self,
        _: &SurroundingsRequest,
    ) -> Result<Fact<Vec<TouchedRelation>>, BackendError> {
        Ok(Fact::NotHere)
    }

    async fn grants(&mut self, _: Duration) -> Result<Fact<Vec<Grants>>, BackendError> {
        Ok(Fact::NotHere)
    }

    async fn health(&mut self, request: &HealthRequest) -> Result<Health, BackendError> {
        let request = request.clone();
        self.call(move |held| health(held, &request)).await?
    }
}

fn surroundings(
    held: &mut Held,
    request: &SurroundingsRequest,
) -> Result<Surroundings, BackendError> {
    Ok(Surroundings {
        database: DatabaseKind::Sqlite,
        server_version: rusqlite::version().to_owned(),
        relations: Fact::Read(touched(request)),
        transactions: Fact::NotHere,
        waits: Fact::NotHere,
        dumps: Fact::NotHere,
        vacuums: Fact::NotHere,
        prepared: Fact::NotHere,
        invalid_indexes: Fact::NotHere,
        replication: Fact::NotHere,
        connections: Fact::NotHere,
        lacking: Fact::Read(lacking(&held.target, &request.needs)?),
    })
}

/// The relations as they are written: a name means one thing in a file.
fn touched(request: &SurroundingsRequest) -> Vec<TouchedRelation> {
    let touched = |it: &stopover_model::harness::WrittenRelation| TouchedRelation {
        relation: it.relation.clone(),
        mode: it.mode.clone(),
        bytes: None,
    };
    request.relations.iter().map(touched).collect()
}

/// What keeps the file from being written.
fn lacking(
    target: &Target,
    needs: &[PrivilegeNeed],
) -> Result<Vec<LackingPrivilege>, BackendError> {
    let Some(need) = needs.iter().find(|it| it.kind == NeedKind::Write) else {
        return Ok(Vec::new());
    };
    let lacks = |subject: String, remedy: &str| LackingPrivilege {
        need: need.clone(),
        role: "the user".to_owned(),
        subject,
        remedy: remedy.to_owned(),
    };
    let mut found = Vec::new();
    if target.access == Access::ReadOnly {
        found.push(lacks(
            "the database URL says mode=ro".to_owned(),
            "name the database without mode=ro",
        ));
    }
    let Some(file) = open::file(target)? else { return Ok(found) };
    let is_locked = |path: &std::path::Path| {
        std::fs::metadata(path).is_ok_and(|it| it.permissions().readonly())
    };
    let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
    for path in [Some(file.as_path()), folder].into_iter().flatten() {
        if is_locked(path) {
            found.push(lacks(
                format!("nobody may write {}", path.display()),
                "give the user the right to write the database and its folder",
            ));
        }
    }
    Ok(found)
}

fn health(held: &mut Held, request: &HealthRequest) -> Result<Health, BackendError> {
    let HealthRequest { scope, fact_timeout, scan_timeout } = request;
    let (fact, scan) = (*fact_timeout, *scan_timeout);
    let except = names(scope);
    Ok(Health {
        database: DatabaseKind::Sqlite,
        foreign_keys: ask(held, scan, keys::read)?,
        invalid_indexes: Fact::NotHere,
        invalid_constraints: Fact::NotHere,
        broken: ask(held, fact, |it| bodies::read(it, &except))?,
        unchecked: Fact::NotHere,
        damage: ask(held, scan, damage)?,
    })
}

/// Tables that are left out.
fn names(scope: &CensusScope) -> Vec<String> {
    scope.except.iter().map(|(_, table)| table.clone()).collect()
}

/// One question in a transaction that reads; what is refused is a fact that was not read.
fn ask<T: Default>(
    held: &mut Held,
    limit: Duration,
    read: impl Fn(&Connection) -> rusqlite::Result<T>,
) -> Result<Fact<T>, BackendError> {
    loop {
        let waiting = std::sync::Arc::clone(&held.waiting);
        let value = match held.reading()? {
            None => Ok(T::default()),
            Some(connection) => {
                waiting.limit(DEFAULT_LOCK_WAIT, Some(limit));
                connection.unchecked_transaction().and_then(|it| read(&it))
            }
        };
        if held.outrun()? {
            continue;
        }
        return Ok(match value {
            Ok(value) => Fact::Read(value),
            Err(error) => Fact::Unread(unread(&error, limit)),
        });
    }
}

fn unread(error: &rusqlite::Error, limit: Duration) -> Unread {
    let message = database_error(error).message;
    let interrupted = crate::error::primary(error) == Some(rusqlite::ffi::SQLITE_INTERRUPT);
    let (why, remedy) = if interrupted {
        (
            format!("it took longer than {} s: {message}", limit.as_secs_f64()),
            "allow more time: fact_timeout (or scan_timeout) under [postflight] in stopover.toml",
        )
    } else {
        (message, "see what SQLite says, and run the command again")
    };
    Unread { why, sqlstate: None, remedy: remedy.to_owned() }
}

/// What SQLite says of its file; nothing where it is whole.
fn damage(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA main.integrity_check(20)")?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    let lines: Vec<String> = lines.collect::<rusqlite::Result<_>>()?;
    Ok(if lines == ["ok"] { Vec::new() } else { lines })
}
