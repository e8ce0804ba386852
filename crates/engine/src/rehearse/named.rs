//! Columns that a script drops by name, as far as its text tells: their values are counted before,
//! for afterwards nobody can.
//!
//! More than is dropped may be found, for a script's text is not understood here. A column that
//! goes without being named (CASCADE, a name that is put together) is found afterwards, and that
//! nobody knows what it held is said then.

use std::collections::{BTreeMap, HashMap};

use stopover_backend::Imprint;

/// Columns of one table, by their positions.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) table: usize,
    pub(super) columns: Vec<usize>,
}

/// Columns that one of the scripts drops by name, if it names their table or what that is a part of;
/// of a table that it drops and may make again, all.
pub(super) fn dropped_in<'a>(
    texts: impl Iterator<Item = &'a str>,
    imprints: &[Imprint],
) -> Vec<Named> {
    let mut columns: HashMap<String, Vec<(usize, usize)>> = HashMap::new();
    let mut tables: HashMap<String, Vec<usize>> = HashMap::new();
    for (table, imprint) in imprints.iter().enumerate() {
        tables.entry(bare(&imprint.relation)).or_default().push(table);
        for (at, column) in imprint.columns.iter().enumerate() {
            columns.entry(column.name.to_lowercase()).or_default().push((table, at));
        }
    }
    let mut found: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for text in texts {
        let text = text.to_lowercase();
        let rebuilds = text.contains("rename") || text.contains("create table");
        for word in dropped_words(&text) {
            for table in tables.get(word).into_iter().flatten().filter(|_| rebuilds) {
                found.insert(*table, (0..imprints[*table].columns.len()).collect());
            }
            for (table, at) in columns.get(word).into_iter().flatten() {
                let imprint = &imprints[*table];
                let mut names = imprint.within.iter().chain([&imprint.relation]);
                let known = found.entry(*table).or_default();
                if !known.contains(at) && names.any(|it| text.contains(&bare(it))) {
                    known.push(*at);
                }
            }
        }
    }
    let found = found.into_iter().filter(|it| !it.1.is_empty());
    found.map(|(table, columns)| Named { table, columns }).collect()
}

/// `shop."Odd ""Name"""` without its schema and quotes, in lower case, as far as its first quote
/// inside.
pub(super) fn bare(relation: &str) -> String {
    let name = match relation.strip_suffix('"') {
        Some(quoted) => quoted.rsplit('"').next().unwrap_or(quoted),
        None => relation.rsplit('.').next().unwrap_or(relation),
    };
    name.to_lowercase()
}

/// What stands behind each DROP in a text in lower case.
fn dropped_words(text: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
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
        let named = dropped_in([text].into_iter(), &tables);
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
        assert_eq!(found("DROP TABLE users"), []);
    }

    #[test]
    fn what_only_looks_like_it_is_not_found() {
        assert_eq!(found("ALTER TABLE orders ADD COLUMN dropped note"), []);
        assert_eq!(found("ALTER TABLE orders DROP CONSTRAINT note_key"), []);
        assert_eq!(found("ALTER TABLE others DROP COLUMN note"), []);
    }
}
