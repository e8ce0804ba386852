//! What `carry` takes.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `carry`
#[derive(Debug, Args)]
pub(crate) struct CarryArguments {
    /// The database that has the schemas, e.g. the old restore of a replica
    #[arg(long, value_name = "URL", env = "STOPOVER_CARRY_FROM", hide_env_values = true)]
    pub(crate) from: String,
    /// The database that gets them, e.g. the new restore
    #[arg(long, value_name = "URL", env = "STOPOVER_CARRY_TO", hide_env_values = true)]
    pub(crate) to: String,
    /// A schema, as it is spelled in the catalog; may be given several times
    #[arg(long = "schema", value_name = "NAME", required = true)]
    pub(crate) schemas: Vec<String>,
    /// Refuse where the target has a schema of that name, instead of dropping and rebuilding it
    #[arg(long)]
    pub(crate) keep_existing: bool,
    /// Owners too: roles must be there in the target
    #[arg(long)]
    pub(crate) owners: bool,
    /// Grants and default privileges too: roles must be there in the target
    #[arg(long)]
    pub(crate) privileges: bool,
    /// Exit with 1 where statements failed, instead of 0 with a warning
    #[arg(long, value_enum, value_name = "OUTCOME")]
    pub(crate) fail_on: Option<FailOn>,
    /// Longest time; then the half-copied schemas are dropped, and the exit code is 0: the replica
    /// comes up without them
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<String>,
    /// Post the outcome to this address, until it is acknowledged
    #[arg(long, value_name = "URL", env = "STOPOVER_CARRY_CALLBACK", hide_env_values = true)]
    pub(crate) callback: Option<String>,
    /// What is posted: the outcome alone, or the whole report
    #[arg(long, value_enum, default_value_t = CallbackFormat::Text, requires = "callback")]
    pub(crate) callback_format: CallbackFormat,
    /// How long it is tried to have the outcome acknowledged
    #[arg(long, value_name = "TIME", default_value = "2min", requires = "callback")]
    pub(crate) callback_timeout: String,
    /// Tables at once [default: as many as there are processors, at least 2]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Write the report as Markdown too
    #[arg(long, value_name = "FILE")]
    pub(crate) report_markdown: Option<PathBuf>,
    /// Write the report as JSON too
    #[arg(long, value_name = "FILE")]
    pub(crate) report_json: Option<PathBuf>,
    /// Folder with PostgreSQL's programs [default: searched for]
    #[arg(long, value_name = "DIR")]
    pub(crate) pg_bin: Option<PathBuf>,
}

/// Which outcome is a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Statements failed
    Partial,
}

/// What is posted to a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CallbackFormat {
    /// The outcome, as text/plain
    Text,
    /// The whole report
    Json,
}
