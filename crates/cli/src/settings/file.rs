//! `stopover.toml`: top-level settings, and an `[env.NAME]` table for each environment.

use std::path::{Path, PathBuf};

use figment::value::{Dict, Map};
use figment::{Metadata, Profile, Provider, Source};

use crate::console::Failure;
use crate::settings::{Settings, WORD_OR_TABLE};

/// A settings file that was read, with one environment chosen or none.
#[derive(Debug)]
pub(super) struct SettingsFile {
    path: PathBuf,
    values: Dict,
}

impl SettingsFile {
    pub(super) fn read(path: &Path, environment: Option<&str>) -> Result<Self, Failure> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(
                format!("the settings file {shown} cannot be read: {error}"),
                "name another one with --config, or correct its permissions",
            )
        })?;
        let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            // Its message quotes the line: a URL with a password may stand there.
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            Failure::usage(
                format!("the settings file {shown} is not TOML: line {line}: {}", error.message()),
                "see docs/settings.md for an example",
            )
        })?;
        let environments = table.remove("env");
        if let Some(name) = environment {
            let chosen =
                environments.as_ref().and_then(|it| it.get(name)).and_then(toml::Value::as_table);
            let Some(chosen) = chosen else {
                return Err(Failure::usage(
                    format!("{shown} has no table [env.{name}]"),
                    format!(
                        "write [env.{name}], or choose one of: {}",
                        names(environments.as_ref())
                    ),
                ));
            };
            overlay(&mut table, chosen);
        }
        Self::checked(path, &table)
    }

    fn checked(path: &Path, table: &toml::Table) -> Result<Self, Failure> {
        let known = known_keys();
        let is_known = |key: &String| WORD_OR_TABLE.contains(&key.as_str()) || known.contains(key);
        if let Some(unknown) = flat_keys(table).into_iter().find(|key| !is_known(key)) {
            return Err(Failure::usage(
                format!("{}: `{unknown}` is not a setting", path.display()),
                format!("the settings are: {}", known.join(", ")),
            ));
        }
        let values = figment::value::Value::serialize(table)
            .ok()
            .and_then(figment::value::Value::into_dict)
            .unwrap_or_default();
        Ok(Self { path: path.to_owned(), values })
    }
}

impl Provider for SettingsFile {
    fn metadata(&self) -> Metadata {
        Metadata::from("settings file", Source::File(self.path.clone()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

/// Every setting, nested ones with a dot.
pub(super) fn known_keys() -> Vec<String> {
    toml_of_defaults().map(|table| flat_keys(&table)).unwrap_or_default()
}

/// The defaults with every optional value filled in, so that every key is there.
fn toml_of_defaults() -> Option<toml::Table> {
    let json = serde_json::to_value(Settings::default()).ok()?;
    let mut table = toml::Table::new();
    for (key, value) in json.as_object()? {
        let value = match value.as_object() {
            Some(nested) => toml::Value::Table(
                nested.keys().map(|key| (key.clone(), toml::Value::Boolean(true))).collect(),
            ),
            None => toml::Value::Boolean(true),
        };
        table.insert(key.clone(), value);
    }
    Some(table)
}

fn flat_keys(table: &toml::Table) -> Vec<String> {
    let mut keys = Vec::new();
    for (key, value) in table {
        match value.as_table() {
            Some(nested) => keys.extend(nested.keys().map(|inner| format!("{key}.{inner}"))),
            None => keys.push(key.clone()),
        }
    }
    keys
}

fn overlay(base: &mut toml::Table, stronger: &toml::Table) {
    for (key, value) in stronger {
        match (base.get_mut(key).and_then(toml::Value::as_table_mut), value.as_table()) {
            (Some(inner), Some(table)) => overlay(inner, table),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

fn names(environments: Option<&toml::Value>) -> String {
    let names = environments
        .and_then(toml::Value::as_table)
        .map(|table| table.keys().map(String::as_str).collect::<Vec<_>>().join(", "));
    names.filter(|it| !it.is_empty()).unwrap_or_else(|| "(none is there)".to_owned())
}
