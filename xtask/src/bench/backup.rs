//! `cargo xtask bench backup`: a backup of ours beside `pg_dump | gzip`, in turns on one private
//! server, of the same database that `bench rehearsal` restores.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::figures::{Series, Table, Unit};
use super::rehearsal::database;
use super::server::Server;
use super::{options as common, page};

/// Megabytes of the database and runs of each, where it is not said: in full, and to see that it
/// works.
const FULL: (u32, usize) = (2_000, 3);
const QUICK: (u32, usize) = (100, 1);

const DATABASE: &str = "origin";

/// What was asked for.
#[derive(Debug)]
pub(super) struct Options {
    megabytes: u32,
    runs: usize,
    write: bool,
    stopover: Option<PathBuf>,
}

impl Options {
    pub(super) fn read(arguments: &[&str]) -> anyhow::Result<Self> {
        let (megabytes, runs) = if arguments.contains(&"--quick") { QUICK } else { FULL };
        let mut options = Self { megabytes, runs, write: false, stopover: None };
        let mut rest = arguments.iter();
        while let Some(&flag) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("{flag} needs a value"));
            match flag {
                "--quick" => {}
                "--write" => options.write = true,
                "--megabytes" => options.megabytes = value()?.parse().context("a number")?,
                "--runs" => options.runs = value()?.parse().context("a number")?,
                "--stopover" => options.stopover = Some(value()?.into()),
                _ => bail!("no such option: {flag}"),
            }
        }
        let least = options.runs.min(options.megabytes as usize);
        ensure!(least > 0, "--megabytes and --runs take a number from 1 on");
        Ok(options)
    }
}

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Gzip,
    Zstd,
    Piped,
    Alone,
}

impl Way {
    const ALL: [Self; 4] = [Self::Piped, Self::Gzip, Self::Zstd, Self::Alone];

    const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "**Stopover**, gzip, rows counted",
            Self::Zstd => "**Stopover**, zstd, rows counted",
            Self::Piped => "`pg_dump \\| gzip`",
            Self::Alone => "the floor: `pg_dump`, nothing compressed or kept",
        }
    }

    /// How it is started, and where its file is; none is kept by the last.
    fn command(self, bench: &Bench<'_>) -> Command {
        let mut shell = Command::new("/bin/sh");
        shell.envs(bench.server.role_environment(DATABASE)).arg("-c");
        let compress = match self {
            Self::Piped => {
                shell.arg("pg_dump | gzip > piped.sql.gz && sync piped.sql.gz");
                return shell;
            }
            Self::Alone => {
                shell.arg("pg_dump > /dev/null");
                return shell;
            }
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        };
        let mut ours = Command::new(bench.ours);
        ours.args(["backup", "-q", "--backup-dir", "backups", "--backup-keep", "1"]);
        ours.args(["--backup-compress", compress]);
        ours.env("DATABASE_URL", bench.server.url(DATABASE)).stdout(Stdio::null());
        ours
    }

    /// The file's size, where it keeps one.
    fn size(self, work: &Path) -> anyhow::Result<Option<u64>> {
        let path = match self {
            Self::Alone => return Ok(None),
            Self::Piped => work.join("piped.sql.gz"),
            Self::Gzip | Self::Zstd => {
                let pointer = fs::read_to_string(work.join("backups/latest-backup.txt"))?;
                PathBuf::from(pointer.trim())
            }
        };
        Ok(Some(fs::metadata(path)?.len()))
    }
}

struct Bench<'a> {
    ours: &'a Path,
    server: &'a Server,
    work: &'a Path,
}

/// Measures, prints, and writes where that is asked for.
pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let ours = common::stopover(options.stopover.as_deref())?;
    let server = Server::start()?;
    let work = tempfile::tempdir().context("no temporary folder can be made")?;
    eprintln!("a database of about {} MB …", options.megabytes);
    let bytes = database::fill(&server, DATABASE, options.megabytes, work.path())?;
    let bench = Bench { ours: &ours, server: &server, work: work.path() };
    let table = bench.measure(options.runs, bytes >> 20)?;
    let text = page::tables(&[table], &[]);
    println!("\n{text}");
    if options.write {
        let conditions = format!("PostgreSQL {}, {} turns.", server.version(), options.runs);
        page::write("backup", &conditions, &text)?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Bench<'_> {
    fn measure(&self, runs: usize, megabytes: usize) -> anyhow::Result<Table> {
        let mut series =
            Way::ALL.map(|way| Series { name: way.name().to_owned(), ..Series::default() });
        let mut sizes = Vec::new();
        // The first turn warms the server's caches, and is not counted.
        for turn in 0..=runs {
            for (way, series) in Way::ALL.into_iter().zip(&mut series) {
                let took = self.once(way)?;
                if turn > 0 {
                    series.runs.push(took);
                } else if let Some(size) = way.size(self.work)? {
                    sizes.push(format!("{} MB ({})", size / 1_000_000, way.name()));
                }
            }
        }
        Ok(Table {
            title: format!("A backup of {megabytes} MB"),
            how: format!(
                "From the start to a whole file on the disk; the server on the same machine. \
                 Sizes: {}.",
                sizes.join(", ")
            ),
            series: series.into(),
            reference: Some(0),
            unit: Unit::Seconds,
        })
    }

    fn once(&self, way: Way) -> anyhow::Result<Duration> {
        let mut command = way.command(self);
        let began = Instant::now();
        let ended = command.current_dir(self.work).status().context("it cannot be started")?;
        let took = began.elapsed();
        ensure!(ended.success(), "{} failed", way.name());
        Ok(took)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_or_lacks_its_value_is_refused() {
        let options = Options::read(&["--quick", "--runs", "2"]).unwrap();
        assert_eq!((options.megabytes, options.runs), (QUICK.0, 2));
        for bad in [&["--fast"][..], &["--runs"], &["--megabytes", "0"]] {
            assert!(Options::read(bad).is_err(), "{bad:?}");
        }
    }
}
