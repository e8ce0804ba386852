//! `schema`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Schema, SchemaChange, SchemaObject, TOOL_VERSION, redact_urls};

use super::SCHEMA_VERSION;

/// The document of `schema`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SchemaReport {
    /// The version of this document's form.
    pub schema_version: u32,
    /// The tool's version.
    pub tool_version: String,
    /// SHA-256, hex, of the objects: each as kind, identity and definition, with their lengths.
    pub checksum: String,
    /// Every object, sorted by kind and identity.
    pub objects: Vec<SchemaObject>,
}

impl SchemaReport {
    /// The document of a schema. Passwords that stand in definitions (in the body of a function,
    /// in a comment) are hidden; the checksum is of the schema as it is.
    #[must_use]
    pub fn of(schema: Schema) -> Self {
        let schema = schema.redacted();
        Self {
            schema_version: SCHEMA_VERSION,
            tool_version: TOOL_VERSION.to_owned(),
            checksum: schema.checksum,
            objects: schema.objects,
        }
    }

    /// The schema that the document tells of; `None` where the objects are not those that the
    /// checksum was made of. Where a password is hidden, nobody can know that any more.
    #[must_use]
    pub fn schema(self) -> Option<Schema> {
        let hides = self.objects.iter().any(|it| it.definition.contains("***"));
        let schema = Schema { checksum: self.checksum, objects: self.objects };
        (hides || Schema::new(schema.objects.clone()).checksum == schema.checksum).then_some(schema)
    }
}

/// One of two schemas that are compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SchemaSide {
    /// Where it was read, as it was named; never a password.
    pub name: String,
    /// Its checksum.
    pub checksum: String,
    /// How many objects it has.
    pub objects: usize,
}

impl SchemaSide {
    /// Of a schema that was read from `name`.
    #[must_use]
    pub fn of(name: String, schema: &Schema) -> Self {
        Self { name, checksum: schema.checksum.clone(), objects: schema.objects.len() }
    }
}

/// The document of `schema --diff`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SchemaDiffReport {
    /// The version of this document's form.
    pub schema_version: u32,
    /// The tool's version.
    pub tool_version: String,
    /// Whether both are the same.
    pub equal: bool,
    /// The first.
    pub before: SchemaSide,
    /// The second.
    pub after: SchemaSide,
    /// What is not the same, sorted by kind and identity.
    pub changes: Vec<SchemaChange>,
}

impl SchemaDiffReport {
    /// The document of two schemas. Passwords in definitions are hidden.
    #[must_use]
    pub fn of(before: SchemaSide, after: SchemaSide, changes: Vec<SchemaChange>) -> Self {
        let hidden = |text: Option<String>| text.map(|it| redact_urls(&it));
        let changes: Vec<SchemaChange> = changes
            .into_iter()
            .map(|it| SchemaChange { before: hidden(it.before), after: hidden(it.after), ..it })
            .collect();
        Self {
            schema_version: SCHEMA_VERSION,
            tool_version: TOOL_VERSION.to_owned(),
            equal: changes.is_empty(),
            before,
            after,
            changes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_was_edited_is_no_schema() {
        let object = |definition: &str| SchemaObject {
            kind: "index".to_owned(),
            identity: "public.a".to_owned(),
            definition: definition.to_owned(),
        };
        let mut report = SchemaReport::of(Schema::new(vec![object("one")]));
        assert!(report.clone().schema().is_some());
        report.objects[0] = object("two");
        assert_eq!(report.schema(), None);
    }

    #[test]
    fn a_password_in_a_definition_is_hidden_and_the_checksum_stays() {
        let definition = "AS $$ SELECT dblink('postgres://app:hush@db/x') $$".to_owned();
        let (kind, identity) = ("function".to_owned(), "public.f()".to_owned());
        let schema = Schema::new(vec![SchemaObject { kind, identity, definition }]);
        let checksum = schema.checksum.clone();
        let report = SchemaReport::of(schema);
        assert!(!report.objects[0].definition.contains("hush"));
        assert_eq!(report.schema().map(|it| it.checksum), Some(checksum));
    }
}
