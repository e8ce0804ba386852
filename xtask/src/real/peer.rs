//! The project's own way of applying its migrations.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;

use super::program::{self, Said};
use super::server::{Database, Whole};

/// Diesel's ledger, as Diesel makes it.
const DIESEL_LEDGER: &str = "CREATE TABLE __diesel_schema_migrations (\
    version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)";

/// One migration of the plan.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) file: PathBuf,
    pub(super) transactional: bool,
}

/// Who keeps the ledger of files that go through psql.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeper {
    /// We do, as Diesel would.
    Diesel,
    /// Nobody.
    Nobody,
}

/// The steps of a plan's document, in its order.
pub(super) fn steps(plan: &Value, migrations: &Path) -> anyhow::Result<Vec<Step>> {
    let step = |step: &Value| {
        let file = step["file"].as_str().context("a step of the plan has no file")?;
        let transactional = step["transactional"].as_bool().context("no boundary in the plan")?;
        Ok(Step { file: migrations.join(file), transactional })
    };
    plan["steps"].as_array().context("the plan has no steps")?.iter().map(step).collect()
}

/// Each file through psql, in the plan's order; what went wrong, in words.
pub(super) fn through_psql(
    database: &Database<'_>,
    steps: &[Step],
    keeper: Keeper,
) -> anyhow::Result<Result<Duration, String>> {
    let start = Instant::now();
    if keeper == Keeper::Diesel {
        database.query(DIESEL_LEDGER)?;
    }
    for step in steps {
        let record = match keeper {
            Keeper::Diesel => Some(diesel_record(&step.file)?),
            Keeper::Nobody => None,
        };
        let whole = if step.transactional { Whole::OneTransaction } else { Whole::EachAlone };
        let said = database.run_file(&step.file, record.as_deref(), whole)?;
        if !said.good() {
            return Ok(Err(said.errors));
        }
    }
    Ok(Ok(start.elapsed()))
}

/// Diesel's record of a folder: what stands before the first underscore, without dashes.
fn diesel_record(file: &Path) -> anyhow::Result<String> {
    let folder = file.parent().and_then(Path::file_name).context("a file in no folder")?;
    let name = folder.to_string_lossy();
    let version = name.split('_').next().unwrap_or_default().replace('-', "");
    Ok(format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}')"))
}

/// `sqlx migrate COMMAND`.
pub(super) fn sqlx(
    program: &Path,
    command: &str,
    migrations: &Path,
    database: &Database<'_>,
) -> anyhow::Result<Said> {
    sqlx_at(program, command, migrations, &database.url())
}

/// `sqlx migrate COMMAND` on the database that a URL names.
pub(super) fn sqlx_at(
    program: &Path,
    command: &str,
    migrations: &Path,
    url: &str,
) -> anyhow::Result<Said> {
    let mut sqlx = Command::new(program);
    sqlx.args(["migrate", command, "--no-dotenv", "--source"]).arg(migrations);
    // Not the caller's folder, where settings of sqlx's may lie.
    sqlx.current_dir(std::env::temp_dir()).env("DATABASE_URL", url);
    program::run(&mut sqlx)
}

/// Lines of `sqlx migrate info` that say anything but that a migration is installed.
pub(super) fn not_installed(info: &str) -> Vec<&str> {
    let word = |line: &str| {
        line.split_whitespace().next().and_then(|it| it.split('/').nth(1)) == Some("installed")
    };
    info.lines()
        .filter(|line| !line.trim().is_empty())
        .filter(|line| !word(line) || line.contains("mismatch"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mismatch_or_a_pending_one_in_sqlx_words_is_seen() {
        let info = "1/installed init\n2/installed (different checksum) more\n\
                    applied migration had checksum mismatch\n3/pending last\n";
        assert_eq!(not_installed(info).len(), 2);
        assert!(not_installed("20220101000000/installed init\n").is_empty());
    }

    #[test]
    fn diesel_versions_are_the_digits_before_the_name() {
        let record = diesel_record(Path::new("m/2017-09-23-182408_add_2fa/up.sql")).unwrap();
        assert!(record.ends_with("('20170923182408')"), "{record}");
    }
}
