//! What a statement that runs outside of transactions leaves in the catalog, as far as its text
//! tells: the question that settles whether an interrupted one is done.
//!
//! Only for statements that are carried out alone. All others share a transaction with the journal
//! line that says that they are done, and need no question.

use crate::cursor::{Cursor, folded, significant};

/// What a statement leaves behind. Names are as written, for `to_regclass` and the like, unless
/// said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// `CREATE INDEX CONCURRENTLY name ON table`. An interrupted one is left behind invalid.
    CreateIndex {
        /// The index as the catalog has it, without quotes; it stands in the table's schema.
        name: String,
        /// The table.
        table: String,
        /// Whether it is to be unique.
        unique: bool,
    },
    /// `DROP INDEX CONCURRENTLY name`. An interrupted one is run again.
    DropIndex {
        /// The index.
        name: String,
    },
    /// `REINDEX … CONCURRENTLY`: an interrupted one leaves `…_ccnew` behind, invalid.
    Reindex {
        /// The table or index; `None` for a schema or a database.
        name: Option<String>,
    },
    /// `ALTER TABLE parent DETACH PARTITION child CONCURRENTLY`.
    DetachPartition {
        /// The partitioned table.
        parent: String,
        /// The partition.
        child: String,
    },
    /// `CREATE DATABASE name`.
    CreateDatabase {
        /// The database as the catalog has it, without quotes.
        name: String,
    },
    /// `DROP DATABASE name`.
    DropDatabase {
        /// The database as the catalog has it, without quotes.
        name: String,
    },
    /// Running it once more changes nothing: `VACUUM`, `CLUSTER`, `ALTER SYSTEM`.
    Repeatable,
}

/// The effect of a statement; `None` where the text does not tell.
#[must_use]
pub fn effect(statement: &str) -> Option<Effect> {
    let tokens = significant(statement);
    let mut cursor = Cursor::new(statement, &tokens);
    for repeatable in ["VACUUM", "ANALYZE", "CLUSTER", "ALTER SYSTEM", "DISCARD", "CHECKPOINT"] {
        if cursor.is(repeatable) {
            return Some(Effect::Repeatable);
        }
    }
    if cursor.eat("CREATE DATABASE") {
        return Some(Effect::CreateDatabase { name: folded(cursor.identifier()?) });
    }
    if cursor.eat("DROP DATABASE") {
        let _ = cursor.eat("IF EXISTS");
        return Some(Effect::DropDatabase { name: folded(cursor.identifier()?) });
    }
    if cursor.eat("DROP INDEX CONCURRENTLY") {
        let _ = cursor.eat("IF EXISTS");
        return Some(Effect::DropIndex { name: cursor.name()? });
    }
    if cursor.eat("REINDEX") {
        return reindex(cursor);
    }
    if cursor.eat("ALTER TABLE") {
        return detach(cursor);
    }
    create_index(cursor)
}

fn create_index(mut cursor: Cursor<'_>) -> Option<Effect> {
    if !cursor.eat("CREATE") {
        return None;
    }
    let unique = cursor.eat("UNIQUE");
    if !cursor.eat("INDEX CONCURRENTLY") {
        return None;
    }
    let _ = cursor.eat("IF NOT EXISTS");
    // Without a name of its own nobody knows which one is meant.
    if cursor.is("ON") {
        return None;
    }
    let name = folded(cursor.identifier()?);
    if !cursor.eat("ON") {
        return None;
    }
    let _ = cursor.eat("ONLY");
    Some(Effect::CreateIndex { name, table: cursor.name()?, unique })
}

fn reindex(mut cursor: Cursor<'_>) -> Option<Effect> {
    let _ = cursor.parentheses();
    let single = cursor.is("INDEX") || cursor.is("TABLE");
    cursor.advance();
    let _ = cursor.eat("CONCURRENTLY");
    let name = if single { Some(cursor.name()?) } else { None };
    Some(Effect::Reindex { name })
}

fn detach(mut cursor: Cursor<'_>) -> Option<Effect> {
    let _ = cursor.eat("IF EXISTS");
    let parent = cursor.name()?;
    if !cursor.eat("DETACH PARTITION") {
        return None;
    }
    let child = cursor.name()?;
    Some(Effect::DetachPartition { parent, child })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_statement_that_runs_alone_has_its_question() {
        let index = |name: &str, table: &str, unique| {
            Some(Effect::CreateIndex { name: name.into(), table: table.into(), unique })
        };
        for (statement, expected) in [
            ("create index concurrently A on T (x)", index("a", "T", false)),
            (
                "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"A b\" ON ONLY s.\"T\" USING btree (x)",
                index("A b", "s.\"T\"", true),
            ),
            ("CREATE INDEX CONCURRENTLY ON t (x)", None),
            ("CREATE INDEX a ON t (x)", None),
            (
                "drop index concurrently if exists s.a",
                Some(Effect::DropIndex { name: "s.a".into() }),
            ),
            (
                "REINDEX (VERBOSE) TABLE CONCURRENTLY s.t",
                Some(Effect::Reindex { name: Some("s.t".into()) }),
            ),
            ("REINDEX DATABASE d", Some(Effect::Reindex { name: None })),
            (
                "ALTER TABLE p DETACH PARTITION c CONCURRENTLY",
                Some(Effect::DetachPartition { parent: "p".into(), child: "c".into() }),
            ),
            ("/* now */ VACUUM (FULL) t", Some(Effect::Repeatable)),
            ("CREATE DATABASE \"My\"", Some(Effect::CreateDatabase { name: "My".into() })),
            ("CALL p()", None),
            ("", None),
        ] {
            assert_eq!(effect(statement), expected, "{statement}");
        }
    }
}
