//! The tool that is looked at: found or built, and run without anything of the caller's settings.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::Value;

use super::options::Options;
use super::program::{self, Said};
use super::server::Database;

/// The `stopover` program.
pub(super) struct Tool {
    program: PathBuf,
    folder: PathBuf,
}

/// How a run ended, and the JSON document that it gave.
pub(super) struct Answer {
    pub(super) said: Said,
    pub(super) document: Value,
}

impl Tool {
    /// The named one; else that of this workspace, built now.
    pub(super) fn find(named: Option<&Path>) -> anyhow::Result<Self> {
        let program = match named {
            Some(path) => path.canonicalize().with_context(|| format!("no {}", path.display()))?,
            None => built()?,
        };
        Ok(Self { program, folder: env::temp_dir() })
    }

    /// The same, working in this folder.
    pub(super) fn with_folder(self, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), ..self }
    }

    /// The tool with a command and its common arguments, not yet run.
    pub(super) fn command(&self, name: &str, migrations: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(name).arg("--migrations").arg(migrations).args(["--format", "json"]);
        command.current_dir(&self.folder);
        for (variable, _) in env::vars_os() {
            let known = variable.to_string_lossy();
            let setting = known.starts_with("STOPOVER_") && known != "STOPOVER_PG_BIN";
            if setting || known == "DATABASE_URL" {
                command.env_remove(variable);
            }
        }
        // The other tools make no backup either.
        command.envs(crate::BARE);
        command
    }

    /// Runs a command for a project, with further arguments.
    pub(super) fn ask(
        &self,
        name: &str,
        options: &Options,
        database: Option<&Database<'_>>,
        more: &[&str],
    ) -> anyhow::Result<Answer> {
        let mut command = self.command(name, &options.migrations);
        for (flag, value) in [("--layout", &options.layout), ("--ledger", &options.ledger)] {
            if let Some(value) = value {
                command.args([flag, value]);
            }
        }
        if let Some(database) = database {
            command.env("DATABASE_URL", database.url());
        }
        answer(program::run(command.args(more))?)
    }
}

/// Reads the document; null when there is none.
pub(super) fn answer(said: Said) -> anyhow::Result<Answer> {
    let document = match said.output.trim() {
        "" => Value::Null,
        text => serde_json::from_str(text).context("stopover gave no JSON")?,
    };
    Ok(Answer { said, document })
}

impl Answer {
    /// What to tell a person of a run that did not end well.
    pub(super) fn complaint(&self) -> String {
        let failed = &self.document["failed"];
        let texts: Vec<String> = if failed.is_null() {
            let findings = ["problems", "findings", "drift"].iter().find_map(|name| {
                self.document[*name].as_array().filter(|findings| !findings.is_empty())
            });
            let text = |finding: &Value| finding["message"].as_str().map(str::to_owned);
            findings.into_iter().flatten().filter_map(text).collect()
        } else {
            vec![format!("{}: {}", failed["version"], failed["error"])]
        };
        let detail = self.document["detail"].as_str().unwrap_or_default();
        format!("exit {}\n{}\n{detail}\n{}", self.said.code, texts.join("\n"), self.said.errors)
    }

    /// How many entries the named array of the document has.
    pub(super) fn count(&self, name: &str) -> usize {
        self.document[name].as_array().map_or(0, Vec::len)
    }
}

/// Builds the workspace's own, and says where it is.
pub(crate) fn built() -> anyhow::Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(crate::root()?).args(["build", "--quiet", "--locked", "-p", "stopover-cli"]);
    let said = program::run(&mut build)?;
    if !said.good() {
        bail!("stopover cannot be built: {}", said.errors);
    }
    let here = env::current_exe().context("where this program is")?;
    let mut folders = here.ancestors().skip(1).take(2);
    let found = folders.find_map(|folder| {
        let program = folder.join("stopover");
        program.is_file().then_some(program)
    });
    found.context("stopover is not where this program is; name it by --stopover")
}
