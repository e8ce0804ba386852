//! Documents against the JSON Schemas that ship with the tool.
//!
//! A small judge of what our generated schemas use. A keyword that it does not know fails the
//! test, so that nothing is passed over in silence.

use std::path::Path;

use serde_json::{Map, Value};

/// Fails unless `document` is as `docs/schemas/NAME.schema.json` says.
#[track_caller]
pub(crate) fn check(name: &str, document: &Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas");
    let path = folder.join(format!("{name}.schema.json"));
    let text = std::fs::read_to_string(&path).expect("the schema ships with the tool");
    let schema: Value = serde_json::from_str(&text).expect("the schema is JSON");
    let mut complaints = Vec::new();
    judge(&schema, &schema, document, "$", &mut complaints);
    assert!(complaints.is_empty(), "{complaints:#?}\n{document:#}");
}

fn judge(root: &Value, schema: &Value, value: &Value, at: &str, complaints: &mut Vec<String>) {
    let Value::Object(schema) = schema else {
        assert_eq!(schema, &Value::Bool(true), "{at}: a schema is an object or true");
        return;
    };
    for (keyword, rule) in schema {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "format" | "default" => {}
            "$ref" => {
                let target = rule.as_str().and_then(|it| root.pointer(it.strip_prefix('#')?));
                judge(root, target.expect("a reference to a definition"), value, at, complaints);
            }
            "required" => required(rule, value, at, complaints),
            "properties" => properties(root, schema, value, at, complaints),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    judge(root, rule, item, &format!("{at}[{index}]"), complaints);
                }
            }
            // A map: its names are its own.
            "additionalProperties" if rule.is_object() => {
                for (name, field) in value.as_object().into_iter().flatten() {
                    judge(root, rule, field, &format!("{at}.{name}"), complaints);
                }
            }
            // What is not among the properties is a complaint anyway.
            "additionalProperties" => assert_eq!(rule, &Value::Bool(false), "{at}: {keyword}"),
            _ if holds(root, keyword, rule, value) => {}
            _ => complaints.push(format!("{at}: {value} is not as said by {keyword}: {rule}")),
        }
    }
}

/// Whether a value is as a keyword says that looks at nothing but the value.
fn holds(root: &Value, keyword: &str, rule: &Value, value: &Value) -> bool {
    match keyword {
        "type" => types(rule).iter().any(|it| is_of_type(value, it)),
        "const" => value == rule,
        "enum" => rule.as_array().is_some_and(|it| it.contains(value)),
        "minimum" => !value.is_number() || value.as_f64() >= rule.as_f64(),
        "oneOf" => fitting(root, rule, value) == 1,
        "anyOf" => fitting(root, rule, value) > 0,
        other => panic!("the keyword {other} is not known here"),
    }
}

fn fitting(root: &Value, rule: &Value, value: &Value) -> usize {
    let choices = rule.as_array().into_iter().flatten();
    let fits = |choice: &&Value| {
        let mut complaints = Vec::new();
        judge(root, choice, value, "", &mut complaints);
        complaints.is_empty()
    };
    choices.filter(fits).count()
}

fn required(rule: &Value, value: &Value, at: &str, complaints: &mut Vec<String>) {
    let names = rule.as_array().into_iter().flatten().filter_map(Value::as_str);
    for name in names.filter(|name| value.is_object() && value.get(name).is_none()) {
        complaints.push(format!("{at}: {name} is missing"));
    }
}

/// Also what the schema does not know is a complaint: a schema that lags behind is wrong.
fn properties(
    root: &Value,
    schema: &Map<String, Value>,
    value: &Value,
    at: &str,
    complaints: &mut Vec<String>,
) {
    let Value::Object(fields) = value else { return };
    for (name, field) in fields {
        match schema["properties"].get(name) {
            Some(rule) => judge(root, rule, field, &format!("{at}.{name}"), complaints),
            None => complaints.push(format!("{at}: {name} is not in the schema")),
        }
    }
}

fn types(rule: &Value) -> Vec<&str> {
    match rule {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type is called {other}"),
    }
}
