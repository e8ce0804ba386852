//! Programs of the user's that take part in a rehearsal: from arguments to what the engine runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use stopover_engine::{Comparison, MigratingCommand, Programs};
use stopover_model::{Layout, SourceSet};
use stopover_scratch::program::{UserCommand, UserService};
use stopover_scratch::server::Reach;
use stopover_source::{SourceError, parse_duration};

use crate::args::{ProgramArguments, SourceArguments};
use crate::console::Failure;
use crate::settings::{Loaded, Settings};

use super::{in_the_settings_form, read_source};

/// How long a service may take to boot.
const BOOT: Duration = Duration::from_mins(1);

/// The source, and what a command's work is compared with. Where a command migrates and nobody
/// named a folder, there may be none that is read here: Alembic's, Django's, ActiveRecord's.
pub(super) fn source(
    loaded: &Loaded,
    asked: &SourceArguments,
    programs: &ProgramArguments,
) -> Result<(SourceSet, Comparison), Failure> {
    let settings = &loaded.settings;
    let named = asked.migrations.is_some() || settings.migrations != Settings::default().migrations;
    if programs.command.is_none() || named || settings.layout.is_some() {
        return Ok((read_source(settings)?, Comparison::Source));
    }
    match stopover_source::read_folder(&settings.migrations, settings.layout) {
        Ok(source) => Ok((in_the_settings_form(source, settings)?, Comparison::Source)),
        Err(error @ (SourceError::NotThere { .. } | SourceError::Empty { .. })) => {
            let why = match error {
                SourceError::NotThere { .. } => {
                    format!("there is no folder {}", settings.migrations.display())
                }
                _ => format!(
                    "{} holds no migration of a layout that is read here",
                    settings.migrations.display()
                ),
            };
            let allow_data_loss = programs.allow_data_loss.clone();
            let comparison = Comparison::Nothing { why, allow_data_loss };
            Ok((nothing(&settings.migrations), comparison))
        }
        Err(error) => Err(Failure::usage(error.to_string(), "")),
    }
}

fn nothing(folder: &Path) -> SourceSet {
    SourceSet {
        layout: Layout::Pairs,
        root: folder.display().to_string(),
        migrations: Vec::new(),
        findings: Vec::new(),
    }
}

/// What the engine is to run.
pub(super) fn programs(
    asked: &ProgramArguments,
    comparison: Comparison,
) -> Result<Programs, Failure> {
    if !asked.allow_data_loss.is_empty() && comparison == Comparison::Source {
        return Err(Failure::usage(
            "--allow-data-loss is for migrations that are not read here",
            "say it at the head of the migration: `-- stopover: allow data-loss(TABLE)`",
        ));
    }
    let command = asked.command.as_ref().map(|text| MigratingCommand {
        program: Arc::new(UserCommand::new(text.clone())),
        comparison,
    });
    let boot = match (&asked.boot, &asked.health) {
        (Some(text), Some(health)) => Some(service(text, health, asked.boot_timeout.as_deref())?),
        _ => None,
    };
    Ok(Programs { command, boot: boot.map(|it| Arc::new(it) as _) })
}

fn service(text: &str, health: &str, timeout: Option<&str>) -> Result<UserService, Failure> {
    let timeout = match timeout {
        Some(timeout) => parse_duration(timeout).map_err(|error| {
            Failure::usage(format!("--boot-timeout: {error}"), "write a time, e.g. 90s")
        })?,
        None => BOOT,
    };
    UserService::new(text, health, timeout).map_err(|error| {
        Failure::usage(
            format!("--health: {error}"),
            "write the service's own address, e.g. http://127.0.0.1:{PORT}/health",
        )
    })
}

/// Who must get to a private server.
pub(super) fn reach(asked: &ProgramArguments) -> Reach {
    match (asked.scratch_tcp, asked.command.is_some() || asked.boot.is_some()) {
        (true, _) => Reach::Loopback,
        (false, true) => Reach::Programs,
        (false, false) => Reach::Socket,
    }
}
