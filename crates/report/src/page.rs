//! A report on its way: paragraphs under headings, with hanging indents.

use crate::look::{Ink, Look};
use crate::table::Table;
use crate::text::{self, LongWords};

/// Prose wider than this is hard to read, however wide the terminal is.
const PROSE_WIDTH: usize = 120;
/// Text hangs no further right than this.
const MOST_HANG: usize = 30;

/// Text that grows by paragraphs.
pub(crate) struct Page<'a> {
    pub(crate) look: &'a Look,
    text: String,
    /// An empty line is due before whatever comes next.
    gap: bool,
}

impl<'a> Page<'a> {
    pub(crate) const fn new(look: &'a Look) -> Self {
        Self { look, text: String::new(), gap: false }
    }

    /// One empty line: never two, none at the top and none at the end.
    pub(crate) const fn gap(&mut self) {
        self.gap = true;
    }

    /// A line of its own that begins a section: `title`, then `rest` in plain ink.
    pub(crate) fn section(&mut self, ink: Ink, title: &str, rest: &str) {
        self.gap();
        self.entry(0, ink, title, 0, rest);
    }

    /// A paragraph, indented.
    pub(crate) fn paragraph(&mut self, indent: usize, ink: Ink, text: &str) {
        let columns = self.columns(indent);
        for line in text::wrap(text, columns, LongWords::Keep) {
            let line = self.look.paint(ink, &line);
            self.push_line(indent, &line);
        }
    }

    /// A label and a text beside it that hangs under its own beginning. The text begins `reach`
    /// columns after the label's beginning, or one blank after the label where that is further.
    pub(crate) fn entry(&mut self, indent: usize, ink: Ink, label: &str, reach: usize, text: &str) {
        let begin = reach.max(text::width(label) + usize::from(!label.is_empty()));
        // A label that takes most of the line would squeeze the text: it hangs further left then.
        let hang = if begin > MOST_HANG { 4 } else { begin };
        let mut lines = text::wrap(text, self.columns(indent + hang), LongWords::Keep).into_iter();
        let mut first = self.look.paint(ink, label);
        let fits = |line: &str| begin + text::width(line) <= self.columns(indent);
        if lines.as_slice().first().is_some_and(|line| fits(line)) {
            let beside = lines.next().unwrap_or_default();
            if !beside.is_empty() {
                first.push_str(&" ".repeat(begin - text::width(label)));
                first.push_str(&beside);
            }
        }
        self.push_line(indent, &first);
        for line in lines {
            self.push_line(indent + hang, &line);
        }
    }

    /// Lines that are laid out already.
    pub(crate) fn verbatim(&mut self, text: &str) {
        for line in text.lines() {
            self.push_line(0, line);
        }
    }

    pub(crate) fn table(&mut self, indent: usize, table: Table) {
        for line in table.lines(indent, self.look) {
            self.push_line(0, &line);
        }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    fn columns(&self, indent: usize) -> usize {
        self.look.width.min(PROSE_WIDTH).saturating_sub(indent).max(20)
    }

    fn push_line(&mut self, indent: usize, line: &str) {
        if std::mem::take(&mut self.gap) && !self.text.is_empty() {
            self.text.push('\n');
        }
        if !line.is_empty() {
            self.text.push_str(&" ".repeat(indent));
        }
        self.text.push_str(line);
        self.text.push('\n');
    }
}
