//! The locks of ALTER TABLE, of each action its own: `AlterTableGetLockLevel` in PostgreSQL's
//! `src/backend/commands/tablecmds.c`, and the command's documentation.

use super::LockMode::{
    self, AccessExclusive, AccessShare, ShareRowExclusive, ShareUpdateExclusive,
};
use super::maintenance;
use super::reading::Reading;
use super::words::Words;

/// What an action locks besides or instead of the table itself.
#[derive(Clone, Copy)]
enum Action {
    /// The table, so strongly.
    Table(LockMode),
    /// The table by the options in the parentheses.
    Options,
    /// The table weakly and the table named next strongly.
    Attach,
    Detach,
    /// The table, and the one named next.
    Parent(LockMode),
    /// The table, and the one after REFERENCES alike.
    ForeignKey,
}

/// The first row that fits counts. What fits none takes an ACCESS EXCLUSIVE lock.
const ACTIONS: &[(&str, Action)] = &[
    ("VALIDATE CONSTRAINT", Action::Table(ShareUpdateExclusive)),
    ("ALTER [COLUMN] # SET STATISTICS", Action::Table(ShareUpdateExclusive)),
    ("ALTER [COLUMN] # SET (", Action::Table(ShareUpdateExclusive)),
    ("ALTER [COLUMN] # RESET (", Action::Table(ShareUpdateExclusive)),
    ("CLUSTER ON", Action::Table(ShareUpdateExclusive)),
    ("SET WITHOUT CLUSTER", Action::Table(ShareUpdateExclusive)),
    ("SET|RESET (", Action::Options),
    ("ENABLE|DISABLE [ALWAYS|REPLICA] TRIGGER", Action::Table(ShareRowExclusive)),
    ("ATTACH PARTITION", Action::Attach),
    ("DETACH PARTITION", Action::Detach),
    ("INHERIT", Action::Parent(ShareUpdateExclusive)),
    ("NO INHERIT", Action::Parent(AccessShare)),
    ("ADD FOREIGN KEY", Action::ForeignKey),
    ("ADD CONSTRAINT # FOREIGN KEY", Action::ForeignKey),
];

/// The storage options that `reloptions.c` lets change under a weaker lock: those of tables, but
/// for `user_catalog_table`, and `deduplicate_items` of B-tree indexes.
const LIGHT_OPTIONS: &[&str] = &[
    "fillfactor",
    "toast_tuple_target",
    "parallel_workers",
    "vacuum_index_cleanup",
    "vacuum_truncate",
    "log_autovacuum_min_duration",
    "deduplicate_items",
];

/// Reads `name action, …` after ALTER TABLE, ALTER FOREIGN TABLE or ALTER MATERIALIZED VIEW.
pub(super) fn table(mut words: Words<'_>, reading: &mut Reading) {
    if words.eat("ALL IN TABLESPACE") {
        return;
    }
    let Some(table) = words.relation() else { return };
    for action in words.split_at_commas() {
        read_action(action, &table, reading);
    }
}

/// Reads `name action, …` after ALTER INDEX. An index is renamed under a weaker lock than a table.
pub(super) fn index(words: Words<'_>, reading: &mut Reading) {
    let mut name = words;
    match name.relation() {
        Some(index) if name.eat("RENAME TO") => reading.lock(ShareUpdateExclusive, index),
        _ => table(words, reading),
    }
}

/// Reads `name action` after ALTER SEQUENCE: changes of its own options leave readers alone.
pub(super) fn sequence(mut words: Words<'_>, reading: &mut Reading) {
    let Some(name) = words.relation() else { return };
    let heavy = ["OWNER TO", "RENAME TO", "SET SCHEMA", "SET LOGGED|UNLOGGED"];
    let mode = if heavy.iter().any(|pattern| words.eat(pattern)) {
        AccessExclusive
    } else {
        ShareRowExclusive
    };
    reading.lock(mode, name);
    owned_by(words, reading);
}

/// `OWNED BY table.column` of a sequence: `process_owned_by` in `src/backend/commands/sequence.c`.
pub(super) fn owned_by(words: Words<'_>, reading: &mut Reading) {
    let Some(mut owner) = words.after("OWNED") else { return };
    owner.eat_word("BY");
    maintenance::lock_column(AccessShare, &mut owner, reading);
}

fn read_action(mut words: Words<'_>, table: &str, reading: &mut Reading) {
    let action = ACTIONS.iter().find(|(pattern, _)| words.eat(pattern)).map(|(_, action)| *action);
    let mode = match action {
        Some(Action::Table(mode)) => mode,
        Some(Action::Options) => options_mode(words),
        Some(Action::ForeignKey) => ShareRowExclusive,
        Some(Action::Attach) => ShareUpdateExclusive,
        Some(Action::Detach) => return detach(words, table, reading),
        Some(Action::Parent(_)) | None => AccessExclusive,
    };
    reading.lock(mode, table.to_owned());
    match action {
        Some(Action::Attach) => reading.lock_next(AccessExclusive, &mut words),
        Some(Action::Parent(mode)) => reading.lock_next(mode, &mut words),
        Some(Action::ForeignKey) | None => {
            reading.lock_after("REFERENCES", ShareRowExclusive, words);
        }
        Some(Action::Table(_) | Action::Options | Action::Detach) => {}
    }
}

/// `DETACH PARTITION name [CONCURRENTLY | FINALIZE]`
fn detach(mut words: Words<'_>, table: &str, reading: &mut Reading) {
    let Some(partition) = words.relation() else { return };
    let concurrently = words.eat_word("CONCURRENTLY");
    let weak = concurrently || words.eat_word("FINALIZE");
    let mode = if weak { ShareUpdateExclusive } else { AccessExclusive };
    reading.lock(mode, table.to_owned());
    // Concurrently, too, its second transaction locks the partition like this.
    reading.lock(AccessExclusive, partition);
    if concurrently {
        reading.outside("ALTER TABLE ... DETACH CONCURRENTLY");
    }
}

fn options_mode(mut words: Words<'_>) -> LockMode {
    let Some(options) = words.parentheses() else { return AccessExclusive };
    let light = |option: &Words<'_>| {
        // `toast.autovacuum_enabled` is an option of the TOAST table.
        let name = { *option }.name_parts().pop().unwrap_or_default();
        name.starts_with("autovacuum_") || LIGHT_OPTIONS.contains(&name.as_str())
    };
    if options.split_at_commas().iter().all(light) { ShareUpdateExclusive } else { AccessExclusive }
}
