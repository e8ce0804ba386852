//! Settings: flags, then the environment, then the file, in that order of strength.
//!
//! The one room that knows `figment`. Every value remembers where it came from.

mod backups;
mod bases;
mod ci;
mod fetch;
mod file;
mod flags;
mod harness;
mod heal;
mod limits;
mod lint;
mod origin;
mod receipts;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Serialized};
use serde::{Deserialize, Serialize};
use stopover_engine::Limits;
use stopover_model::report::BackupCompression;
use stopover_model::{AutoAdopt, Layout, LedgerKind, Policy};
use stopover_source::parse_duration;

use crate::console::Failure;
use backups::{ApplySettings, FormatSetting};
use bases::KeepBase;
use ci::CiSettings;
pub(crate) use fetch::FetchFlag;
use fetch::FetchSetting;
use file::SettingsFile;
pub(crate) use flags::Flags;
use harness::{PostflightSettings, PreflightSettings};
use heal::HealSetting;
use limits::LimitSettings;
use lint::LintSettings;
pub(crate) use origin::report;

/// The settings that are a word or a table.
const WORD_OR_TABLE: [&str; 2] = ["heal", "fetch"];

/// The settings file that is read where none is named.
const DEFAULT_FILE: &str = "stopover.toml";

/// The settings as they are written: times are texts such as `5s`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// The target.
    pub(crate) database_url: Option<String>,
    /// Folder with the migrations.
    pub(crate) migrations: PathBuf,
    /// Its layout, where it is not left to be recognised.
    pub(crate) layout: Option<Layout>,
    /// The ledger, where it is not left to what is there.
    pub(crate) ledger: Option<LedgerKind>,
    /// Schema of our own ledger.
    pub(crate) ledger_schema: String,
    /// Table of our own ledger.
    pub(crate) ledger_table: String,
    /// Longest wait for another runner.
    pub(crate) lock_wait: String,
    /// Longest wait of a statement for a lock.
    pub(crate) lock_timeout: String,
    /// Longest time for a statement.
    pub(crate) statement_timeout: Option<String>,
    /// Tries after a lock was not to be had.
    pub(crate) lock_retries: u32,
    /// How drift is judged.
    pub(crate) policy: Policy,
    /// What a rehearsal may measure before it is red.
    pub(crate) limits: LimitSettings,
    /// Over what a preflight is red.
    pub(crate) preflight: PreflightSettings,
    /// How long a postflight may look.
    pub(crate) postflight: PostflightSettings,
    /// Whether an apply takes over golang-migrate's counter by itself.
    pub(crate) auto_adopt: bool,
    /// What becomes of edits of applied migrations.
    pub(crate) heal: HealSetting,
    /// The backup to rehearse on.
    pub(crate) backup: Option<String>,
    /// Where it is fetched from, and how.
    pub(crate) fetch: FetchSetting,
    /// How old it may be.
    pub(crate) max_age: Option<String>,
    /// Server to rehearse on instead of a private one.
    pub(crate) scratch_db_url: Option<String>,
    /// Whether a private server will not do.
    pub(crate) require_scratch_db_url: bool,
    /// Folder of private servers.
    pub(crate) scratch_dir: Option<PathBuf>,
    /// Whether the scratch writes as durably as production.
    pub(crate) fsync: bool,
    /// Whether a rehearsal digests what is in the tables, besides counting it.
    pub(crate) digest: bool,
    /// Whether a rehearsal takes the migrations back and applies them again.
    pub(crate) down: bool,
    /// Role that the migrations run as in a rehearsal.
    pub(crate) as_role: Option<String>,
    /// Folder with PostgreSQL's programs.
    pub(crate) pg_bin: Option<PathBuf>,
    /// Cache folder.
    pub(crate) cache_dir: Option<PathBuf>,
    /// Whether bases are left alone.
    pub(crate) no_base: bool,
    /// When a base is kept.
    pub(crate) keep_base: KeepBase,
    /// What all bases together may take.
    pub(crate) cache_limit: String,
    /// How long ago a rehearsal may have been that an apply requires.
    pub(crate) require_rehearsal: Option<String>,
    /// File or folder of receipts.
    pub(crate) receipt: Option<PathBuf>,
    /// Key that signs them.
    pub(crate) receipt_key: Option<String>,
    /// Key that verifies them.
    pub(crate) receipt_public_key: Option<String>,
    /// Folder of reports.
    pub(crate) log_dir: PathBuf,
    /// Folder of automatic backups.
    pub(crate) backup_dir: PathBuf,
    /// Their form.
    pub(crate) backup_format: FormatSetting,
    /// How they are compressed.
    pub(crate) backup_compress: BackupCompression,
    /// Only these schemas; none means all.
    pub(crate) backup_schema: Vec<String>,
    /// How many are kept.
    pub(crate) backup_keep: Option<u32>,
    /// The user's own way to make them.
    pub(crate) backup_command: Option<String>,
    /// Whether each is restored at once, and compared.
    pub(crate) prove_backup: bool,
    /// What stands around the steps of an apply.
    pub(crate) apply: ApplySettings,
    /// What is asked of the migrations on an empty database.
    pub(crate) ci: CiSettings,
    /// Which rules look at which migrations.
    pub(crate) lint: LintSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            database_url: None,
            migrations: "migrations".into(),
            layout: None,
            ledger: None,
            ledger_schema: "stopover".into(),
            ledger_table: "applied_migrations".into(),
            lock_wait: "60s".into(),
            lock_timeout: "5s".into(),
            statement_timeout: None,
            lock_retries: Limits::default().lock_retries,
            policy: Policy::default(),
            limits: LimitSettings::default(),
            preflight: PreflightSettings::default(),
            postflight: PostflightSettings::default(),
            auto_adopt: false,
            heal: HealSetting::default(),
            backup: None,
            fetch: FetchSetting::default(),
            max_age: None,
            scratch_db_url: None,
            require_scratch_db_url: false,
            scratch_dir: None,
            fsync: false,
            digest: false,
            down: false,
            as_role: None,
            pg_bin: None,
            cache_dir: None,
            no_base: false,
            keep_base: KeepBase::Auto,
            cache_limit: "20GB".into(),
            require_rehearsal: None,
            receipt: None,
            receipt_key: None,
            receipt_public_key: None,
            log_dir: "logs".into(),
            backup_dir: "backups/migrations".into(),
            backup_format: FormatSetting::Plain,
            backup_compress: BackupCompression::Gzip,
            backup_schema: Vec::new(),
            backup_keep: None,
            backup_command: None,
            prove_backup: false,
            apply: ApplySettings::default(),
            ci: CiSettings::default(),
            lint: LintSettings::default(),
        }
    }
}

/// Settings with the memory of where they came from.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    figment: Figment,
}

/// Reads the settings.
pub(crate) fn load(
    file: Option<&Path>,
    environment: Option<&str>,
    flags: Flags,
) -> Result<Loaded, Failure> {
    let mut figment = Figment::from(Serialized::from(Settings::default(), "default"));
    figment = figment.select("default");
    if let Some(file) = settings_file(file, environment)? {
        figment = figment.merge(file);
    } else if let Some(name) = environment {
        return Err(Failure::usage(
            format!("environment `{name}` is asked for, and there is no settings file"),
            format!("write {DEFAULT_FILE} with a table [env.{name}], or leave --env out"),
        ));
    }
    figment = figment.merge(variables()).merge(Serialized::from(flags, "default"));
    let mut settings: Settings = figment.extract().map_err(|error| unusable(&error))?;
    if settings.auto_adopt {
        settings.policy.auto_adopt = AutoAdopt::On;
    }
    settings.policy.heal = settings.heal.policy();
    if let Err(bad) = settings.check() {
        let place = figment.find_metadata(bad.key).map(|it| origin::described(it, bad.key));
        return Err(bad.told(place));
    }
    Ok(Loaded { settings, figment })
}

fn settings_file(
    named: Option<&Path>,
    environment: Option<&str>,
) -> Result<Option<SettingsFile>, Failure> {
    let path = match named {
        Some(path) => path,
        None if Path::new(DEFAULT_FILE).exists() => Path::new(DEFAULT_FILE),
        None => return Ok(None),
    };
    SettingsFile::read(path, environment).map(Some)
}

/// What our variables begin with, in whatever case.
const PREFIX: &[u8] = b"stopover_";

/// `DATABASE_URL`, and every setting as `STOPOVER_NAME`; policies as `STOPOVER_POLICY__NAME`.
/// `STOPOVER_DATABASE_URL` is stronger than `DATABASE_URL`, in whatever order they stand.
fn variables() -> Env {
    let is_ours = |name: &OsStr| {
        name.as_encoded_bytes()
            .get(..PREFIX.len())
            .is_some_and(|it| it.eq_ignore_ascii_case(PREFIX))
    };
    // Few environments have one of ours, and the list of all takes its time.
    let one_is_ours = std::env::vars_os().any(|(name, _)| is_ours(&name));
    let keys = if one_is_ours { file::known_keys() } else { Vec::new() };
    let own_url = std::env::var_os("STOPOVER_DATABASE_URL").is_some();
    Env::raw()
        .filter_map(move |name| {
            let name = name.as_str().to_ascii_lowercase();
            if name == "database_url" {
                return (!own_url).then(|| name.into());
            }
            let key = name.strip_prefix("stopover_")?.replace("__", ".");
            (WORD_OR_TABLE.contains(&key.as_str()) || keys.contains(&key)).then(|| key.into())
        })
        .profile("default")
}

fn unusable(error: &figment::Error) -> Failure {
    let first = error.clone().into_iter().next().unwrap_or_else(|| error.clone());
    let key = first.path.join(".");
    let place = first.metadata.as_ref().map(|it| origin::described(it, &key));
    let place = place.unwrap_or_else(|| "the settings".to_owned());
    // The value itself is never shown: it may be a URL with a password.
    let kind = match &first.kind {
        figment::error::Kind::UnknownField(field, _) => format!("`{field}` is not a setting"),
        figment::error::Kind::UnknownVariant(_, known) => {
            format!("`{key}` must be one of: {}", known.join(", "))
        }
        figment::error::Kind::InvalidType(_, expected)
        | figment::error::Kind::InvalidValue(_, expected) => {
            format!("`{key}` must be {}", in_words(expected))
        }
        other => format!("`{key}`: {other}"),
    };
    Failure::usage(
        format!("{place}: {kind}"),
        "`stopover config` prints every setting with its value and where it came from",
    )
}

/// What is expected, without Rust's names.
fn in_words(expected: &str) -> &str {
    match expected {
        "u32" => "a whole number",
        "a string" | "path string" => "a text in quotes",
        "a boolean" => "true or false",
        other => other,
    }
}

/// A value that does not parse.
#[derive(Debug)]
pub(crate) struct BadValue {
    key: &'static str,
    said: String,
    hint: &'static str,
}

impl BadValue {
    fn told(&self, place: Option<String>) -> Failure {
        let Self { key, said, hint } = self;
        let place = place.map_or_else(String::new, |place| format!("{place}: "));
        Failure::usage(format!("{place}`{key}`: {said}"), *hint)
    }
}

impl From<BadValue> for Failure {
    fn from(bad: BadValue) -> Self {
        bad.told(None)
    }
}

impl Settings {
    /// Finds values that do not parse before anything else is done.
    fn check(&self) -> Result<(), BadValue> {
        self.limits()?;
        self.max_age()?;
        self.cache_limit()?;
        self.thresholds()?;
        self.preflight_limits()?;
        self.postflight_limits()?;
        self.fetch()?;
        self.require_rehearsal()?;
        self.migration_time()?;
        self.below()?;
        Ok(())
    }

    /// Waits and tries.
    pub(crate) fn limits(&self) -> Result<Limits, BadValue> {
        let statement = self.statement_timeout.as_deref();
        Ok(Limits {
            lock_wait: duration("lock_wait", &self.lock_wait)?,
            lock_timeout: duration("lock_timeout", &self.lock_timeout)?,
            statement_timeout: statement
                .map(|text| duration("statement_timeout", text))
                .transpose()?,
            lock_retries: self.lock_retries,
        })
    }

    /// The cache folder: the setting, else the user's own. `None` where there is neither.
    pub(crate) fn cache_dir(&self) -> Option<PathBuf> {
        let set =
            |name: &str| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
        self.cache_dir.clone().or_else(|| {
            let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|it| it.join(".cache")))?;
            Some(base.join("stopover"))
        })
    }

    /// How old a backup may be.
    pub(crate) fn max_age(&self) -> Result<Option<Duration>, BadValue> {
        age("max_age", self.max_age.as_deref())
    }
}

/// A time that may be given in days.
fn age(key: &'static str, text: Option<&str>) -> Result<Option<Duration>, BadValue> {
    let Some(text) = text else { return Ok(None) };
    let days = text.trim().strip_suffix('d').and_then(|days| days.trim().parse::<u64>().ok());
    match days.and_then(|days| days.checked_mul(86_400)) {
        Some(seconds) => Ok(Some(Duration::from_secs(seconds))),
        None => duration(key, text).map(Some),
    }
}

fn duration(key: &'static str, text: &str) -> Result<Duration, BadValue> {
    parse_duration(text).map_err(|error| {
        let hint = match key {
            "max_age" => "max_age also takes days: 2d",
            "require_rehearsal" => "require_rehearsal also takes days: 2d",
            _ => "",
        };
        BadValue { key, said: error.to_string(), hint }
    })
}
