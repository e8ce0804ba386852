//! The page of the docs that the tables go to.

use std::fs;
use std::path::Path;
use std::thread;

use anyhow::Context;

use super::figures::Table;
use super::options::Options;
use super::peers::Peers;

/// Where the tables stand in the page: what is between these two lines is written anew.
const BEGIN: &str = "<!-- cargo xtask bench runner --write: from here -->";
const END: &str = "<!-- to here -->";

/// What is told.
pub(super) struct Page<'a> {
    pub(super) tables: &'a [Table],
    pub(super) peers: &'a Peers,
    /// The server's version.
    pub(super) server: &'a str,
    pub(super) options: &'a Options,
}

impl Page<'_> {
    /// The tables as Markdown.
    pub(super) fn tables(&self) -> String {
        let mut text: Vec<String> = self.tables.iter().map(Table::markdown).collect();
        if !self.peers.missing.is_empty() {
            let lines: Vec<String> =
                self.peers.missing.iter().map(|line| format!("- {line}")).collect();
            text.push(format!("Not measured:\n\n{}\n", lines.join("\n")));
        }
        text.join("\n")
    }

    /// Writes them into `docs/performance.md`.
    pub(super) fn write(&self, ours: &Path) -> anyhow::Result<()> {
        let path = crate::root()?.join("docs").join("performance.md");
        let page = fs::read_to_string(&path).context("docs/performance.md")?;
        let (before, rest) = page.split_once(BEGIN).context("the page has no mark to begin at")?;
        let (_, after) = rest.split_once(END).context("the page has no mark to end at")?;
        let today = jiff::Zoned::now().date();
        let size = fs::metadata(ours)?.len() >> 20;
        let conditions = format!(
            "{today}, {}, PostgreSQL {} over the loopback, fsync on, {} turns. The program has \
             {size} MiB.",
            machine(),
            self.server,
            self.options.runs,
        );
        let middle = format!("{BEGIN}\n\n{conditions}\n\n{}\n{END}", self.tables());
        fs::write(&path, format!("{before}{middle}{after}"))?;
        Ok(())
    }
}

/// Cores, processor and memory: what a reader needs to compare, and no names.
fn machine() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let (processors, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let kind = field(&processors, "model name").unwrap_or_else(|| "unknown".to_owned());
    let kibi = field(&memory, "MemTotal").and_then(|it| it.split(' ').next()?.parse::<u64>().ok());
    let gibi = kibi.map_or(0, |kibi| kibi.div_ceil(1 << 20));
    format!("{cores} cores ({kind}), {gibi} GiB of memory")
}
