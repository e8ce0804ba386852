//! The commands that keep tables in order: indexes, VACUUM, CLUSTER, REINDEX, REFRESH, LOCK.

use super::LockMode::{self, AccessExclusive, AccessShare, Exclusive, Share, ShareUpdateExclusive};
use super::query;
use super::reading::Reading;
use super::words::Words;

/// `CREATE [UNIQUE] INDEX …`
pub(super) fn create_index(mut words: Words<'_>, reading: &mut Reading) {
    let mode = if words.eat_word("CONCURRENTLY") {
        reading.outside("CREATE INDEX CONCURRENTLY");
        ShareUpdateExclusive
    } else {
        Share
    };
    reading.lock_after("ON", mode, words);
}

/// `DROP INDEX …`: its table is locked as well, but the text does not name it.
pub(super) fn drop_index(mut words: Words<'_>, reading: &mut Reading) {
    let mode = if words.eat_word("CONCURRENTLY") {
        reading.outside("DROP INDEX CONCURRENTLY");
        ShareUpdateExclusive
    } else {
        AccessExclusive
    };
    words.eat("IF EXISTS");
    reading.lock_list(mode, &mut words);
}

/// `REINDEX [(options)] kind [CONCURRENTLY] name`
pub(super) fn reindex(mut words: Words<'_>, reading: &mut Reading) {
    let options = words.parentheses();
    let kinds = ["INDEX", "TABLE", "SCHEMA", "DATABASE", "SYSTEM"];
    let kind = kinds.into_iter().find(|kind| words.eat_word(kind)).unwrap_or_default();
    let concurrently = words.eat_word("CONCURRENTLY")
        || options.is_some_and(|options| is_switched_on(options, "CONCURRENTLY"));
    if matches!(kind, "SCHEMA" | "DATABASE" | "SYSTEM") {
        reading.outside(&format!("REINDEX {kind}"));
    } else if concurrently {
        reading.outside("REINDEX CONCURRENTLY");
    }
    let mode = if concurrently { ShareUpdateExclusive } else { AccessExclusive };
    match kind {
        "INDEX" => reading.lock_next(mode, &mut words),
        "TABLE" => reading.lock_next(mode.min(Share), &mut words),
        _ => {}
    }
}

/// `VACUUM [(options) | FULL FREEZE VERBOSE ANALYZE] [tables]`
pub(super) fn vacuum(mut words: Words<'_>, reading: &mut Reading) {
    reading.outside("VACUUM");
    let mut full = words.parentheses().is_some_and(|options| is_switched_on(options, "FULL"));
    full |= words.eat_word("FULL");
    words.eat("[FREEZE] [VERBOSE] [ANALYZE|ANALYSE]");
    let mode = if full { AccessExclusive } else { ShareUpdateExclusive };
    reading.lock_list(mode, &mut words);
}

/// `ANALYZE [(options) | VERBOSE] [tables]`
pub(super) fn analyze(mut words: Words<'_>, reading: &mut Reading) {
    words.skip_parentheses();
    words.eat("[VERBOSE]");
    reading.lock_list(ShareUpdateExclusive, &mut words);
}

/// `CLUSTER [(options) | VERBOSE] [table [USING index]]`, and the old `CLUSTER index ON table`
pub(super) fn cluster(mut words: Words<'_>, reading: &mut Reading) {
    words.skip_parentheses();
    words.eat("[VERBOSE]");
    let Some(table) = words.relation() else { return reading.outside("CLUSTER without a table") };
    if words.eat_word("ON") {
        reading.lock_next(AccessExclusive, &mut words);
    } else {
        reading.lock(AccessExclusive, table);
    }
}

/// `REFRESH MATERIALIZED VIEW [CONCURRENTLY] name`
pub(super) fn refresh(mut words: Words<'_>, reading: &mut Reading) {
    let mode = if words.eat_word("CONCURRENTLY") { Exclusive } else { AccessExclusive };
    reading.lock_next(mode, &mut words);
}

/// `LOCK [TABLE] tables [IN mode MODE] [NOWAIT]`
pub(super) fn lock(words: Words<'_>, reading: &mut Reading) {
    let mode = words.after("IN").and_then(named_mode).unwrap_or(AccessExclusive);
    let mut tables = words;
    reading.lock_list(mode, &mut tables);
}

fn named_mode(words: Words<'_>) -> Option<LockMode> {
    let name: Vec<String> = words
        .rest()
        .iter()
        .take_while(|token| !token.is_word("MODE"))
        .map(|token| token.text.to_ascii_uppercase())
        .collect();
    LockMode::named(&name.join(" "))
}

/// `COMMENT ON` and `SECURITY LABEL ON` a column: the relation is all but the last part.
pub(super) fn column(mut words: Words<'_>, reading: &mut Reading) {
    lock_column(ShareUpdateExclusive, &mut words, reading);
}

/// Claims a lock on the relation of the column named next.
pub(super) fn lock_column(mode: LockMode, words: &mut Words<'_>, reading: &mut Reading) {
    let mut parts = words.name_parts();
    parts.pop();
    if !parts.is_empty() {
        reading.lock(mode, parts.join("."));
    }
}

/// `COPY [BINARY] table [(columns)] FROM | TO …`, `COPY (query) TO …`
pub(super) fn copy(mut words: Words<'_>, reading: &mut Reading) {
    if let Some(query) = words.parentheses() {
        return query::read(query, reading);
    }
    let Some(table) = words.relation() else { return };
    words.skip_parentheses();
    let mode = if words.is_word("FROM") { LockMode::RowExclusive } else { AccessShare };
    reading.lock(mode, table);
}

/// Whether a parenthesised option is there and not false.
fn is_switched_on(options: Words<'_>, name: &str) -> bool {
    options.split_at_commas().into_iter().any(|mut option| {
        option.eat_word(name)
            && option.first().is_none_or(|value| {
                let value = value.text.trim_matches('\'').to_ascii_lowercase();
                !matches!(value.as_str(), "false" | "off" | "0" | "no")
            })
    })
}
