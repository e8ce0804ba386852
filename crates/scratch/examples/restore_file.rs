//! Restores a backup into a private server and throws it away: for measuring time and memory.
//!
//! `cargo run --release -p stopover-scratch --example restore_file -- shop.sql.gz`
//!
//! In the environment: `SESSIONS=2`, how many sessions; `NO_SPOOL=1`, no data waits in files;
//! `PROGRESS=1`, what people are told; `SETTINGS='name=value;…'`, more settings of the server;
//! `LOG=100`, the last lines of its log.

use std::path::Path;
use std::process::ExitCode;

use stopover_model::{Event, Silent};
use stopover_scratch::backup::{Backup, BackupPath};
use stopover_scratch::binaries::{Program, Search};
use stopover_scratch::restore::{RestoreTarget, restore};
use stopover_scratch::server::{PrivateServer, ServerOptions};

#[tokio::main]
async fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: restore_file FILE|FOLDER|-");
        return ExitCode::from(5);
    };
    match run(Path::new(&path)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("restore: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let backup = Backup::open(&BackupPath::of(path))?;
    let search = Search::from_environment(None);
    let choice = search.choose(backup.header.server_major(), &[Program::PgRestore])?;
    let options = ServerOptions { settings: settings(), ..ServerOptions::default() };
    let server = PrivateServer::start(&choice.binaries, options).await?;
    let target = RestoreTarget {
        superuser: server.config(),
        database: "scratch".to_owned(),
        pg_restore: Some(choice.binaries),
        sessions: std::env::var("SESSIONS").ok().and_then(|it| it.parse().ok()),
        spool: std::env::var_os("NO_SPOOL").is_none().then(|| server.folder().to_owned()),
    };
    let restored = match std::env::var_os("PROGRESS") {
        Some(_) => restore(backup, &target, &mut |event: Event| eprintln!("{event:?}")).await?,
        None => restore(backup, &target, &mut Silent).await?,
    };
    println!("{restored:#?}");
    println!("peak memory of this process: {}", peak_memory());
    if let Some(lines) = std::env::var("LOG").ok().and_then(|it| it.parse().ok()) {
        println!("{}", server.log_tail(lines));
    }
    server.stop().await?;
    Ok(())
}

fn settings() -> Vec<(String, String)> {
    let text = std::env::var("SETTINGS").unwrap_or_default();
    let pairs = text.split(';').filter_map(|it| it.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The peak of the resident memory. Not what `time` says: that counts the server's processes too.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "not known here".to_owned(), |line| line.trim().to_owned())
}
