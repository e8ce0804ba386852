//! What was compared, and whether it was the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::program;

/// How many lines of a difference are shown.
const SHOWN_LINES: usize = 80;

/// Everything that was looked at, in order.
pub(super) struct Results {
    folder: PathBuf,
    lines: Vec<Line>,
}

struct Line {
    what: String,
    good: bool,
    numbers: String,
}

/// One of two texts that should be the same.
pub(super) struct Side<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

impl Results {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), lines: Vec::new() }
    }

    /// Notes a result; what is wrong is told at once.
    pub(super) fn note(&mut self, what: &str, numbers: impl Into<String>, wrong: Option<&str>) {
        if let Some(wrong) = wrong {
            println!("\n{what}: WRONG\n{}\n", wrong.trim_end());
        }
        self.lines.push(Line {
            what: what.to_owned(),
            good: wrong.is_none(),
            numbers: numbers.into(),
        });
    }

    /// Two texts must be the same; else the difference is shown.
    pub(super) fn same(
        &mut self,
        what: &str,
        numbers: impl Into<String>,
        sides: &[Side<'_>; 2],
    ) -> anyhow::Result<()> {
        let [left, right] = sides;
        let difference = if left.text == right.text { None } else { Some(self.difference(sides)?) };
        self.note(what, numbers, difference.as_deref());
        Ok(())
    }

    fn difference(&self, sides: &[Side<'_>; 2]) -> anyhow::Result<String> {
        let mut diff = Command::new("diff");
        diff.arg("-u");
        for side in sides {
            let file = self.folder.join(side.name.replace(|c: char| !c.is_alphanumeric(), "-"));
            fs::write(&file, side.text)?;
            diff.arg("--label").arg(side.name).arg(file);
        }
        let text = program::run(&mut diff)?.output;
        let count = text.lines().count();
        let shown: Vec<&str> = text.lines().take(SHOWN_LINES).collect();
        let more = count.saturating_sub(SHOWN_LINES);
        let tail = if more > 0 { format!("\n… {more} more lines") } else { String::new() };
        Ok(shown.join("\n") + &tail)
    }

    pub(super) fn all_good(&self) -> bool {
        self.lines.iter().all(|line| line.good)
    }

    /// Prints the table.
    pub(super) fn print(&self) {
        let width = self.lines.iter().map(|line| line.what.chars().count()).max().unwrap_or(0);
        println!();
        for Line { what, good, numbers } in &self.lines {
            let word = if *good { "same " } else { "WRONG" };
            println!("{word}  {what:width$}  {numbers}");
        }
        let wrong = self.lines.iter().filter(|line| !line.good).count();
        println!("\n{} compared, {wrong} wrong", self.lines.len());
    }
}
