//! The objects of a few schemas, at the moment of a snapshot that another session has exported.
//!
//! What belongs to no schema (extensions, casts, publications, languages) is left out.

use stopover_backend::{BackendError, CensusScope, Privileges};
use stopover_model::{Schema, SchemaObject};

use super::look::Look;
use super::{
    columns, comments, constraints, indexes, moment, object, operators, privileges, routines,
    schemas, sequences, tables, text_search, triggers, types, views,
};
use crate::literal::{identifier, literal};
use crate::session::PostgresSession;

impl PostgresSession {
    /// Every object of these schemas; as of `snapshot` where one is named. Writes nothing.
    ///
    /// # Errors
    /// Where the catalogs cannot be read, or the snapshot is not there any more.
    pub async fn schema_of(
        &mut self,
        names: &[String],
        snapshot: Option<&str>,
        included: Privileges,
    ) -> Result<Schema, BackendError> {
        let look = moment::open_at(self, &CensusScope::default(), snapshot).await?;
        let read = self.chosen(look, names, included).await;
        moment::close(self, read).await.map(Schema::new)
    }

    async fn chosen(
        &mut self,
        mut look: Look,
        names: &[String],
        included: Privileges,
    ) -> Result<Vec<SchemaObject>, BackendError> {
        let list: Vec<String> = names.iter().map(|it| literal(it)).collect();
        let sql = format!(
            "SELECT coalesce(array_agg(oid), '{{}}')::text \
             FROM pg_namespace WHERE nspname IN ({})",
            if list.is_empty() { "NULL".to_owned() } else { list.join(", ") }
        );
        let sets = self.rows(&sql).await?;
        if let Some(row) = sets.first().and_then(|set| set.first()) {
            look.only(super::field(row, 0)?);
        }
        let sets = self.rows(&queries(&look, included).join(";\n")).await?;
        let mut objects = Vec::with_capacity(sets.iter().map(Vec::len).sum());
        for row in sets.iter().flatten() {
            objects.push(object(row)?);
        }
        objects.retain(|it| belongs(it, names));
        Ok(objects)
    }
}

fn queries(look: &Look, included: Privileges) -> Vec<String> {
    let mut queries = vec![
        schemas::query(look),
        tables::query(look),
        columns::query(look),
        constraints::query(look),
        indexes::query(look),
        indexes::statistics(look),
        sequences::query(look),
        views::query(look),
        routines::functions(look),
        routines::aggregates(look),
        triggers::triggers(look),
        triggers::rules(look),
        triggers::policies(look),
        types::domains(look),
        types::others(look),
        types::collations(look),
        types::conversions(look),
        operators::operators(look),
        operators::families(look),
        text_search::query(look),
        comments::query(look),
    ];
    if included == Privileges::Included {
        queries.extend([privileges::owners(look), privileges::grants(look)]);
        queries.push(privileges::defaults());
    }
    queries
}

/// Whether an object that is told beside others (a comment, an owner) is about one of the schemas.
/// Its identity is a kind and a name, which stands behind a blank: `table s.t`, `trigger a on s.t`.
fn belongs(object: &SchemaObject, names: &[String]) -> bool {
    let beside = ["comment", "security label", "owner", "grants", "default privileges"]
        .contains(&&*object.kind);
    if !beside {
        return true;
    }
    let identity = &object.identity;
    let about = |name: &str| {
        identity.contains(&format!(" {name}."))
            || *identity == format!("schema {name}")
            || identity.starts_with(&format!("schema {name} by "))
            || identity.contains(&format!(" IN SCHEMA {name} "))
    };
    !identity.starts_with("cast ")
        && names.iter().any(|name| about(name) || about(&identifier(name)))
}
