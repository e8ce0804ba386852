//! What is known of a base from an earlier rehearsal, as far as it holds on the copy at hand.
//!
//! A copy begins byte for byte as its base. What happened on it since then shows in marks that are
//! read from the copy itself: a table whose imprint is not the kept one is counted, and a schema
//! whose catalogs were written to is read. So nothing that is done before the census can make a
//! kept one wrong. Digests are not kept.

use std::collections::{BTreeMap, HashMap};

use stopover_backend::{
    BackendError, BaseCensus, BaseTable, CensusScope, CensusShelf, Imprint, Recalled, Session,
};
use stopover_model::{Finding, Schema};

use super::compared::Before;

/// A census that was kept with the base.
#[derive(Default)]
pub(super) struct Known<'a> {
    shelf: Option<&'a dyn CensusShelf>,
    census: Option<BaseCensus>,
    /// Where each object is among the census' tables.
    places: HashMap<String, usize>,
    spoilt: Option<String>,
}

impl<'a> Known<'a> {
    /// Takes it from the shelf.
    pub(super) fn recall(shelf: Option<&'a dyn CensusShelf>) -> Self {
        let (census, spoilt) = match shelf.map_or(Recalled::Nothing, CensusShelf::recall) {
            Recalled::Nothing => (None, None),
            Recalled::Spoilt(what) => (None, Some(what)),
            Recalled::Census(census) => (Some(*census), None),
        };
        let tables = census.iter().flat_map(|it| &it.tables).enumerate();
        let places = tables.map(|(at, it)| (it.imprint.object.clone(), at)).collect();
        Self { shelf, census, places, spoilt }
    }

    /// Says that what was there could not be used.
    pub(super) fn finding(&self) -> Option<Finding> {
        let what = self.spoilt.as_ref()?;
        Some(Finding::warning(
            "census-spoilt",
            "the base",
            format!(
                "the census that was kept with the base is not whole: {what}; it was taken again"
            ),
            "",
        ))
    }

    /// The catalogs' mark and the schema, which is read where it may be another one. Forgets what was
    /// counted with other tables left out.
    pub(super) async fn schema<S: Session>(
        &mut self,
        session: &mut S,
        scope: &CensusScope,
    ) -> Result<(Option<String>, Schema), BackendError> {
        self.census = self.census.take().filter(|it| it.scope == *scope);
        let catalogs = match self.shelf {
            Some(_) => session.catalogs().await?,
            None => None,
        };
        let is_same = |it: &&BaseCensus| Some(&it.catalogs) == catalogs.as_ref();
        let schema = match self.census.as_ref().filter(is_same) {
            Some(census) => census.schema.clone(),
            None => session.schema(scope).await?,
        };
        Ok((catalogs, schema))
    }

    /// How many rows such a table has.
    pub(super) fn rows(&self, imprint: &Imprint) -> Option<u64> {
        self.table(imprint).map(|it| it.rows)
    }

    /// What is known of a table to which nobody wrote since it was counted.
    fn table(&self, imprint: &Imprint) -> Option<&BaseTable> {
        let found = self.census.as_ref()?.tables.get(*self.places.get(&imprint.object)?)?;
        (imprint.mark.is_some() && found.imprint == *imprint).then_some(found)
    }

    /// In how many rows these columns have values, where all of them were counted.
    pub(super) fn values(&self, imprint: &Imprint, keys: &[String]) -> Option<Vec<u64>> {
        let table = self.table(imprint)?;
        keys.iter().map(|key| table.values.get(key).copied()).collect()
    }

    /// Keeps what was found together with what was known, where something of it is new.
    pub(super) fn keep(self, scope: &CensusScope, catalogs: Option<String>, before: &Before) {
        let (Some(shelf), Some(catalogs)) = (self.shelf, catalogs) else { return };
        let tables = before.tables.iter().filter(|it| it.imprint.mark.is_some());
        let tables = tables.map(|it| {
            let known = self.table(&it.imprint).map(|it| it.values.clone());
            let mut values: BTreeMap<String, u64> = known.unwrap_or_default();
            values.extend(it.values.iter().map(|(key, count)| (key.clone(), *count)));
            BaseTable { imprint: it.imprint.clone(), rows: it.rows, values }
        });
        let census = BaseCensus {
            tables: tables.collect(),
            scope: scope.clone(),
            catalogs,
            schema: before.schema.clone(),
        };
        if self.census.as_ref() == Some(&census) {
            return;
        }
        if let Err(error) = shelf.keep(&census) {
            tracing::warn!("the census was not kept with the base: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use stopover_backend::{CensusDepth, ImprintColumn};

    use super::super::compared::Was;
    use super::*;

    /// A shelf in memory.
    #[derive(Debug, Default)]
    struct Memory(Mutex<Option<BaseCensus>>);

    impl CensusShelf for Memory {
        fn recall(&self) -> Recalled {
            let kept = self.0.lock().unwrap().clone();
            kept.map_or(Recalled::Nothing, |it| Recalled::Census(Box::new(it)))
        }

        fn keep(&self, census: &BaseCensus) -> Result<(), String> {
            *self.0.lock().unwrap() = Some(census.clone());
            Ok(())
        }
    }

    fn imprint(object: &str, mark: Option<&str>) -> Imprint {
        let column = ImprintColumn { key: "1".to_owned(), name: "id".to_owned() };
        Imprint {
            object: object.to_owned(),
            columns: vec![column],
            mark: mark.map(str::to_owned),
            ..Imprint::bare(format!("public.t{object}"))
        }
    }

    fn was(imprint: Imprint, rows: u64, values: &[(&str, u64)]) -> Was {
        let values = values.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect();
        Was { imprint, rows, digested: None, values }
    }

    fn before(tables: Vec<Was>) -> Before {
        let schema = Schema::new(Vec::new());
        Before { schema, depth: CensusDepth::Rows, tables, large_objects: None, ms: 0.0 }
    }

    fn keep(memory: &Memory, tables: Vec<Was>) {
        let scope = CensusScope::default();
        Known::recall(Some(memory)).keep(&scope, Some("c".to_owned()), &before(tables));
    }

    #[test]
    fn only_a_table_that_is_exactly_as_it_was_counted_is_known() {
        let memory = Memory::default();
        let counted = imprint("7", Some("a/1/0/0"));
        keep(&memory, vec![was(counted.clone(), 5, &[("1", 4)]), was(imprint("8", None), 6, &[])]);
        let known = Known::recall(Some(&memory));
        assert_eq!(known.rows(&counted), Some(5));
        assert_eq!(known.values(&counted, &["1".to_owned()]), Some(vec![4]));
        assert_eq!(known.values(&counted, &["1".to_owned(), "2".to_owned()]), None);
        for other in [
            imprint("7", Some("a/2/0/0")),
            imprint("7", None),
            imprint("9", Some("a/1/0/0")),
            Imprint { columns: Vec::new(), ..counted.clone() },
            Imprint { relation: "public.renamed".to_owned(), ..counted.clone() },
            imprint("8", None),
        ] {
            assert_eq!(known.rows(&other), None, "{other:?}");
        }
    }

    #[test]
    fn values_that_were_counted_for_different_migrations_come_together() {
        let memory = Memory::default();
        let counted = imprint("7", Some("a"));
        keep(&memory, vec![was(counted.clone(), 5, &[("1", 4)])]);
        keep(&memory, vec![was(counted.clone(), 5, &[("2", 3)])]);
        let both = ["1".to_owned(), "2".to_owned()];
        assert_eq!(Known::recall(Some(&memory)).values(&counted, &both), Some(vec![4, 3]));
        // Of a table that is another one nothing is left.
        let written = imprint("7", Some("b"));
        keep(&memory, vec![was(written.clone(), 6, &[("1", 5)])]);
        assert_eq!(Known::recall(Some(&memory)).values(&written, &both), None);
        assert_eq!(Known::recall(Some(&memory)).rows(&counted), None);
    }

    #[test]
    fn nothing_is_kept_of_a_database_that_cannot_tell_whether_it_was_changed() {
        let memory = Memory::default();
        let tables = vec![was(imprint("7", Some("a")), 5, &[])];
        Known::recall(Some(&memory)).keep(&CensusScope::default(), None, &before(tables));
        assert_eq!(memory.recall(), Recalled::Nothing);
    }
}
