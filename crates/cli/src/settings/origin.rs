//! `stopover config`: every setting, its value, and where it came from.

use figment::{Metadata, Source};
use serde::Serialize;
use stopover_model::redact_urls;

use crate::settings::{Loaded, WORD_OR_TABLE, fetch, file};
use crate::target;

/// One setting.
#[derive(Debug, Serialize)]
pub(crate) struct SettingEntry {
    key: String,
    /// Its value; passwords are hidden.
    value: serde_json::Value,
    /// `default`, a file, a variable, or a flag.
    origin: String,
}

/// The document of `config`.
#[derive(Debug, Serialize)]
pub(crate) struct ConfigReport {
    schema_version: u32,
    tool_version: &'static str,
    settings: Vec<SettingEntry>,
}

/// What holds, and where it came from.
pub(crate) fn report(loaded: &Loaded) -> ConfigReport {
    let values = serde_json::to_value(&loaded.settings).unwrap_or_default();
    let entry = |key: String| {
        let pointer = format!("/{}", key.replace('.', "/"));
        let value = values.pointer(&pointer).cloned().unwrap_or_default();
        let value = match value {
            serde_json::Value::String(text) if key.ends_with("_url") => shown_url(&text).into(),
            serde_json::Value::String(text) if matches!(key.as_str(), "fetch" | "fetch.source") => {
                fetch::shown(&text).into()
            }
            serde_json::Value::String(text) if key.starts_with("receipt_") => {
                stopover_receipts::shown_setting(&text).into()
            }
            serde_json::Value::String(_) if key == "backup_command" => "***".into(),
            serde_json::Value::String(text) => redact_urls(&text).into(),
            other => other,
        };
        let origin = loaded
            .figment
            .find_metadata(&key)
            .map_or_else(|| "default".to_owned(), |it| described(it, &key));
        SettingEntry { key, value, origin }
    };
    ConfigReport {
        schema_version: stopover_model::report::SCHEMA_VERSION,
        tool_version: stopover_model::TOOL_VERSION,
        settings: keys(&values).map(entry).collect(),
    }
}

/// Every setting; one that is a word or a table as what it is.
fn keys(values: &serde_json::Value) -> impl Iterator<Item = String> + use<> {
    let words: Vec<&str> = WORD_OR_TABLE.into_iter().filter(|it| values[*it].is_string()).collect();
    let hidden = words.clone();
    let known = file::known_keys()
        .into_iter()
        .filter(move |key| !hidden.contains(&key.split('.').next().unwrap_or_default()));
    known.chain(words.into_iter().map(str::to_owned))
}

/// A database's URL without its password. In one that does not parse nobody knows where a password
/// begins or ends, so nothing of it is shown.
fn shown_url(text: &str) -> String {
    if text.is_empty() || target::parses(text) {
        redact_urls(text)
    } else {
        "*** (does not parse)".to_owned()
    }
}

/// A provider, as a person knows it.
pub(super) fn described(metadata: &Metadata, key: &str) -> String {
    match &metadata.source {
        Some(Source::File(path)) => path.display().to_string(),
        _ if metadata.name.contains("environment") => {
            let name = key.replace('.', "__").to_ascii_uppercase();
            if key == "database_url" && std::env::var_os("STOPOVER_DATABASE_URL").is_none() {
                "DATABASE_URL".to_owned()
            } else {
                format!("STOPOVER_{name}")
            }
        }
        _ if metadata.name.contains("Flags") => {
            let flag = key.split('.').next().unwrap_or(key);
            format!("--{}", flag.replace('_', "-"))
        }
        _ => "default".to_owned(),
    }
}

impl ConfigReport {
    /// Aligned lines: key, value, origin.
    pub(crate) fn human(&self) -> String {
        let shown = |value: &serde_json::Value| match value {
            serde_json::Value::Null => "(not set)".to_owned(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let values: Vec<String> = self.settings.iter().map(|it| shown(&it.value)).collect();
        let key_width = self.settings.iter().map(|it| it.key.len()).max().unwrap_or(0);
        let value_width = values.iter().map(|it| it.chars().count()).max().unwrap_or(0).min(40);
        let mut text = String::new();
        for (setting, value) in self.settings.iter().zip(&values) {
            let SettingEntry { key, origin, .. } = setting;
            text.push_str(&format!("{key:key_width$}  {value:value_width$}  {origin}\n"));
        }
        text
    }
}
