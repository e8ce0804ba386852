//! Columns that a script drops, gives another type or writes to, and tables that it makes again, as
//! far as its text tells: their values are counted before, for afterwards nobody can.
//!
//! More than that may be found, for a script's text is not understood here. A column that
//! goes without being named (CASCADE, a name that is put together) is found afterwards, and that
//! nobody knows what it held is said then.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use stopover_backend::Imprint;

/// Columns of one table, by their positions.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) table: usize,
    pub(super) columns: Vec<usize>,
}

/// Every column of every table.
pub(super) fn all_of(imprints: &[Imprint]) -> Vec<Named> {
    let all = imprints.iter().enumerate();
    let all = all.map(|(table, it)| Named { table, columns: (0..it.columns.len()).collect() });
    all.filter(|it| !it.columns.is_empty()).collect()
}

/// Columns that one of the scripts drops by name, gives another type or updates, if it names their
/// table or what that is a part of; of a table that it drops or renames and may make again, all.
pub(super) fn at_risk_in(texts: &[&str], imprints: &[Imprint]) -> Vec<Named> {
    let texts: Vec<String> = texts.iter().map(|it| it.to_lowercase()).collect();
    let has = |text: &String, words: &[&str]| words.iter().any(|it| has_word(text, it));
    // What one script drops another may make again.
    let makes = texts.iter().any(|it| has(it, &["rename", "create", "into"]));
    let mut columns: HashMap<String, Vec<(usize, usize)>> = HashMap::new();
    for (table, imprint) in imprints.iter().enumerate() {
        for (at, column) in imprint.columns.iter().enumerate() {
            columns.entry(column.name.to_lowercase()).or_default().push((table, at));
        }
    }
    let mut found: BTreeSet<(usize, usize)> = BTreeSet::new();
    for text in &texts {
        for word in dropped_words(text) {
            let named = columns.get(word).into_iter().flatten().copied();
            found.extend(named.filter(|(table, _)| {
                names_it(text, &imprints[*table], |text, name| text.contains(name))
            }));
        }
        let rebuilds = makes && has(text, &["drop"]);
        if rebuilds || has(text, &["update", "type", "merge", "replace"]) {
            found.extend(written_in(text, imprints, rebuilds));
        }
    }
    let mut tables: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (table, at) in found {
        tables.entry(table).or_default().push(at);
    }
    tables.into_iter().map(|(table, columns)| Named { table, columns }).collect()
}

/// Columns that a text in lower case names with their table; all of the table's where `whole`.
fn written_in(text: &str, imprints: &[Imprint], whole: bool) -> Vec<(usize, usize)> {
    let named = imprints.iter().enumerate().filter(|(_, it)| names_it(text, it, has_word));
    let columns = named.flat_map(|(table, imprint)| {
        let columns = imprint.columns.iter().enumerate();
        columns
            .filter(|(_, it)| whole || has_word(text, &it.name.to_lowercase()))
            .map(move |(at, _)| (table, at))
    });
    columns.collect()
}

/// Whether a text in lower case names the table, or what it is a part of.
fn names_it(text: &str, table: &Imprint, contains: impl Fn(&str, &str) -> bool) -> bool {
    table.within.iter().chain([&table.relation]).any(|it| contains(text, &bare(it)))
}

/// Whether a word stands in the text by itself.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
    })
}

fn is_part(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}

/// `shop."Odd ""Name"""` without its schema and quotes, in lower case, as far as its first quote
/// inside.
pub(crate) fn bare(relation: &str) -> String {
    let name = match relation.strip_suffix('"') {
        Some(quoted) => quoted.rsplit('"').next().unwrap_or(quoted),
        None => relation.rsplit('.').next().unwrap_or(relation),
    };
    name.to_lowercase()
}

/// What stands behind each DROP in a text in lower case.
fn dropped_words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for (at, drop) in text.match_indices("drop") {
        let mut rest = &text[at + drop.len()..];
        let alone = !text[..at].ends_with(is_part) && !rest.starts_with(is_part);
        if !alone {
            continue;
        }
        loop {
            rest = rest.trim_start();
            let quotes = [('"', '"'), ('[', ']'), ('`', '`'), ('\'', '\'')];
            let quoted = quotes.iter().find_map(|(open, close)| {
                rest.strip_prefix(*open).and_then(|it| it.split(*close).next())
            });
            if let Some(quoted) = quoted {
                words.push(quoted);
                break;
            }
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(end);
            match word {
                "column" | "table" | "if" | "exists" => rest = behind,
                "" => break,
                // A schema.
                _ if behind.starts_with('.') => rest = &behind[1..],
                word => {
                    words.push(word);
                    break;
                }
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use stopover_backend::ImprintColumn;

    use super::*;

    fn table(relation: &str, within: &[&str], columns: &[&str]) -> Imprint {
        let column = |name: &&str| ImprintColumn { key: (*name).into(), name: (*name).into() };
        Imprint {
            within: within.iter().map(|it| (*it).to_owned()).collect(),
            columns: columns.iter().map(column).collect(),
            ..Imprint::bare(relation.to_owned())
        }
    }

    fn found(text: &str) -> Vec<(usize, Vec<usize>)> {
        let tables = [
            table("public.orders", &[], &["id", "note", "Odd One"]),
            table("public.users", &[], &["id", "note"]),
            table("public.events_1", &["public.events"], &["note"]),
        ];
        let named = at_risk_in(&[text], &tables);
        named.into_iter().map(|it| (it.table, it.columns)).collect()
    }

    #[test]
    fn a_column_that_a_script_drops_is_found_however_it_is_spelled() {
        assert_eq!(found("ALTER TABLE orders DROP COLUMN IF EXISTS note"), [(0, vec![1])]);
        assert_eq!(found("alter table Orders drop\n\tNOTE, DROP \"Odd One\""), [(0, vec![1, 2])]);
        assert_eq!(found("ALTER TABLE orders DROP [note]"), [(0, vec![1])]);
        assert_eq!(found("ALTER TABLE orders DROP COLUMN `note`"), [(0, vec![1])]);
        assert_eq!(found("DO $$ BEGIN ALTER TABLE users DROP COLUMN note; END $$"), [(1, vec![1])]);
    }

    #[test]
    fn a_column_of_the_whole_is_one_of_its_parts() {
        assert_eq!(found("ALTER TABLE events DROP COLUMN note"), [(2, vec![0])]);
    }

    #[test]
    fn a_table_that_may_be_made_again_may_lose_every_column() {
        let rebuilt =
            "CREATE TABLE new (id int); DROP TABLE Users; ALTER TABLE new RENAME TO users";
        assert_eq!(found(rebuilt), [(1, vec![0, 1])]);
        let qualified = "DROP TABLE IF EXISTS public.users; CREATE TABLE users (id int)";
        assert_eq!(found(qualified), [(1, vec![0, 1])]);
        let before = "ALTER TABLE users RENAME TO old; CREATE TABLE users (id int); DROP TABLE old";
        assert_eq!(found(before), [(1, vec![0, 1])]);
        assert_eq!(found("DROP TABLE users"), []);
    }

    #[test]
    fn a_column_that_a_script_updates_or_gives_another_type_may_lose_values() {
        assert_eq!(found("UPDATE orders SET note = NULL"), [(0, vec![1])]);
        assert_eq!(found("UPDATE orders SET \"Odd One\" = NULL"), [(0, vec![2])]);
        assert_eq!(found("UPDATE events SET note = NULL"), [(2, vec![0])]);
        let retyped = "ALTER TABLE users ALTER note TYPE int USING NULL";
        assert_eq!(found(retyped), [(1, vec![1])]);
    }

    #[test]
    fn what_only_looks_like_it_is_not_found() {
        assert_eq!(found("ALTER TABLE orders ADD COLUMN dropped note"), []);
        assert_eq!(found("ALTER TABLE orders DROP CONSTRAINT note_key"), []);
        assert_eq!(found("ALTER TABLE others DROP COLUMN note"), []);
    }
}
