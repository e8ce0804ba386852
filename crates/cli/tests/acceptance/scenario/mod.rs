//! Scenarios: text files that a reader can follow and that a test plays.
//!
//! A file begins with what it tells. Then come steps, each with a head line:
//!
//! | step | what it does |
//! | --- | --- |
//! | `=== file PATH [crlf] [bom] [latin1] [bare]` | writes a file; `bare` without a newline at its end |
//! | `=== remove PATH` | removes a file or a folder |
//! | `=== sql` | runs SQL on the scenario's database, as its superuser |
//! | `=== role NAME` | makes a role that may log in; `${NAME}` is its real name |
//! | `=== dump PATH [ARGUMENT]…` | dumps the scenario's database with pg_dump |
//! | `=== hold NAME [for TIME]` | runs SQL on a session that stays open, until `release` or so long |
//! | `=== release NAME` | ends that session |
//! | `=== $ [NAME=VALUE]… stopover …` | runs the tool; how it ends, and what it says, must be as written |
//! | `=== quietly $ …` | the same, but it must succeed and nobody looks at what it says |
//! | `=== query` | runs a query, whose rows must be as written |
//! | `=== listing PATH` | the files of a folder, which must be as written |
//! | `=== content PATH` | the content of a file, which must be as written |
//!
//! `DATABASE_URL` names the scenario's database; `${url:NAME}` is its URL for a role, `${host}`
//! and `${database}` are parts of it. What differs from run to run is replaced by words in
//! brackets. `UPDATE=1` writes what is said into the file.

mod script;
mod stage;

use std::path::{Path, PathBuf};

use script::Script;
use stage::Stage;

/// The folder of the scenarios.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

/// Plays the scenario of that name, and compares; with `UPDATE=1` writes what came out.
pub(crate) fn play(name: &str) {
    let path = folder().join(format!("{name}.txt"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()));
    let mut script = Script::parse(&text);
    // The worker serves held sessions while this thread waits for the tool.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut stage = Stage::new().await;
        for step in &mut script.steps {
            stage.play(step).await;
        }
    });
    let played = script.to_string();
    if played == text {
        return;
    }
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, played).expect("the scenario can be written");
        return;
    }
    panic!("{name}: not as written (UPDATE=1 writes it anew)\n{}", difference(&text, &played));
}

/// The lines that differ, with some around them.
fn difference(written: &str, played: &str) -> String {
    similar::TextDiff::from_lines(written, played)
        .unified_diff()
        .context_radius(4)
        .header("as written", "as played")
        .to_string()
}
