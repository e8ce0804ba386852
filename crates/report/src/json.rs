//! Documents as JSON, and the schemas that they keep to.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use stopover_model::report::{ApplyReport, PlanReport, RehearsalReport, StatusReport};

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
            "status.schema.json",
            schema::<StatusReport>("status", "What is applied, what is pending, and every drift."),
        ),
        ("plan.schema.json", schema::<PlanReport>("plan", "What an apply would do, step by step.")),
        (
            "apply.schema.json",
            schema::<ApplyReport>("apply", "What an apply or a rollback did to the target."),
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
