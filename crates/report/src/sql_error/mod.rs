//! The error of one statement, shown the way a compiler shows one.

mod advice;
mod conditions;

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use stopover_model::{Excerpt, Plan, StatementError};

use crate::look::{Charset, Colour, Ink, Look};
use crate::text::{self, LongWords};

pub(crate) use advice::next_step;
pub use conditions::condition_name;

/// Gives the text of a migration's file, to show an error in its place.
pub trait SourceText {
    /// The whole text of `file`, as a [`StatementError`] names it; `None` where it is not at hand.
    fn text(&self, file: &str) -> Option<&str>;
}

/// No file's text is at hand.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSource;

impl SourceText for NoSource {
    fn text(&self, _: &str) -> Option<&str> {
        None
    }
}

impl SourceText for Plan {
    fn text(&self, file: &str) -> Option<&str> {
        self.steps.iter().find(|step| step.path == file).map(|step| step.text.as_str())
    }
}

/// One statement's error: what the server said, the line in the file with a marker (from `source`,
/// the file's whole text, else from the lines that the error brings), SQLSTATE, detail, hint, and
/// what to do next.
#[must_use]
pub fn sql_error(error: &StatementError, source: Option<&str>, look: &Look) -> String {
    let excerpt = source.and_then(|source| Excerpt::cut(source, error.line, error.column));
    let excerpt = excerpt.as_ref().or(error.excerpt.as_ref());
    let gutter = excerpt.map_or(1, |it| it.last_line().to_string().len());
    let message = text::tame(&error.headline());
    let message = text::wrap(&message, columns(look, "error: ".len()), LongWords::Keep).join("\n");
    let notes = notes(error, gutter, look);
    let file = text::tame_line(&error.file);
    let mut group = Group::with_title(Level::ERROR.primary_title(message));
    if let Some(excerpt) = excerpt {
        let snippet = Snippet::source(excerpt.lines.join("\n"))
            .line_start(excerpt.first_line.min(LAST_LINE))
            .fold(false)
            .annotation(AnnotationKind::Primary.span(marked(excerpt)));
        let is_as_in_file = (excerpt.line, excerpt.column) == (error.line, error.column);
        group = if is_as_in_file {
            group.element(snippet.path(file))
        } else {
            group.element(origin(file, error)).element(snippet)
        };
    } else {
        group = group.element(origin(file, error));
    }
    for (name, note) in notes {
        let level = if name == NEXT { Level::HELP } else { Level::NOTE };
        group = group.element(level.with_name(name).message(note));
    }
    let mut text = renderer(look).render(&[group]);
    text.push('\n');
    text
}

/// No file has more lines; a report that was read from a file may say anything.
const LAST_LINE: usize = u32::MAX as usize;

/// How the last note, what to do next, is called.
const NEXT: &str = "next";

/// The bytes of the excerpt's text (its lines with a line feed between) that are marked.
fn marked(excerpt: &Excerpt) -> Range<usize> {
    let at = excerpt.line.saturating_sub(excerpt.first_line);
    let before: usize = excerpt.lines.iter().take(at).map(|it| it.len() + 1).sum();
    let line = excerpt.lines.get(at).map_or("", String::as_str);
    let bytes = |text: &str, characters| text.chars().take(characters).map(char::len_utf8).sum();
    let start: usize = bytes(line, excerpt.column.saturating_sub(1));
    let length: usize = bytes(&line[start..], excerpt.width);
    let text: usize = excerpt.lines.iter().map(|it| it.len() + 1).sum();
    let start = (before + start).min(text.saturating_sub(1));
    start..start + length
}

fn origin(file: String, error: &StatementError) -> Origin<'static> {
    Origin::path(file).line(error.line).char_column(error.column)
}

/// SQLSTATE, detail, hint and the next step, each with its name, wrapped.
fn notes(error: &StatementError, gutter: usize, look: &Look) -> Vec<(&'static str, String)> {
    let mut notes = Vec::new();
    if let Some(code) = &error.sqlstate {
        let name = condition_name(code).map_or_else(String::new, |name| format!(" ({name})"));
        notes.push(("SQLSTATE", text::tame_line(code) + &name));
    }
    let others = [("detail", &error.detail), ("hint", &error.hint)];
    for (name, text) in others {
        notes.extend(text.as_ref().map(|text| (name, text::tame(text))));
    }
    notes.push((NEXT, next_step(error)));
    for (name, note) in &mut notes {
        // "  = name: " stands before it.
        let before = gutter + " = ".len() + name.len() + ": ".len();
        *note = text::wrap(note, columns(look, before), LongWords::Keep).join("\n");
    }
    notes
}

fn columns(look: &Look, before: usize) -> usize {
    look.width.min(120).saturating_sub(before).max(20)
}

fn renderer(look: &Look) -> Renderer {
    let renderer = match look.colour {
        Colour::Always => Renderer::styled()
            .error(Ink::Bad.style())
            .note(Ink::Strong.style())
            .help(Ink::Advice.style())
            .line_num(Ink::Faint.style())
            .context(Ink::Faint.style()),
        Colour::Never => Renderer::plain(),
    };
    let decor = match look.charset {
        Charset::Unicode => DecorStyle::Unicode,
        Charset::Ascii => DecorStyle::Ascii,
    };
    renderer.decor_style(decor).term_width(look.width)
}

#[cfg(test)]
mod tests;
