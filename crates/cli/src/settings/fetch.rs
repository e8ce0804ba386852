//! `fetch = "SOURCE"`, or the table `[fetch]`: where the backup is got from first.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use stopover_scratch::fetch::{FetchRequest, Source};

use super::bases::size;
use super::{BadValue, Settings, duration};

/// The setting as it is written.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(
    untagged,
    expecting = "`fetch` must be a source in quotes, or a table with `source` and any of \
                 `timeout`, `limit` and `folder` in quotes, and `keep`, a number"
)]
pub(crate) enum FetchSetting {
    /// The source alone.
    Source(String),
    /// With bounds.
    Table(FetchTable),
}

/// The table `[fetch]`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FetchTable {
    /// Where the backup is.
    source: Option<String>,
    /// How long fetching may take.
    timeout: String,
    /// How large the backup may be.
    limit: String,
    /// Where it is put.
    folder: PathBuf,
    /// How many of one name stay there.
    keep: u32,
}

impl Default for FetchTable {
    fn default() -> Self {
        Self {
            source: None,
            timeout: "2h".to_owned(),
            limit: "200GB".to_owned(),
            folder: "backups/fetched".into(),
            keep: 2,
        }
    }
}

impl Default for FetchSetting {
    fn default() -> Self {
        Self::Table(FetchTable::default())
    }
}

/// What the flags say of it: only the source, so that the file's bounds hold.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FetchFlag {
    source: String,
}

impl FetchFlag {
    /// Fetches from there.
    pub(crate) fn of(source: String) -> Self {
        Self { source }
    }

    /// Fetches nothing, whatever the file says.
    pub(crate) fn nothing() -> Self {
        Self { source: String::new() }
    }
}

impl Settings {
    /// What is fetched; `None`: nothing is.
    pub(crate) fn fetch(&self) -> Result<Option<FetchRequest>, BadValue> {
        let table = match &self.fetch {
            FetchSetting::Source(source) => {
                FetchTable { source: Some(source.clone()), ..FetchTable::default() }
            }
            FetchSetting::Table(table) => table.clone(),
        };
        let key = match &self.fetch {
            FetchSetting::Source(_) => "fetch",
            FetchSetting::Table(_) => "fetch.source",
        };
        let timeout = duration("fetch.timeout", &table.timeout)?;
        let limit = size(&table.limit).ok_or_else(|| BadValue {
            key: "fetch.limit",
            said: format!("`{}` is not a size", table.limit),
            hint: "a size is a number and a unit: 20GB, 500MB, 1.5TB",
        })?;
        let Some(source) = table.source.filter(|it| !it.is_empty()) else { return Ok(None) };
        // The value itself is never shown: passwords may stand in it.
        let source: Source = source.parse().map_err(|error| BadValue {
            key,
            said: format!("{error}"),
            hint: "docs/rehearse.md has an example of each kind",
        })?;
        let keep = usize::try_from(table.keep).unwrap_or(usize::MAX);
        Ok(Some(FetchRequest { source, folder: table.folder, timeout, limit, keep }))
    }
}

/// A source without secrets; a command is not shown at all.
pub(super) fn shown(text: &str) -> String {
    match text.parse::<Source>() {
        _ if text.is_empty() => String::new(),
        Ok(Source::Command(_)) => "command:***".to_owned(),
        Ok(source) => source.to_string(),
        Err(_) => "*** (is no source)".to_owned(),
    }
}
