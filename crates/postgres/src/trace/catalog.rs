//! The relations of the database, as everybody else sees them: what is committed.
//!
//! Read once before the migrations, and afterwards only for relations that were locked so strongly
//! that they may be others now. A relation that an open transaction makes is not in it: nobody can
//! wait for that one.

use std::collections::{BTreeSet, HashMap};

use tokio_postgres::Row;

/// A relation's object identifier.
pub(super) type Oid = u32;

/// The lowest identifier of an object that `initdb` did not make (`FirstNormalObjectId` in
/// PostgreSQL's `src/include/access/transam.h`).
pub(super) const FIRST_OF_USERS: Oid = 16384;

/// What a relation is, as far as locks on it mean different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Ordinary and partitioned tables, materialized views, foreign tables: what people read.
    Table,
    /// A view.
    View,
    Index,
    Sequence,
    /// What goes with a table (its TOAST table), what only its session sees (temporary tables), and
    /// what nobody reads (composite types).
    Other,
}

/// Whether production has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// It was there before the migrations.
    Before,
    /// A migration of this run made it.
    Run,
}

/// One relation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Relation {
    /// Qualified, as SQL writes it.
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Another one after a rewrite; 0 where it has no file.
    pub(super) filenode: Oid,
    /// The table of an index.
    pub(super) table: Option<Oid>,
    /// What it is a partition or a child of.
    pub(super) parents: Vec<Oid>,
    /// Bytes of the table, its TOAST table and maps, without indexes.
    pub(super) bytes: Option<u64>,
    pub(super) since: Since,
    /// How often it was read from its beginning, by the server's statistics.
    pub(super) scans: i64,
    /// Its name before the migrations, where it was there.
    pub(super) name_before: String,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    relations: HashMap<Oid, Relation>,
    /// Which relations a text can mean: by their whole names, and by what stands behind each dot.
    by_name: HashMap<String, BTreeSet<Oid>>,
}

/// What a name can be found by.
fn endings(name: &str) -> impl Iterator<Item = &str> {
    let behind = name.match_indices('.').filter_map(|(dot, _)| name.get(dot + 1..));
    std::iter::once(name).chain(behind)
}

/// The query for relations that fulfil `condition`; `sizes` is worth a look at the files.
pub(super) fn query(condition: &str, sizes: Sizes) -> String {
    let bytes = match sizes {
        Sizes::Read => "CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_table_size(c.oid) END",
        Sizes::LeftOut => "NULL::bigint",
    };
    format!(
        "SELECT c.oid, pg_catalog.quote_ident(n.nspname) || '.' || \
           pg_catalog.quote_ident(c.relname), c.relkind::text, c.relfilenode, \
           (SELECT x.indrelid FROM pg_catalog.pg_index x WHERE x.indexrelid = c.oid), \
           ARRAY(SELECT h.inhparent FROM pg_catalog.pg_inherits h WHERE h.inhrelid = c.oid), \
           {bytes}, pg_catalog.pg_stat_get_numscans(c.oid) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE {condition}"
    )
}

/// Whether sizes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sizes {
    Read,
    LeftOut,
}

/// A row of [`query`].
pub(super) fn relation(row: &Row, since: Since) -> Option<(Oid, Relation)> {
    let name: String = row.try_get(1).ok()?;
    let kind: String = row.try_get(2).ok()?;
    let bytes: Option<i64> = row.try_get(6).ok()?;
    let is_apart =
        ["pg_toast.", "pg_temp_", "pg_toast_temp_"].iter().any(|it| name.starts_with(it));
    let relation = Relation {
        name_before: name.clone(),
        name,
        kind: match kind.as_str() {
            _ if is_apart => Kind::Other,
            "r" | "p" | "m" | "f" => Kind::Table,
            "v" => Kind::View,
            "i" | "I" => Kind::Index,
            "S" => Kind::Sequence,
            _ => Kind::Other,
        },
        filenode: row.try_get(3).ok()?,
        table: row.try_get(4).ok()?,
        parents: row.try_get(5).ok()?,
        bytes: bytes.and_then(|it| u64::try_from(it).ok()),
        since,
        scans: row.try_get(7).ok()?,
    };
    Some((row.try_get(0).ok()?, relation))
}

/// What became of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing that matters here.
    None,
    /// It has another file.
    Rewritten,
    /// It is new.
    Made,
}

impl Catalog {
    pub(super) fn get(&self, oid: Oid) -> Option<&Relation> {
        self.relations.get(&oid)
    }

    /// How often a table was read from its beginning since that was asked last.
    pub(super) fn scanned(&mut self, oid: Oid, scans: i64) -> i64 {
        let Some(relation) = self.relations.get_mut(&oid) else { return 0 };
        scans - std::mem::replace(&mut relation.scans, scans)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Oid, &Relation)> {
        self.relations.iter().map(|(oid, relation)| (*oid, relation))
    }

    /// Takes up what was read of a relation, and says what is different.
    pub(super) fn take(&mut self, oid: Oid, seen: Relation) -> Change {
        let before = self.relations.get(&oid).map(|it| it.name.clone());
        if before.as_ref() != Some(&seen.name) {
            self.forget_name(oid, before.as_deref().unwrap_or_default());
            self.note_name(oid, &seen.name);
        }
        match self.relations.get_mut(&oid) {
            None => {
                self.relations.insert(oid, seen);
                Change::Made
            }
            Some(known) => {
                let rewritten = known.filenode != seen.filenode;
                known.name = seen.name;
                known.filenode = seen.filenode;
                known.table = seen.table;
                known.parents = seen.parents;
                if rewritten { Change::Rewritten } else { Change::None }
            }
        }
    }

    /// The relation that a statement's text means by `text`, qualified or not. What the session's
    /// search path finds is not known here: a name that two schemas have is taken for `public`'s.
    pub(super) fn find(&self, text: &str) -> Option<Oid> {
        let public = format!("public.{text}");
        let whole = |name: &str| {
            let mut found = self.by_name.get(name)?.iter();
            found.find(|oid| self.get(**oid).is_some_and(|it| it.name == name)).copied()
        };
        let ending = || self.by_name.get(text)?.first().copied();
        whole(text).or_else(|| whole(&public)).or_else(ending)
    }

    fn note_name(&mut self, oid: Oid, name: &str) {
        for ending in endings(name) {
            self.by_name.entry(ending.to_owned()).or_default().insert(oid);
        }
    }

    fn forget_name(&mut self, oid: Oid, name: &str) {
        for ending in endings(name) {
            if let Some(found) = self.by_name.get_mut(ending) {
                found.remove(&oid);
            }
        }
    }

    /// Whose readers and writers wait for a lock on `oid`: the table itself or an index' table,
    /// and what it is a part of, for who reads the whole reads the part.
    pub(super) fn felt_by(&self, oid: Oid) -> Vec<Oid> {
        let Some(relation) = self.get(oid) else { return Vec::new() };
        let first = match relation.kind {
            Kind::Table => oid,
            Kind::Index => match relation.table {
                Some(table) => table,
                None => return Vec::new(),
            },
            Kind::View | Kind::Sequence | Kind::Other => return Vec::new(),
        };
        let mut felt = vec![first];
        let mut at = 0;
        while let Some(table) = felt.get(at).and_then(|oid| self.get(*oid)) {
            let news: Vec<Oid> =
                table.parents.iter().copied().filter(|it| !felt.contains(it)).collect();
            felt.extend(news);
            at += 1;
        }
        felt
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::trace) fn table(name: &str, parents: &[Oid]) -> Relation {
        Relation {
            name: name.to_owned(),
            kind: Kind::Table,
            filenode: 1,
            table: None,
            parents: parents.to_vec(),
            bytes: None,
            since: Since::Before,
            scans: 0,
            name_before: name.to_owned(),
        }
    }

    pub(in crate::trace) fn index(name: &str, of: Oid) -> Relation {
        Relation { kind: Kind::Index, table: Some(of), ..table(name, &[]) }
    }

    #[test]
    fn a_lock_on_a_partitions_index_is_felt_by_all_above_it() {
        let mut catalog = Catalog::default();
        catalog.take(1, table("public.events", &[]));
        catalog.take(2, table("public.events_2026", &[1]));
        catalog.take(3, table("public.events_2026_11", &[2]));
        catalog.take(4, index("public.events_2026_11_at", 3));
        assert_eq!(catalog.felt_by(4), [3, 2, 1]);
        assert_eq!(catalog.felt_by(1), [1]);
        assert!(catalog.felt_by(9).is_empty());
    }

    #[test]
    fn a_name_without_a_schema_is_publics_before_it_is_anothers() {
        let mut catalog = Catalog::default();
        catalog.take(1, table("archive.orders", &[]));
        catalog.take(2, table("public.orders", &[]));
        catalog.take(3, table("archive.invoices", &[]));
        assert_eq!(catalog.find("orders"), Some(2));
        assert_eq!(catalog.find("archive.orders"), Some(1));
        assert_eq!(catalog.find("invoices"), Some(3));
        assert_eq!(catalog.find("voices"), None);
        catalog.take(3, table("archive.bills", &[]));
        assert_eq!((catalog.find("invoices"), catalog.find("bills")), (None, Some(3)));
    }
}
