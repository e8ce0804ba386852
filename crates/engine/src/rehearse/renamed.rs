//! Tables and columns with other names, where a database knows them by nothing else (SQLite).
//!
//! There every statement that gives a name stands in the scripts: nothing is put together at run
//! time. What a script renames is the same table, or column, afterwards.

use std::collections::HashMap;

use stopover_backend::Imprint;

use super::named::bare;

/// A new name, in lower case as all names here.
#[derive(Debug, PartialEq, Eq)]
enum Rename {
    Table { from: String, to: String },
    Column { table: String, from: String, to: String },
}

/// Gives what was renamed by `texts`, in their order, the identity that it had `before`.
pub(crate) fn follow<'a>(
    before: impl Iterator<Item = &'a Imprint>,
    after: &mut [Imprint],
    texts: &[&str],
) {
    let mut tables: HashMap<String, &Imprint> = HashMap::new();
    for imprint in before.filter(|it| it.object == it.relation) {
        tables.insert(bare(&imprint.relation), imprint);
    }
    if tables.is_empty() {
        return;
    }
    let mut columns: HashMap<(String, String), String> = HashMap::new();
    for rename in texts.iter().flat_map(|it| renames(it)) {
        match rename {
            Rename::Table { from, to } => {
                if let Some(imprint) = tables.remove(&from) {
                    tables.insert(to, imprint);
                }
            }
            Rename::Column { table, from, to } => {
                let Some(imprint) = tables.get(&table) else { continue };
                let object = imprint.object.clone();
                let first = columns.remove(&(object.clone(), from.clone())).unwrap_or(from);
                columns.insert((object, to), first);
            }
        }
    }
    let there: Vec<String> = after.iter().map(|it| bare(&it.relation)).collect();
    for (imprint, name) in after.iter_mut().zip(&there) {
        let Some(was) = tables.get(name) else {
            let taken =
                tables.iter().any(|(to, it)| bare(&it.object) == *name && there.contains(to));
            if taken {
                imprint.object = format!("another {}", imprint.object);
            }
            continue;
        };
        imprint.object.clone_from(&was.object);
        for column in &mut imprint.columns {
            let renamed = columns.get(&(was.object.clone(), column.name.to_lowercase()));
            let first = renamed
                .and_then(|first| was.columns.iter().find(|it| it.name.to_lowercase() == *first));
            if let Some(first) = first {
                column.key.clone_from(&first.key);
            }
        }
    }
}

/// `ALTER TABLE a RENAME TO b` and `ALTER TABLE a RENAME COLUMN b TO c`, with or without COLUMN.
fn renames(text: &str) -> Vec<Rename> {
    let words = words(text);
    let is = |at: usize, word: &str| words.get(at).is_some_and(|it| it == word);
    let name = |at: usize| words.get(at).cloned();
    let mut renames = Vec::new();
    for at in 0..words.len() {
        if !(is(at, "alter") && is(at + 1, "table")) {
            continue;
        }
        // `main.users` is two words with a dot between.
        let table = if is(at + 3, ".") { at + 4 } else { at + 2 };
        if !is(table + 1, "rename") {
            continue;
        }
        let column = if is(table + 2, "column") { table + 3 } else { table + 2 };
        let rename = if is(table + 2, "to") {
            name(table).zip(name(table + 3)).map(|(from, to)| Rename::Table { from, to })
        } else {
            let names = name(table).zip(name(column)).zip(name(column + 2));
            names.map(|((table, from), to)| Rename::Column { table, from, to })
        };
        renames.extend(rename);
    }
    renames
}

/// Words, names without their quotes, and other letters each by itself; comments left out.
pub(crate) fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let mut words = Vec::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let quoted = [('"', '"'), ('[', ']'), ('`', '`'), ('\'', '\'')].into_iter();
        let close = quoted.into_iter().find(|it| it.0 == first).map(|it| it.1);
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let taken = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |at| at + 2)
        } else if let Some(close) = close {
            let inner = &rest[1..];
            let end = inner.find(close).unwrap_or(inner.len());
            words.push(inner[..end].to_owned());
            (end + 2).min(rest.len())
        } else if is_part(first) {
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            words.push(rest[..end].to_owned());
            end
        } else {
            if !first.is_whitespace() {
                words.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[taken..];
    }
    words
}

#[cfg(test)]
mod tests {
    use stopover_backend::ImprintColumn;

    use super::*;

    fn table(name: &str, columns: &[&str]) -> Imprint {
        let column = |it: &&str| ImprintColumn { key: (*it).into(), name: (*it).into() };
        Imprint { columns: columns.iter().map(column).collect(), ..Imprint::bare(name.to_owned()) }
    }

    /// Objects and columns' keys afterwards.
    fn followed(after: &[Imprint], text: &str) -> Vec<(String, Vec<String>)> {
        let before = [table("users", &["id", "name"]), table("orders", &["id"])];
        let mut after = after.to_vec();
        follow(before.iter(), &mut after, &[text]);
        let keys = |it: &Imprint| it.columns.iter().map(|it| it.key.clone()).collect();
        after.iter().map(|it| (it.object.clone(), keys(it))).collect()
    }

    fn is(object: &str, keys: &[&str]) -> (String, Vec<String>) {
        (object.to_owned(), keys.iter().map(|it| (*it).to_owned()).collect())
    }

    #[test]
    fn renamed_tables_and_columns_are_what_they_were() {
        let after = [table("People", &["id", "called"])];
        let text = "-- alter table orders rename to x\n\
                    ALTER TABLE \"users\" RENAME TO people;\n\
                    alter table main.people rename column Name to [called];";
        assert_eq!(followed(&after, text), [is("users", &["id", "name"])]);
    }

    #[test]
    fn a_new_table_under_an_old_name_is_another_one() {
        let after = [table("old_users", &["id"]), table("users", &["id"])];
        let text = "alter table users rename to old_users; create table users (id int);";
        assert_eq!(followed(&after, text), [is("users", &["id"]), is("another users", &["id"])]);
    }

    #[test]
    fn a_table_that_is_rebuilt_keeps_its_name() {
        let after = [table("users", &["id"])];
        let text = "create table new (id int); insert into new select id from users;
                    drop table users; alter table new rename to users;";
        assert_eq!(followed(&after, text), [is("users", &["id"])]);
        let text = "alter table users rename to old; create table users (id int); drop table old;";
        assert_eq!(followed(&after, text), [is("users", &["id"])]);
    }

    #[test]
    fn where_identities_are_known_names_are_not_asked() {
        let before = [Imprint { object: "16384".to_owned(), ..table("users", &[]) }];
        let mut after = [table("people", &[])];
        follow(before.iter(), &mut after, &["alter table users rename to people"]);
        assert_eq!(after[0].object, "people");
    }
}
