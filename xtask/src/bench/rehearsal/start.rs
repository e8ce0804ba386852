//! The start of a private server, from nothing to the first answer.

use std::path::PathBuf;
use std::time::Instant;

use stopover_scratch::binaries::Search;
use stopover_scratch::server::{PrivateServer, ServerOptions};

use super::Bench;
use crate::bench::figures::{Series, Table, Unit};

/// They are cheap.
const RUNS: usize = 11;

impl Bench<'_> {
    pub(super) fn start(&self) -> anyhow::Result<Table> {
        let cache = self.work.join("templates");
        let series = [
            ("with a prepared empty data folder", Some(cache)),
            ("without: initdb makes one", None),
        ];
        let series: anyhow::Result<Vec<Series>> =
            series.into_iter().map(|(name, cache)| started(name, cache.as_ref())).collect();
        Ok(Table {
            title: "A private server".to_owned(),
            how: "From looking for PostgreSQL's programs to a query's answer.".to_owned(),
            series: series?,
            reference: None,
            unit: Unit::Milliseconds,
        })
    }
}

fn started(name: &str, template_cache: Option<&PathBuf>) -> anyhow::Result<Series> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut series = Series { name: name.to_owned(), ..Series::default() };
    for run in 0..=RUNS {
        let began = Instant::now();
        let binaries = Search::from_environment(None).choose(None, &[])?.binaries;
        let template_cache = template_cache.cloned();
        let options = ServerOptions { template_cache, ..ServerOptions::default() };
        let server = runtime.block_on(PrivateServer::start(&binaries, options))?;
        // Ready is who has renamed the superuser, over a connection of its own.
        let took = began.elapsed();
        runtime.block_on(server.stop())?;
        if run > 0 {
            series.runs.push(took);
        }
    }
    Ok(series)
}
