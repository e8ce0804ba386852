//! Whose SQL a text is: it decides how bytes become tokens, and tokens statements.

/// A database's own way to write SQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// PostgreSQL: after `src/backend/parser/scan.l` and `gram.y`.
    #[default]
    Postgres,
    /// SQLite: after `src/tokenize.c` and `src/complete.c`.
    Sqlite,
}
