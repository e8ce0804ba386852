//! Programs of the user's that take part in a rehearsal.

use clap::Args;

/// Programs of the user's.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Your own programs")]
pub(crate) struct ProgramArguments {
    /// Let this command (of a shell) run the migrations instead: a tool or a service's own binary.
    /// DATABASE_URL and PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE lead it to the scratch
    #[arg(long, value_name = "CMD", conflicts_with_all = ["traffic", "steps", "target"])]
    pub(crate) command: Option<String>,
    /// A table that may lose rows, where --command's migrations are of a kind that is not read here;
    /// else a directive in the migration says so. May be given several times
    #[arg(long, value_name = "TABLE", requires = "command")]
    pub(crate) allow_data_loss: Vec<String>,
    /// Start this service on the migrated scratch; it must answer --health with 200
    #[arg(long, value_name = "CMD", requires = "health", conflicts_with_all = ["steps", "target"])]
    pub(crate) boot: Option<String>,
    /// What the service answers with 200 when it is well: http://127.0.0.1:8080/health. {PORT} is a
    /// free port, here and in --boot; the service has it in PORT
    #[arg(long, value_name = "URL", requires = "boot")]
    pub(crate) health: Option<String>,
    /// How long the service may take [default: 60s]
    #[arg(long, value_name = "TIME", requires = "boot")]
    pub(crate) boot_timeout: Option<String>,
    /// Let the private server listen on 127.0.0.1 as well, for drivers that know no sockets
    #[arg(long, conflicts_with = "scratch_url")]
    pub(crate) scratch_tcp: bool,
}
