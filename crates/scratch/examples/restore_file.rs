//! Restores a backup into a private server and throws it away: for measuring time and memory.
//!
//! `cargo run --release -p stopover-scratch --example restore_file -- shop.sql.gz`
//!
//! In the environment: `SESSIONS=2`, how many sessions; `NO_SPOOL=1`, no data waits in files;
//! `PROGRESS=1`, what people are told; `SETTINGS='name=value;…'`, more settings of the server;
//! `LOG=100`, the last lines of its log.
//!
//! What is told of the processor's time, which other work disturbs less than the clock's, is read
//! from `/proc`: it is only known on Linux.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

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
    let begun = Instant::now();
    let before = Processor::now(server.folder());
    let restored = match std::env::var_os("PROGRESS") {
        Some(_) => restore(backup, &target, &mut |event: Event| eprintln!("{event:?}")).await?,
        None => restore(backup, &target, &mut Silent).await?,
    };
    let (wall, after) = (begun.elapsed(), Processor::now(server.folder()));
    println!("{restored:#?}");
    println!("seconds: {:.2}, of the processor: {}", wall.as_secs_f64(), after.since(&before));
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

/// Ticks of the processor in a second, as Linux tells them to programs (`USER_HZ` in proc(5)).
const TICKS: f64 = 100.0;

/// Seconds of the processor, in user mode and in the kernel; `None` where that is not known.
struct Processor {
    ours: Option<f64>,
    server: Option<f64>,
}

impl Processor {
    /// Until now: this process, and the server whose data is below `folder`.
    fn now(folder: &Path) -> Self {
        let ours = Stat::of("self").map(|it| it.own);
        Self { ours, server: postmaster(folder).and_then(|it| server_seconds(&it)) }
    }

    fn since(&self, before: &Self) -> String {
        let tell = |after: Option<f64>, before: Option<f64>| match (after, before) {
            (Some(after), Some(before)) => format!("{:.2}", after - before),
            _ => "not known here".to_owned(),
        };
        let (ours, server) = (tell(self.ours, before.ours), tell(self.server, before.server));
        format!("ours {ours}, the server's {server}")
    }
}

/// The process whose `postmaster.pid` lies in the folder, or one below.
fn postmaster(folder: &Path) -> Option<String> {
    let below = fs::read_dir(folder).ok()?.flatten().map(|it| it.path());
    let mut files = std::iter::once(folder.to_owned()).chain(below);
    let text = files.find_map(|it| fs::read_to_string(it.join("postmaster.pid")).ok())?;
    text.lines().next().map(str::to_owned)
}

/// The postmaster's own, its children's that have ended, and of those that have not.
fn server_seconds(postmaster: &str) -> Option<f64> {
    let first = Stat::of(postmaster)?;
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let stats = processes.filter_map(|it| Stat::of(it.file_name().to_str()?));
    let living: f64 = stats.filter(|it| it.parent == postmaster).map(|it| it.own).sum();
    Some(first.own + first.ended_children + living)
}

/// What `/proc/…/stat` says of a process, in seconds.
struct Stat {
    parent: String,
    own: f64,
    ended_children: f64,
}

impl Stat {
    fn of(process: &str) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The program's name stands in parentheses, and may have some itself; the state follows.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let seconds = |at: usize| fields.get(at)?.parse::<f64>().ok().map(|it| it / TICKS);
        Some(Self {
            parent: (*fields.get(1)?).to_owned(),
            own: seconds(11)? + seconds(12)?,
            ended_children: seconds(13)? + seconds(14)?,
        })
    }
}

/// The peak of the resident memory. Not what `time` says: that counts the server's processes too.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "not known here".to_owned(), |line| line.trim().to_owned())
}
