//! What observing costs each statement of a migration.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::Bench;
use crate::bench::figures::{Series, Table, Unit};
use crate::bench::options::built;

/// Turns for each of the others.
const OFTENER: usize = 3;

impl Bench<'_> {
    /// By an example of the crate that observes, which needs no program around it.
    pub(super) fn trace(&self) -> anyhow::Result<Table> {
        let program = built(&["-p", "stopover-postgres", "--example", "trace_cost"])?;
        let mut command = Command::new(program.join("examples").join("trace_cost"));
        let said = command.arg((self.options.runs * OFTENER).to_string()).output()?;
        ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let plain = series(&said, "not traced")?;
        Ok(Table {
            title: "Observing statements".to_owned(),
            how: "1,000 migrations, each one `CREATE TABLE` with a primary key, on a private server: \
                  as an apply runs them, and as a rehearsal does, with a look at the locks behind \
                  each statement."
                .to_owned(),
            series: vec![plain, series(&said, "traced")?],
            reference: Some(0),
            unit: Unit::Milliseconds,
        })
    }
}

/// The times behind `name: `, in milliseconds.
fn series(said: &str, name: &str) -> anyhow::Result<Series> {
    let line = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let times = line.with_context(|| format!("no times of {name}:\n{said}"))?.split_whitespace();
    let times: Result<Vec<f64>, _> = times.map(str::parse).collect();
    let runs = times?.into_iter().map(|ms| Duration::from_secs_f64(ms / 1e3)).collect();
    Ok(Series { name: name.to_owned(), runs, ..Series::default() })
}
