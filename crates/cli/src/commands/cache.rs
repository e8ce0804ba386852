//! `cache`: what is kept so that rehearsals start faster.

use std::path::Path;

use stopover_model::report::CacheReport;
use stopover_report::human;
use stopover_scratch::cache::{Cache, CacheError};

use crate::args::{CacheArguments, CacheCommand, Global};
use crate::console::{Console, Failure};
use crate::exit::Exit;
use crate::settings::Flags;

use super::load;

pub(super) async fn run(
    global: &Global,
    console: &Console,
    arguments: CacheArguments,
) -> Result<Exit, Failure> {
    let settings = load(global, Flags::default())?.settings;
    let limit = settings.cache_limit()?;
    let Some(folder) = settings.cache_dir() else {
        let message = "there is no cache folder: neither XDG_CACHE_HOME nor HOME is set";
        return Err(Failure::unable(message, "set cache_dir"));
    };
    let command = arguments.command.unwrap_or(CacheCommand::List);
    let work = move || act(&folder, limit, &command);
    let done = tokio::task::spawn_blocking(work).await;
    let report = done.map_err(|error| Failure::unable(error.to_string(), ""))??;
    console.document(&report, |_, look| human::cache(&report, look));
    let all_done = report.in_use.is_empty();
    Ok(if all_done { Exit::Success } else { Exit::Unable })
}

fn act(folder: &Path, limit: u64, command: &CacheCommand) -> Result<CacheReport, Failure> {
    let cache = Cache::open(folder)?;
    let mut report = CacheReport::of(folder.display().to_string(), limit);
    let gone = match command {
        CacheCommand::List => Default::default(),
        CacheCommand::Prune => cache.prune(limit)?,
        CacheCommand::Drop { key: None, .. } => cache.drop_all()?,
        CacheCommand::Drop { key: Some(key), .. } => cache.drop_one(key)?,
    };
    (report.dropped, report.in_use) = (gone.dropped, gone.in_use);
    (report.bases, report.templates) = (cache.bases()?, cache.templates()?);
    report.bytes = report.bases.iter().map(|it| it.bytes).sum();
    Ok(report)
}

impl From<CacheError> for Failure {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Unknown { .. } => {
                Self::usage(error.to_string(), "`stopover cache` lists the keys")
            }
            CacheError::Base(_) | CacheError::Template { .. } => {
                Self::unable(error.to_string(), error.remedy())
            }
        }
    }
}
