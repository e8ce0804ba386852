//! Foreign keys that a migration switches off. SQLite does that only outside of a transaction:
//! inside, `PRAGMA foreign_keys` does nothing and says nothing, and a `DROP TABLE` then deletes
//! the rows that point to the table.

use stopover_model::{Boundary, DatabaseKind, Finding, ForeignKeys, Migration};
use stopover_sql::Statement;

use crate::script::place;

/// Pragmas that would do nothing, and a directive that means nothing here or cannot be kept.
pub(crate) fn problems(
    migration: &Migration,
    database: DatabaseKind,
    boundary: &Boundary,
    statements: &[Statement],
) -> Vec<Finding> {
    let directive = migration.directives.foreign_keys;
    match (database, directive, boundary) {
        (_, ForeignKeys::Enforced, Boundary::NonTransactional(_))
        | (DatabaseKind::Sqlite, ForeignKeys::CheckedAtCommit, Boundary::Transactional)
        | (DatabaseKind::Postgres, ForeignKeys::Enforced, Boundary::Transactional) => Vec::new(),
        (DatabaseKind::Sqlite, ForeignKeys::Enforced, Boundary::Transactional) => {
            let without_effect = statements.iter().filter(|it| it.classification.caveat.is_some());
            without_effect.map(|it| no_effect(migration, it)).collect()
        }
        (DatabaseKind::Sqlite, ForeignKeys::CheckedAtCommit, Boundary::NonTransactional(_)) => {
            vec![no_transaction(migration)]
        }
        (DatabaseKind::Postgres, ForeignKeys::CheckedAtCommit, _) => vec![not_here(migration)],
    }
}

fn no_effect(migration: &Migration, statement: &Statement) -> Finding {
    let place = place(migration, statement);
    Finding::error(
        "foreign-keys",
        place.clone(),
        format!(
            "{place}: PRAGMA foreign_keys does nothing inside of a transaction: foreign keys \
             would stay on, and dropping a table would delete the rows that point to it"
        ),
        "write `-- stopover: foreign-keys off` at the head of the file: the keys are off around \
         its transaction, and checked before it commits",
    )
}

fn no_transaction(migration: &Migration) -> Finding {
    let path = &migration.up.path;
    Finding::error(
        "foreign-keys",
        path.clone(),
        format!(
            "{path}: `-- stopover: foreign-keys off` checks the keys before the migration's \
             transaction commits, and this migration has none"
        ),
        "move what cannot run in a transaction into a migration of its own",
    )
}

fn not_here(migration: &Migration) -> Finding {
    let path = &migration.up.path;
    Finding::error(
        "foreign-keys",
        path.clone(),
        format!("{path}: `-- stopover: foreign-keys off` is for SQLite, and this is PostgreSQL"),
        "remove the line; PostgreSQL changes a table without rebuilding it by hand",
    )
}
