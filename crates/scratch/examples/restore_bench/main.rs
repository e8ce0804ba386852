//! How fast a backup is restored, beside what everybody does:
//! `cargo run --release -p stopover-scratch --example restore_bench -- [--mb 2000] [--runs 3]
//! [--folder F] [--sessions N]`
//!
//! Makes a database of about that size, dumps it, and restores the dump in turns: by us into a
//! private server; by `gunzip -c | psql` and by `pg_restore -j2` into servers as they are out of
//! the box. Each into a server that was just started, which is not counted, and with ANALYZE, which
//! is. Times drift from minute to minute on a machine that others use: only what is compared within
//! a turn counts. With `--folder` the dumps are kept there, and used again.

mod contestants;
mod database;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use stopover_scratch::binaries::{Binaries, Program, Search};

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

struct Options {
    megabytes: u32,
    runs: usize,
    folder: Option<PathBuf>,
    sessions: Option<usize>,
}

impl Options {
    fn read() -> Outcome<Self> {
        let mut options = Self { megabytes: 2000, runs: 3, folder: None, sessions: None };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or("an option without a value")?;
            match name.as_str() {
                "--mb" => options.megabytes = value.parse()?,
                "--runs" => options.runs = value.parse()?,
                "--folder" => options.folder = Some(value.into()),
                "--sessions" => options.sessions = Some(value.parse()?),
                _ => return Err(format!("no such option: {name}").into()),
            }
        }
        Ok(options)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("restore_bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Outcome<()> {
    let options = Options::read()?;
    let programs = [Program::Psql, Program::PgDump, Program::PgRestore];
    let binaries = Search::from_environment(None).choose(None, &programs)?.binaries;
    let temporary = tempfile::tempdir()?;
    let folder = options.folder.as_deref().unwrap_or(temporary.path());
    database::dumps(&binaries, folder, options.megabytes).await?;
    let mut turns = Vec::new();
    for turn in 1..=options.runs {
        let figures = measure(&binaries, folder, options.sessions).await?;
        println!("turn {turn}: {}", told(&figures));
        turns.push(figures);
    }
    for (at, name) in NAMES.iter().enumerate() {
        let seconds = median(turns.iter().map(|turn| turn[at]));
        let ratio = median(turns.iter().map(|turn| turn[at] / turn[0]));
        println!("{name:<28} {seconds:>6.1} s   {ratio:.2} x ours");
    }
    println!("peak memory of this process: {}", peak_memory());
    Ok(())
}

const NAMES: [&str; 3] = ["ours, .sql.gz", "gunzip -c | psql", "pg_restore -j2, -Fc"];

async fn measure(binaries: &Binaries, folder: &Path, sessions: Option<usize>) -> Outcome<[f64; 3]> {
    Ok([
        contestants::ours(binaries, &folder.join(database::PLAIN), sessions).await?,
        contestants::psql(binaries, &folder.join(database::PLAIN)).await?,
        contestants::pg_restore(binaries, &folder.join(database::ARCHIVE)).await?,
    ])
}

fn told(figures: &[f64; 3]) -> String {
    let one = |(name, seconds): (&&str, &f64)| format!("{name} {seconds:.1} s");
    NAMES.iter().zip(figures).map(one).collect::<Vec<_>>().join(", ")
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The peak of the resident memory, by proc_pid_status(5). Other programs' is their own.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "not known here".to_owned(), |line| line.trim().to_owned())
}
