//! Columns that line up, by the width of what is shown.

use crate::look::{Ink, Look};
use crate::text::{self, LongWords};

/// Columns between two columns.
const GAP: usize = 2;
/// A column that may be broken is not made narrower than this.
const LEAST: usize = 12;

/// Which side a column's text stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// What a column does when the table is too wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It keeps its width: versions, durations.
    Whole,
    /// It is broken into lines.
    Wrap,
    /// It is left out.
    Spare,
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    side: Side,
    fit: Fit,
}

impl Column {
    /// Text that is never broken.
    pub(crate) const fn whole(title: &'static str) -> Self {
        Self { title, side: Side::Left, fit: Fit::Whole }
    }

    /// Text that is broken when there is no room.
    pub(crate) const fn wrapped(title: &'static str) -> Self {
        Self { title, side: Side::Left, fit: Fit::Wrap }
    }

    /// Numbers.
    pub(crate) const fn number(title: &'static str) -> Self {
        Self { title, side: Side::Right, fit: Fit::Whole }
    }

    /// The same column, but left out where there is no room.
    pub(crate) const fn spare(self) -> Self {
        Self { fit: Fit::Spare, ..self }
    }
}

/// One cell: its text, made safe by whoever made it, and what it is.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    ink: Ink,
}

impl Cell {
    pub(crate) fn new(ink: Ink, text: impl Into<String>) -> Self {
        Self { text: text.into(), ink }
    }

    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::new(Ink::Plain, text)
    }
}

/// Rows under titles. Columns that nothing stands in are left out.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; it has as many cells as there are columns.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        debug_assert_eq!(N, self.columns.len());
        self.rows.push(cells.into());
    }

    /// The lines, each indented, none with blanks at its end.
    pub(crate) fn lines(mut self, indent: usize, look: &Look) -> Vec<String> {
        let used = |table: &Self, at: usize| {
            table.rows.iter().any(|row| row.get(at).is_some_and(|it| !it.text.is_empty()))
        };
        for at in (0..self.columns.len()).rev() {
            if !used(&self, at) {
                self.drop_column(at);
            }
        }
        let room = look.width.saturating_sub(indent);
        let widths = loop {
            let widths = self.widths(room);
            let spare = self.columns.iter().rposition(|it| it.fit == Fit::Spare);
            match spare {
                Some(at) if taken(&widths) > room => self.drop_column(at),
                _ => break self.break_words(widths, room),
            }
        };
        let mut lines = Vec::new();
        if self.columns.iter().any(|column| !column.title.is_empty()) {
            let titles: Vec<Cell> =
                self.columns.iter().map(|it| Cell::new(Ink::Faint, it.title)).collect();
            self.row_lines(&titles, &widths, indent, look, &mut lines);
        }
        for row in &self.rows {
            self.row_lines(row, &widths, indent, look, &mut lines);
        }
        lines
    }

    fn drop_column(&mut self, at: usize) {
        self.columns.remove(at);
        for row in &mut self.rows {
            row.remove(at);
        }
    }

    /// Each column's width: what it needs, less what the widest ones give up that may be broken
    /// at blanks.
    fn widths(&self, room: usize) -> Vec<usize> {
        let mut widths: Vec<usize> = (0..self.columns.len())
            .map(|at| {
                let cells = self.rows.iter().filter_map(|row| row.get(at));
                let widest = cells.flat_map(|cell| cell.text.split('\n')).map(text::width).max();
                widest.unwrap_or(0).max(text::width(self.columns[at].title))
            })
            .collect();
        self.shrink(&mut widths, &self.longest_words(), room);
        widths
    }

    /// Breaks words too, where breaking at blanks was not enough.
    fn break_words(&self, mut widths: Vec<usize>, room: usize) -> Vec<usize> {
        let floors = vec![LEAST; widths.len()];
        self.shrink(&mut widths, &floors, room);
        widths
    }

    fn shrink(&self, widths: &mut [usize], floors: &[usize], room: usize) {
        while taken(widths) > room {
            let widest = (0..widths.len())
                .filter(|&at| self.columns[at].fit == Fit::Wrap && widths[at] > floors[at])
                .max_by_key(|&at| widths[at]);
            let Some(at) = widest else { break };
            widths[at] -= 1;
        }
    }

    fn longest_words(&self) -> Vec<usize> {
        (0..self.columns.len())
            .map(|at| {
                let cells = self.rows.iter().filter_map(|row| row.get(at));
                cells.map(|cell| text::longest_word(&cell.text)).max().unwrap_or(0).max(LEAST)
            })
            .collect()
    }

    fn row_lines(
        &self,
        row: &[Cell],
        widths: &[usize],
        indent: usize,
        look: &Look,
        lines: &mut Vec<String>,
    ) {
        let wrapped: Vec<Vec<String>> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| text::wrap(&cell.text, *width, LongWords::Break))
            .collect();
        for at in 0..wrapped.iter().map(Vec::len).max().unwrap_or(0) {
            let mut line = " ".repeat(indent);
            // Blanks are owed until something follows them, so that no line ends in blanks.
            let mut owed = 0;
            for (index, width) in widths.iter().enumerate() {
                let piece = wrapped.get(index).and_then(|it| it.get(at)).map_or("", String::as_str);
                let free = width.saturating_sub(text::width(piece));
                let (before, after) = match self.columns[index].side {
                    Side::Left => (0, free),
                    Side::Right => (free, 0),
                };
                owed += before;
                if !piece.is_empty() {
                    line.push_str(&" ".repeat(owed));
                    line.push_str(&look.paint(row[index].ink, piece));
                    owed = 0;
                }
                owed += after + GAP;
            }
            lines.push(line);
        }
    }
}

/// Columns that a table of these takes.
fn taken(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> Table {
        let mut table = Table::new(&[
            Column::number("version"),
            Column::wrapped("name"),
            Column::whole("note"),
            Column::number("ms"),
        ]);
        table.row([Cell::plain("7"), Cell::plain("größe"), Cell::plain(""), Cell::plain("1")]);
        table.row([
            Cell::plain("20220123205937"),
            Cell::plain(name),
            Cell::plain(""),
            Cell::plain("1,234"),
        ]);
        table
    }

    #[test]
    fn columns_line_up_and_an_empty_one_is_left_out() {
        assert_eq!(
            table("表").lines(1, &Look::plain(80)),
            [
                "        version  name      ms",
                "              7  größe      1",
                " 20220123205937  表     1,234",
            ]
        );
    }

    #[test]
    fn a_spare_column_goes_before_a_word_is_broken() {
        let mut table = Table::new(&[Column::wrapped("name"), Column::number("WAL").spare()]);
        table.row([Cell::plain("x".repeat(36)), Cell::plain("1.4 GiB")]);
        assert_eq!(table.clone().lines(0, &Look::plain(80)).len(), 2);
        assert_eq!(table.lines(0, &Look::plain(40)), ["name".to_owned(), "x".repeat(36)]);
    }

    #[test]
    fn a_long_name_is_broken_and_the_version_is_not() {
        assert_eq!(
            table("add_the_longest_index_name").lines(0, &Look::plain(40)),
            [
                "       version  name                  ms",
                "             7  größe                  1",
                "20220123205937  add_the_longest_   1,234",
                "                index_name",
            ]
        );
    }
}
