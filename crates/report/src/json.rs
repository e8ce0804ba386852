//! Documents as JSON, and the schemas that they keep to.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use stopover_model::Receipt;
use stopover_model::report::{
    AdoptReport, ApplyReport, BackupDocument, BackupManifest, CacheReport, CarryReport, CiReport,
    KeyReport, LintReport, PlanReport, PostflightReport, PreflightReport, ReceiptReport,
    RehearsalReport, RepairReport, SchemaDiffReport, SchemaReport, StatusReport, VerifyReport,
};

/// A document as pretty-printed JSON that ends in a line feed.
#[must_use]
pub fn document<T: Serialize>(document: &T) -> String {
    // Documents are plain data: their maps have texts as keys, so that nothing can fail here; a
    // failure would still be told as JSON.
    let text = serde_json::to_string_pretty(document).unwrap_or_else(|error| {
        serde_json::json!({ "error": format!("the document cannot be written as JSON: {error}") })
            .to_string()
    });
    text + "\n"
}

/// Every document's JSON Schema (draft 2020-12): the file's name below `docs/schemas/`, and the
/// file's text.
#[must_use]
pub fn schemas() -> Vec<(&'static str, String)> {
    vec![
        (
            "receipt.schema.json",
            schema::<Receipt>("receipt", "What a rehearsal proved, for an apply that requires it."),
        ),
        (
            "receipt-verify.schema.json",
            schema::<ReceiptReport>("receipt verify", "Whether a receipt is to be believed."),
        ),
        (
            "receipt-keygen.schema.json",
            schema::<KeyReport>("receipt keygen", "A new pair of keys."),
        ),
        (
            "status.schema.json",
            schema::<StatusReport>("status", "What is applied, what is pending, and every drift."),
        ),
        ("plan.schema.json", schema::<PlanReport>("plan", "What an apply would do, step by step.")),
        (
            "apply.schema.json",
            schema::<ApplyReport>("apply", "What an apply or a rollback did to the target."),
        ),
        (
            "preflight.schema.json",
            schema::<PreflightReport>("preflight", "Whether this is the moment for an apply."),
        ),
        (
            "postflight.schema.json",
            schema::<PostflightReport>(
                "postflight",
                "Whether an apply left everything as it should be.",
            ),
        ),
        (
            "repair.schema.json",
            schema::<RepairReport>("repair", "A decision about one migration of the ledger."),
        ),
        (
            "adopt.schema.json",
            schema::<AdoptReport>("adopt", "What was taken over from another tool's history."),
        ),
        ("backup.schema.json", schema::<BackupDocument>("backup", "A backup of the target.")),
        (
            "backup-manifest.schema.json",
            schema::<BackupManifest>(
                "backup-manifest",
                "What the source held in the moment of a backup.",
            ),
        ),
        (
            "verify.schema.json",
            schema::<VerifyReport>("verify", "What a restore of a backup showed."),
        ),
        (
            "ci.schema.json",
            schema::<CiReport>("ci", "All migrations on an empty database: up, down and up again."),
        ),
        (
            "lint.schema.json",
            schema::<LintReport>("lint", "What the rules say of migrations that are only read."),
        ),
        (
            "cache.schema.json",
            schema::<CacheReport>("cache", "What is kept so that rehearsals start faster."),
        ),
        (
            "carry.schema.json",
            schema::<CarryReport>("carry", "What was carried to the target, and what is lost."),
        ),
        (
            "schema.schema.json",
            schema::<SchemaReport>("schema", "The canonical schema of a database."),
        ),
        (
            "schema-diff.schema.json",
            schema::<SchemaDiffReport>("schema --diff", "What is not the same in two schemas."),
        ),
        (
            "rehearsal.schema.json",
            schema::<RehearsalReport>(
                "rehearsal",
                "What the migrations did on a restored copy of production, and the verdict.",
            ),
        ),
    ]
}

/// The schema of what is written (not of what is accepted): fields that are not known are null
/// and never left out, so every field is required.
fn schema<T: JsonSchema>(name: &str, description: &str) -> String {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("$id");
    schema.insert("title".to_owned(), format!("Stopover: {name}").into());
    schema.insert("description".to_owned(), description.into());
    document(&schema)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::{env, fs};

    use serde_json::Value;

    use super::*;

    fn parsed() -> Vec<(&'static str, Value)> {
        let parse = |(name, text): (&'static str, String)| {
            (name, serde_json::from_str(&text).expect("a schema is JSON"))
        };
        schemas().into_iter().map(parse).collect()
    }

    /// `UPDATE=1 cargo test -p stopover-report` writes them anew.
    #[test]
    fn the_schemas_in_docs_are_those_of_the_types() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas");
        for (name, text) in schemas() {
            let path = folder.join(name);
            if env::var_os("UPDATE").is_some() {
                fs::create_dir_all(&folder).unwrap();
                fs::write(&path, &text).unwrap();
            }
            let written = fs::read_to_string(&path).unwrap_or_default();
            // The whole of both would bury the message.
            assert!(written == text, "docs/schemas/{name} is old: run this test with UPDATE=1");
        }
    }

    #[test]
    fn every_field_is_required_because_what_is_not_known_is_null() {
        for (name, schema) in parsed() {
            let definitions = schema["$defs"].as_object().into_iter().flatten();
            let types = definitions.map(|(_, it)| it).chain([&schema]);
            for it in types.filter(|it| it.get("properties").is_some()) {
                let fields = it["properties"].as_object().map_or(0, serde_json::Map::len);
                let required = it["required"].as_array().map_or(0, Vec::len);
                assert_eq!(fields, required, "{name}: {it}");
            }
        }
    }

    #[test]
    fn schemas_have_titles_and_descriptions_and_no_links_into_code() {
        for (name, text) in schemas() {
            let schema: Value = serde_json::from_str(&text).unwrap();
            assert!(schema["title"].is_string() && schema["description"].is_string(), "{name}");
            assert!(schema.get("$id").is_none(), "{name}");
            assert!(!text.contains("[`"), "{name} shows a link that only rustdoc understands");
            assert!(text.ends_with("}\n"), "{name}");
        }
    }

    #[test]
    fn a_document_says_first_which_form_it_has_and_by_which_tool() {
        let text = document(&ApplyReport::default());
        let beginning: Vec<&str> = text.lines().take(3).map(str::trim_start).collect();
        assert_eq!(beginning[0], "{");
        assert!(beginning[1].starts_with("\"schema_version\": 1"), "{text}");
        assert!(beginning[2].starts_with("\"tool_version\""), "{text}");
        assert!(text.contains("\"failed\": null"), "{text}");
        assert!(text.ends_with("}\n"));
    }
}
