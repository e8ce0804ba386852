//! Tables that have another name after an apply. They are the same tables: by the server's identity
//! of them, or, where the database knows none (SQLite), by what the scripts rename.

use std::collections::{BTreeMap, HashMap};

use stopover_backend::Imprint;
use stopover_model::TableCensus;
use stopover_model::harness::{Fact, Grants};

use crate::rehearse::follow_renames;

/// What tables are called now, by their names before; those of the same name left out.
pub(super) fn by_identity(then: &[Grants], now: &[Grants]) -> BTreeMap<String, String> {
    let now: HashMap<&str, &str> =
        now.iter().map(|it| (it.object.as_str(), it.relation.as_str())).collect();
    let renamed = then.iter().filter_map(|before| {
        let relation = *now.get(before.object.as_str())?;
        (relation != before.relation).then(|| (before.relation.clone(), relation.to_owned()))
    });
    renamed.collect()
}

/// The same as the scripts tell it.
pub(super) fn by_scripts(
    then: &[TableCensus],
    now: &[TableCensus],
    scripts: &[String],
) -> BTreeMap<String, String> {
    let imprints = |tables: &[TableCensus]| -> Vec<Imprint> {
        tables.iter().map(|it| Imprint::bare(it.relation.clone())).collect()
    };
    let (before, mut after) = (imprints(then), imprints(now));
    let texts: Vec<&str> = scripts.iter().map(String::as_str).collect();
    follow_renames(before.iter(), &mut after, &texts);
    let was = |object: &str| before.iter().any(|it| it.relation == object);
    let renamed = after.into_iter().filter(|it| it.object != it.relation && was(&it.object));
    renamed.map(|it| (it.object, it.relation)).collect()
}

/// The same as far as rights and their relations were read.
pub(super) fn known(
    then: &Fact<Vec<Grants>>,
    now: &Fact<Vec<Grants>>,
) -> Option<BTreeMap<String, String>> {
    Some(by_identity(then.read()?, now.read()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(relation: &str) -> TableCensus {
        TableCensus { relation: relation.to_owned(), rows: 1, digest: None, columns: Vec::new() }
    }

    #[test]
    fn scripts_tell_which_table_another_name_means() {
        let text = "ALTER TABLE a RENAME TO b; CREATE TABLE a (id int);".to_owned();
        let renamed = by_scripts(&[table("a"), table("x")], &[table("a"), table("b")], &[text]);
        assert_eq!(renamed, [("a".to_owned(), "b".to_owned())].into());
    }
}
