//! What the command line says of the settings: the strongest place.

use std::path::PathBuf;

use serde::Serialize;

use super::FetchFlag;

/// What the flags say; what is not given is left out.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Flags {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) database_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) migrations: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) layout: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ledger: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lock_wait: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lock_timeout: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) statement_timeout: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lock_retries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backup: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fetch: Option<FetchFlag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_age: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scratch_db_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scratch_dir: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fsync: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) down: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) no_base: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) as_role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pg_bin: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backup_dir: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backup_format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backup_compress: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backup_schema: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backup_keep: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backup_command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prove_backup: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) require_rehearsal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) receipt: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) receipt_public_key: Option<String>,
}
