//! The schema that a rehearsal began on, as far as a database is known by it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Schema, SchemaObject};

/// Kinds of which a copy's are others by design, or that no migration can stumble on: what could
/// reach out of a scratch is disarmed there, and remarks are remarks.
const NOT_COMPARED: &[&str] = &[
    "comment",
    "security label",
    "event trigger",
    "subscription",
    "foreign-data wrapper",
    "owner",
    "grants",
    "default privileges",
];

/// Kinds that only have to be there: their versions are those of the machine's packages.
const BY_NAME: &[&str] = &["extension", "collation"];

/// Which objects there were before the first migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RehearsedSchema {
    /// The checksum of the whole schema, as `stopover schema` prints it.
    pub checksum: String,
    /// SHA-256 of each object's definition, hex, by its kind and name. Left out is what a copy does
    /// not share with its original: owners, grants, remarks, and what is disarmed on a scratch.
    pub objects: BTreeMap<String, String>,
}

/// An object that only one of two databases has, or that is another one there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Apart {
    /// The target has it, the backup did not.
    OnlyHere(String),
    /// The backup had it, the target does not.
    OnlyThere(String),
    /// Both have it, with other definitions.
    Changed(String),
}

impl RehearsedSchema {
    /// Of a schema as it was read.
    #[must_use]
    pub fn of(schema: &Schema) -> Self {
        let is_compared = |it: &&SchemaObject| !NOT_COMPARED.contains(&it.kind.as_str());
        let objects = schema.objects.iter().filter(is_compared);
        let objects = objects.map(|it| (format!("{} {}", it.kind, it.identity), fingerprint(it)));
        Self { checksum: schema.checksum.clone(), objects: objects.collect() }
    }

    /// What is not the same in the target, in the order of kinds and names.
    #[must_use]
    pub fn apart(&self, target: &Self) -> Vec<Apart> {
        let mut apart: Vec<Apart> = Vec::new();
        for (name, there) in &self.objects {
            match target.objects.get(name) {
                None => apart.push(Apart::OnlyThere(name.clone())),
                Some(here) if here != there => apart.push(Apart::Changed(name.clone())),
                Some(_) => {}
            }
        }
        let is_new = |it: &&String| !self.objects.contains_key(it.as_str());
        apart.extend(target.objects.keys().filter(is_new).cloned().map(Apart::OnlyHere));
        apart
    }
}

fn fingerprint(object: &SchemaObject) -> String {
    let is_by_name = BY_NAME.contains(&object.kind.as_str());
    let definition = if is_by_name { "" } else { object.definition.as_str() };
    Sha256::digest(definition.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(objects: &[(&str, &str, &str)]) -> RehearsedSchema {
        let object = |(kind, identity, definition): &(&str, &str, &str)| SchemaObject {
            kind: (*kind).to_owned(),
            identity: (*identity).to_owned(),
            definition: (*definition).to_owned(),
        };
        RehearsedSchema::of(&Schema::new(objects.iter().map(object).collect()))
    }

    #[test]
    fn what_is_missing_new_or_another_one_is_told() {
        let there = schema(&[("table", "public.a", "x"), ("table", "public.b", "x")]);
        let here = schema(&[("table", "public.b", "y"), ("view", "public.c", "z")]);
        let [a, b, c] = ["table public.a", "table public.b", "view public.c"].map(str::to_owned);
        let expected = [Apart::OnlyThere(a), Apart::Changed(b), Apart::OnlyHere(c)];
        assert_eq!(there.apart(&here), expected);
        assert_eq!(there.apart(&there), []);
    }

    #[test]
    fn what_a_scratch_cannot_share_with_its_original_is_no_difference() {
        let there = schema(&[("extension", "citext", "version 1.5"), ("table", "public.a", "x")]);
        let here = schema(&[
            ("extension", "citext", "version 1.6"),
            ("event trigger", "audit", "disabled"),
            ("comment", "table public.a", "a remark"),
            ("table", "public.a", "x"),
        ]);
        assert_eq!(there.apart(&here), []);
        let without = schema(&[("table", "public.a", "x")]);
        assert_eq!(there.apart(&without), [Apart::OnlyThere("extension citext".to_owned())]);
    }
}
