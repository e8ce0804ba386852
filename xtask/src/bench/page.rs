//! The page of the docs that the tables go to.

use std::fs;
use std::thread;

use anyhow::Context;

use super::figures::Table;

/// What stands behind the tables of every bench.
const END: &str = "<!-- to here -->";

/// The tables as Markdown, and what was not measured.
pub(super) fn tables(tables: &[Table], missing: &[String]) -> String {
    let mut text: Vec<String> = tables.iter().map(Table::markdown).collect();
    if !missing.is_empty() {
        let lines: Vec<String> = missing.iter().map(|line| format!("- {line}")).collect();
        text.push(format!("Not measured:\n\n{}\n", lines.join("\n")));
    }
    text.join("\n")
}

/// Writes the tables of a bench into `docs/performance.md`, between the lines that mark their place.
pub(super) fn write(bench: &str, conditions: &str, tables: &str) -> anyhow::Result<()> {
    let path = crate::root()?.join("docs").join("performance.md");
    let page = fs::read_to_string(&path).context("docs/performance.md")?;
    let begin = format!("<!-- cargo xtask bench {bench} --write: from here -->");
    let (before, rest) = page.split_once(&begin).context("the page has no mark to begin at")?;
    let (_, after) = rest.split_once(END).context("the page has no mark to end at")?;
    let today = jiff::Zoned::now().date();
    let middle = format!("{begin}\n\n{today}, {}, {conditions}\n\n{tables}\n{END}", machine());
    fs::write(&path, format!("{before}{middle}{after}"))?;
    Ok(())
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
