//! The definitions of the schemas, as pg_dump writes them: whole, in an order in which they can
//! be made, of the source's moment.

mod steps;

use std::process::Stdio;

use stopover_model::redact_urls;
use stopover_postgres::Target;
use stopover_scratch::binaries::{Program, Search};
use stopover_sql::Splitter;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use crate::error::Fatal;
use steps::Script;
pub(crate) use steps::Step;
use stopover_backend::Privileges;

/// Longest wait of pg_dump for somebody who changes a table; ours are locked by then.
const LOCK_WAIT: &str = "--lock-wait-timeout=300s";
/// What is kept of what pg_dump complains about.
const COMPLAINT: u64 = 64 << 10;
const CHUNK: usize = 256 << 10;

/// What is to be defined.
pub(crate) struct Wanted<'a> {
    pub(crate) schemas: &'a [String],
    pub(crate) extensions: &'a [String],
    pub(crate) snapshot: &'a str,
    pub(crate) owners: Privileges,
    pub(crate) privileges: Privileges,
    /// The source's major version.
    pub(crate) major: u32,
}

/// Reads the definitions.
pub(crate) async fn read(
    target: &Target,
    search: &Search,
    wanted: &Wanted<'_>,
) -> Result<Vec<Step>, Fatal> {
    let chosen = search.choose(Some(wanted.major), &[Program::PgDump]);
    let binaries = chosen.map_err(|error| Fatal(error.to_string()))?.binaries;
    let mut command = Command::new(binaries.path(Program::PgDump));
    // What is set for other databases must not reach this one.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    command
        .envs(target.client_environment())
        .args(arguments(wanted))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let child = command.spawn().map_err(|error| failed(&error.to_string()))?;
    script(child).await
}

fn arguments(wanted: &Wanted<'_>) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "--format=plain",
        "--schema-only",
        "--encoding=UTF8",
        "--no-password",
        "--no-publications",
        "--no-subscriptions",
        "--no-tablespaces",
        "--no-sync",
        LOCK_WAIT,
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.push(format!("--snapshot={}", wanted.snapshot));
    arguments.extend(wanted.schemas.iter().map(|it| format!("--schema={}", pattern(it))));
    arguments.extend(wanted.extensions.iter().map(|it| format!("--extension={}", pattern(it))));
    if wanted.owners == Privileges::LeftOut {
        arguments.push("--no-owner".to_owned());
    }
    if wanted.privileges == Privileges::LeftOut {
        arguments.push("--no-privileges".to_owned());
    }
    // Without a connection string of its own pg_dump knows no keepalives.
    arguments.push(
        "--dbname=keepalives=1 keepalives_idle=30 keepalives_interval=10 keepalives_count=4"
            .to_owned(),
    );
    arguments
}

/// A name that stands for itself alone. Between quotes nothing is a pattern.
fn pattern(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

async fn script(mut child: Child) -> Result<Vec<Step>, Fatal> {
    let mut complaint = Vec::new();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let reading = async {
        let mut script = Script::default();
        let mut splitter = Splitter::new();
        let mut chunk = vec![0; CHUNK];
        if let Some(mut stdout) = stdout {
            loop {
                let read = stdout.read(&mut chunk).await.map_err(|it| failed(&it.to_string()))?;
                if read == 0 {
                    break;
                }
                splitter.feed(&chunk[..read]);
                script.take(&mut splitter).map_err(|it| failed(&it))?;
            }
        }
        splitter.end();
        script.take(&mut splitter).map_err(|it| failed(&it))?;
        Ok::<Script, Fatal>(script)
    };
    let complaining = async {
        if let Some(stderr) = stderr {
            // What cannot be read is only a reason less.
            let _ = stderr.take(COMPLAINT).read_to_end(&mut complaint).await;
        }
    };
    let (script, ()) = tokio::join!(reading, complaining);
    let ended = child.wait().await.map_err(|error| failed(&error.to_string()))?;
    if !ended.success() {
        return Err(failed(&first_complaint(&complaint)));
    }
    script?.whole().map_err(|it| failed(&it))
}

fn failed(reason: &str) -> Fatal {
    Fatal(format!("source: pg_dump: {reason}"))
}

/// What pg_dump said first of what went wrong.
fn first_complaint(said: &[u8]) -> String {
    let said = redact_urls(String::from_utf8_lossy(said).trim());
    let first = said.lines().find(|it| it.contains("error:")).or(said.lines().next());
    let reason = first.unwrap_or("it ended without a word").trim_start_matches("pg_dump: ");
    reason.trim_start_matches("error: ").to_owned()
}
