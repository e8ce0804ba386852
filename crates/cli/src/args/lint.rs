//! What `lint` takes.

use clap::Args;

use super::SourceArguments;

/// `lint`
#[derive(Debug, Args)]
pub(crate) struct LintArguments {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    /// Look only at what comes after this version
    #[arg(long, value_name = "VERSION")]
    pub(crate) since: Option<String>,
    /// Switch a rule on; may be given several times
    #[arg(long, value_name = "RULE")]
    pub(crate) on: Vec<String>,
    /// Switch a rule off; may be given several times
    #[arg(long, value_name = "RULE")]
    pub(crate) off: Vec<String>,
    /// Make a rule's findings errors (exit code 6), or those of `all`; may be given several times
    #[arg(long, value_name = "RULE|all")]
    pub(crate) deny: Vec<String>,
    /// Version of the server: some rules hold for older ones only [default: 15]
    #[arg(long, value_name = "VERSION")]
    pub(crate) postgres: Option<String>,
}
