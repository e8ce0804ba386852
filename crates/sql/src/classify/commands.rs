//! The catalogue of commands: pattern, tag, and how to read the rest. The first row that fits
//! counts. Tags are those of PostgreSQL's `src/include/tcop/cmdtaglist.h`.

use super::LockMode::{AccessExclusive, AccessShare, ShareRowExclusive, ShareUpdateExclusive};
use super::TransactionControl as Control;
use super::maintenance;
use super::query;
use super::reading::Reading;
use super::words::Words;
use super::{alter_table, create_table, subscription};

/// Reads what follows the pattern.
type Read = fn(Words<'_>, &mut Reading);

struct Command {
    pattern: &'static str,
    tag: &'static str,
    read: Read,
}

const fn row(pattern: &'static str, tag: &'static str, read: Read) -> Command {
    Command { pattern, tag, read }
}

/// A command that needs nothing and locks nothing that its text names.
const fn plain(pattern: &'static str, tag: &'static str) -> Command {
    Command { pattern, tag, read: |_, _| {} }
}

/// Finds the statement's command, and reads it.
pub(super) fn read(words: Words<'_>, reading: &mut Reading) {
    if query::starts_statement(words) {
        reading.tag(query::main_verb(words));
        return query::read(words, reading);
    }
    for command in COMMANDS {
        let mut rest = words;
        if rest.eat(command.pattern) {
            reading.tag(command.tag);
            return (command.read)(rest, reading);
        }
    }
    reading.tag(&object_tag(words));
}

/// The tag of CREATE, ALTER and DROP of the objects in [`OBJECTS`]; of others the first word.
fn object_tag(mut words: Words<'_>) -> String {
    let verb = words.first().map(|token| token.text.to_ascii_uppercase()).unwrap_or_default();
    if !matches!(verb.as_str(), "CREATE" | "ALTER" | "DROP") {
        return verb;
    }
    words.advance();
    words.eat("[OR REPLACE] [TRUSTED] [PROCEDURAL] [DEFAULT] [TEMP|TEMPORARY|UNLOGGED]");
    match OBJECTS.iter().find(|(pattern, _)| words.eat(pattern)) {
        Some((_, object)) => format!("{verb} {object}"),
        None => verb,
    }
}

/// Objects whose CREATE, ALTER and DROP lock no relation that the text names.
const OBJECTS: &[(&str, &str)] = &[
    ("ACCESS METHOD", "ACCESS METHOD"),
    ("AGGREGATE", "AGGREGATE"),
    ("CAST", "CAST"),
    ("COLLATION", "COLLATION"),
    ("CONVERSION", "CONVERSION"),
    ("DATABASE", "DATABASE"),
    ("PRIVILEGES", "DEFAULT PRIVILEGES"),
    ("DOMAIN", "DOMAIN"),
    ("EVENT TRIGGER", "EVENT TRIGGER"),
    ("EXTENSION", "EXTENSION"),
    ("FOREIGN DATA WRAPPER", "FOREIGN DATA WRAPPER"),
    ("FUNCTION", "FUNCTION"),
    ("LANGUAGE", "LANGUAGE"),
    ("LARGE OBJECT", "LARGE OBJECT"),
    ("OPERATOR CLASS", "OPERATOR CLASS"),
    ("OPERATOR FAMILY", "OPERATOR FAMILY"),
    ("OPERATOR", "OPERATOR"),
    ("OWNED", "OWNED"),
    ("PROCEDURE", "PROCEDURE"),
    ("PUBLICATION", "PUBLICATION"),
    ("USER MAPPING", "USER MAPPING"),
    ("ROLE|USER|GROUP", "ROLE"),
    ("ROUTINE", "ROUTINE"),
    ("SCHEMA", "SCHEMA"),
    ("SEQUENCE", "SEQUENCE"),
    ("SERVER", "SERVER"),
    ("STATISTICS", "STATISTICS"),
    ("TABLESPACE", "TABLESPACE"),
    ("TEXT SEARCH CONFIGURATION", "TEXT SEARCH CONFIGURATION"),
    ("TEXT SEARCH DICTIONARY", "TEXT SEARCH DICTIONARY"),
    ("TEXT SEARCH PARSER", "TEXT SEARCH PARSER"),
    ("TEXT SEARCH TEMPLATE", "TEXT SEARCH TEMPLATE"),
    ("TRANSFORM", "TRANSFORM"),
    ("TYPE", "TYPE"),
];

const COMMANDS: &[Command] = &[
    // Transaction control
    row("BEGIN", "BEGIN", |_, to| to.control(Control::Begin)),
    row("START TRANSACTION", "START TRANSACTION", |_, to| to.control(Control::Begin)),
    row("COMMIT PREPARED", "COMMIT PREPARED", |_, to| {
        to.control(Control::CommitPrepared);
        to.outside("COMMIT PREPARED");
    }),
    row("COMMIT|END", "COMMIT", |_, to| to.control(Control::Commit)),
    row("ROLLBACK PREPARED", "ROLLBACK PREPARED", |_, to| {
        to.control(Control::RollbackPrepared);
        to.outside("ROLLBACK PREPARED");
    }),
    row("ROLLBACK|ABORT [WORK|TRANSACTION] TO", "ROLLBACK", |_, to| {
        to.control(Control::RollbackTo);
    }),
    row("ROLLBACK|ABORT", "ROLLBACK", |_, to| to.control(Control::Rollback)),
    row("SAVEPOINT", "SAVEPOINT", |_, to| to.control(Control::Savepoint)),
    row("RELEASE", "RELEASE", |_, to| to.control(Control::ReleaseSavepoint)),
    row("PREPARE TRANSACTION", "PREPARE TRANSACTION", |_, to| {
        to.control(Control::PrepareTransaction);
    }),
    row("SET [LOCAL|SESSION] TRANSACTION", "SET", |_, to| to.control(Control::SetTransaction)),
    // Statements of statements
    row("EXPLAIN", "EXPLAIN", explain),
    row("PREPARE", "PREPARE", |words, to| inner_after("AS", words, to)),
    row("DECLARE", "DECLARE CURSOR", |words, to| inner_after("FOR", words, to)),
    row("COPY [BINARY]", "COPY", maintenance::copy),
    // Tables
    row(
        "CREATE [GLOBAL|LOCAL] [TEMP|TEMPORARY|UNLOGGED] TABLE [IF NOT EXISTS]",
        "CREATE TABLE",
        create_table::read,
    ),
    row("CREATE FOREIGN TABLE [IF NOT EXISTS]", "CREATE FOREIGN TABLE", create_table::read),
    row("ALTER TABLE [IF EXISTS]", "ALTER TABLE", alter_table::table),
    row("ALTER FOREIGN TABLE [IF EXISTS]", "ALTER FOREIGN TABLE", alter_table::table),
    row("DROP TABLE [IF EXISTS]", "DROP TABLE", drop_relations),
    row("DROP FOREIGN TABLE [IF EXISTS]", "DROP FOREIGN TABLE", drop_relations),
    row("TRUNCATE [TABLE]", "TRUNCATE TABLE", drop_relations),
    row("LOCK [TABLE]", "LOCK TABLE", maintenance::lock),
    // Indexes
    row("CREATE [UNIQUE] INDEX", "CREATE INDEX", maintenance::create_index),
    row("ALTER INDEX [IF EXISTS]", "ALTER INDEX", alter_table::index),
    row("DROP INDEX", "DROP INDEX", maintenance::drop_index),
    row("REINDEX", "REINDEX", maintenance::reindex),
    // Views
    row("CREATE OR REPLACE [TEMP|TEMPORARY] [RECURSIVE] VIEW", "CREATE VIEW", |mut words, to| {
        to.lock_next(AccessExclusive, &mut words);
        inner_query(words, to);
    }),
    row("CREATE [TEMP|TEMPORARY] [RECURSIVE] VIEW", "CREATE VIEW", inner_query),
    row("ALTER VIEW [IF EXISTS]", "ALTER VIEW", |mut words, to| {
        to.lock_next(AccessExclusive, &mut words);
    }),
    row("DROP VIEW [IF EXISTS]", "DROP VIEW", drop_relations),
    row("CREATE MATERIALIZED VIEW", "CREATE MATERIALIZED VIEW", inner_query),
    row("ALTER MATERIALIZED VIEW [IF EXISTS]", "ALTER MATERIALIZED VIEW", alter_table::table),
    row("DROP MATERIALIZED VIEW [IF EXISTS]", "DROP MATERIALIZED VIEW", drop_relations),
    row("REFRESH MATERIALIZED VIEW", "REFRESH MATERIALIZED VIEW", maintenance::refresh),
    // Sequences, types
    row("CREATE [TEMP|TEMPORARY|UNLOGGED] SEQUENCE", "CREATE SEQUENCE", alter_table::owned_by),
    row("ALTER SEQUENCE [IF EXISTS]", "ALTER SEQUENCE", alter_table::sequence),
    row("DROP SEQUENCE [IF EXISTS]", "DROP SEQUENCE", drop_relations),
    row("ALTER TYPE # ADD VALUE", "ALTER TYPE", |_, to| {
        to.caveat("the new value cannot be used before the transaction has committed");
    }),
    // What hangs on a table: `CreateTriggerFiringOn`, `DefineQueryRewrite`, `CreatePolicy`
    row("CREATE [OR REPLACE] [CONSTRAINT] TRIGGER", "CREATE TRIGGER", |words, to| {
        to.lock_after("ON", ShareRowExclusive, words);
        let referenced = words.after("ON").unwrap_or(words);
        to.lock_after("FROM", AccessShare, referenced);
    }),
    row("ALTER TRIGGER # ON", "ALTER TRIGGER", |mut words, to| {
        to.lock_next(AccessExclusive, &mut words);
    }),
    row("DROP TRIGGER [IF EXISTS] # ON", "DROP TRIGGER", drop_relations),
    row("CREATE [OR REPLACE] RULE", "CREATE RULE", |words, to| {
        to.lock_after("TO", AccessExclusive, words);
    }),
    row("ALTER RULE # ON", "ALTER RULE", drop_relations),
    row("DROP RULE [IF EXISTS] # ON", "DROP RULE", drop_relations),
    row("CREATE POLICY # ON", "CREATE POLICY", drop_relations),
    row("ALTER POLICY [IF EXISTS] # ON", "ALTER POLICY", drop_relations),
    row("DROP POLICY [IF EXISTS] # ON", "DROP POLICY", drop_relations),
    row("CREATE STATISTICS", "CREATE STATISTICS", |words, to| {
        to.lock_after("FROM", ShareUpdateExclusive, words);
    }),
    // Publications and subscriptions
    row("CREATE PUBLICATION # FOR TABLE", "CREATE PUBLICATION", published),
    row("ALTER PUBLICATION # ADD|SET|DROP TABLE", "ALTER PUBLICATION", published),
    row("CREATE SUBSCRIPTION", "CREATE SUBSCRIPTION", subscription::create),
    row("ALTER SUBSCRIPTION", "ALTER SUBSCRIPTION", subscription::alter),
    row("DROP SUBSCRIPTION", "DROP SUBSCRIPTION", subscription::drop),
    // Comments and labels: `get_object_address` in `src/backend/catalog/objectaddress.c`
    row("COMMENT ON COLUMN", "COMMENT", maintenance::column),
    row("COMMENT ON TABLE|VIEW|INDEX|SEQUENCE", "COMMENT", described),
    row("COMMENT ON MATERIALIZED VIEW", "COMMENT", described),
    row("COMMENT ON FOREIGN TABLE", "COMMENT", described),
    row("COMMENT ON CONSTRAINT # ON DOMAIN", "COMMENT", |_, _| {}),
    row("COMMENT ON CONSTRAINT|TRIGGER|RULE|POLICY # ON", "COMMENT", |mut words, to| {
        to.lock_next(AccessShare, &mut words);
    }),
    plain("COMMENT", "COMMENT"),
    row("SECURITY LABEL [FOR #] ON COLUMN", "SECURITY LABEL", maintenance::column),
    row("SECURITY LABEL [FOR #] ON TABLE|VIEW|SEQUENCE", "SECURITY LABEL", described),
    plain("SECURITY LABEL", "SECURITY LABEL"),
    // Upkeep
    row("VACUUM", "VACUUM", maintenance::vacuum),
    row("ANALYZE|ANALYSE", "ANALYZE", maintenance::analyze),
    row("CLUSTER", "CLUSTER", maintenance::cluster),
    // The whole server
    row("CREATE DATABASE", "CREATE DATABASE", |_, to| to.outside("CREATE DATABASE")),
    row("ALTER DATABASE # SET TABLESPACE", "ALTER DATABASE", |_, to| {
        to.outside("ALTER DATABASE SET TABLESPACE");
    }),
    row("DROP DATABASE", "DROP DATABASE", |_, to| to.outside("DROP DATABASE")),
    row("CREATE TABLESPACE", "CREATE TABLESPACE", |_, to| to.outside("CREATE TABLESPACE")),
    row("DROP TABLESPACE", "DROP TABLESPACE", |_, to| to.outside("DROP TABLESPACE")),
    row("ALTER SYSTEM", "ALTER SYSTEM", |_, to| to.outside("ALTER SYSTEM")),
    // The session
    row("DISCARD ALL", "DISCARD ALL", |_, to| to.outside("DISCARD ALL")),
    plain("DISCARD PLANS", "DISCARD PLANS"),
    plain("DISCARD SEQUENCES", "DISCARD SEQUENCES"),
    plain("DISCARD TEMP|TEMPORARY", "DISCARD TEMP"),
    plain("DEALLOCATE [PREPARE] ALL", "DEALLOCATE ALL"),
    plain("CLOSE ALL", "CLOSE CURSOR ALL"),
    plain("CLOSE", "CLOSE CURSOR"),
    plain("SET CONSTRAINTS", "SET CONSTRAINTS"),
    // Rights and the rest
    row("GRANT", "GRANT", |words, to| grant("GRANT ROLE", words, to)),
    row("REVOKE", "REVOKE", |words, to| grant("REVOKE ROLE", words, to)),
    plain("IMPORT FOREIGN SCHEMA", "IMPORT FOREIGN SCHEMA"),
    plain("REASSIGN OWNED", "REASSIGN OWNED"),
];

/// A list of relations that no other session may touch meanwhile.
fn drop_relations(mut words: Words<'_>, reading: &mut Reading) {
    reading.lock_list(AccessExclusive, &mut words);
}

fn described(mut words: Words<'_>, reading: &mut Reading) {
    reading.lock_next(ShareUpdateExclusive, &mut words);
}

/// `OpenTableList` in `src/backend/commands/publicationcmds.c`
fn published(words: Words<'_>, reading: &mut Reading) {
    for mut element in words.split_at_commas() {
        element.eat("TABLE");
        reading.lock_next(ShareUpdateExclusive, &mut element);
    }
}

/// `CREATE VIEW … AS query`
fn inner_query(words: Words<'_>, reading: &mut Reading) {
    if let Some(query) = words.after("AS") {
        query::read(query, reading);
    }
}

fn explain(mut words: Words<'_>, reading: &mut Reading) {
    if words.parentheses().is_none() {
        words.eat("[ANALYZE|ANALYSE] [VERBOSE]");
    }
    read(words, reading);
    reading.tag("EXPLAIN");
}

/// PREPARE and DECLARE: a statement after a keyword.
fn inner_after(keyword: &str, words: Words<'_>, reading: &mut Reading) {
    if let Some(query) = words.after(keyword) {
        query::read(query, reading);
    }
}

/// Rights on objects are granted ON something, roles are not.
fn grant(role_tag: &str, words: Words<'_>, reading: &mut Reading) {
    if words.after("ON").is_none() {
        reading.tag(role_tag);
    }
}
