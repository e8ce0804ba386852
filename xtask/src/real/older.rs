//! An older state with data: the first migrations, then made-up rows in every table that takes
//! some.

use super::options::Options;
use super::rehearsals::Stage;
use super::results::Results;
use super::server::Database;

/// Applies the first so many and fills; false when that went wrong.
pub(super) fn reach(
    stage: &Stage<'_>,
    older: &Database<'_>,
    first: usize,
    results: &mut Results,
) -> anyhow::Result<bool> {
    let steps = first.to_string();
    let said = stage.tool.ask("apply", stage.options, Some(older), &["--steps", &steps])?;
    let wrong = (!said.said.good()).then(|| said.complaint());
    results.note("older state", format!("{first} applied"), wrong.as_deref());
    if wrong.is_none() {
        fill(stage.options, older, results)?;
    }
    Ok(wrong.is_none())
}

/// At least half of the tables must get rows.
fn fill(options: &Options, older: &Database<'_>, results: &mut Results) -> anyhow::Result<()> {
    let file = crate::root()?.join("xtask/src/real/fill.sql");
    let rows = format!("rows={}", options.rows);
    let said = older.psql(&["-v", &rows, "-f", &file.to_string_lossy()])?.or_fail("the filler")?;
    let lines: Vec<Vec<&str>> =
        said.output.lines().map(|line| line.splitn(3, '|').collect()).collect();
    let count = |line: &Vec<&str>| line.get(1).and_then(|it| it.parse::<u64>().ok()).unwrap_or(0);
    let filled = lines.iter().filter(|line| count(line) > 0).count();
    let total: u64 = lines.iter().map(count).sum();
    for line in lines.iter().filter(|line| count(line) == 0) {
        println!("  stays empty: {}", line.join(" "));
    }
    let numbers = format!("{total} rows in {filled} of {} tables, {:.1?}", lines.len(), said.took);
    let wrong = (filled * 2 < lines.len()).then_some("fewer than half of the tables got rows");
    results.note("made-up data", numbers, wrong);
    Ok(())
}
