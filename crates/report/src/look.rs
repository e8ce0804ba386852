//! How text may look where it goes: width, colour, characters.

use std::env;
use std::io::{IsTerminal, stderr, stdout};

use anstyle::{AnsiColor, Style};

/// Columns of a terminal that does not say its size.
const TERMINAL_WIDTH: usize = 80;
/// Columns where no terminal is: wide enough for logs, narrow enough to read.
const STREAM_WIDTH: usize = 120;
/// Below this nothing can be aligned.
const LEAST_WIDTH: usize = 40;
/// Above this nobody reads.
const MOST_WIDTH: usize = 240;

/// Whether text carries colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// ANSI colours.
    Always,
    /// No escape codes at all.
    Never,
}

/// Which characters the tool itself draws with. What others wrote is shown as they wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// Lines, arrows and the like.
    Unicode,
    /// Nothing beyond ASCII.
    Ascii,
}

/// What the text is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// A terminal: lines can be drawn again.
    Terminal,
    /// A pipe, a file, a log: what is written stays.
    Stream,
}

/// How text may look where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns.
    pub width: usize,
    /// Colours or none.
    pub colour: Colour,
    /// Characters of our own drawings.
    pub charset: Charset,
    /// Terminal or stream.
    pub surface: Surface,
}

impl Look {
    /// Plain text for a stream of `width` columns.
    #[must_use]
    pub const fn plain(width: usize) -> Self {
        Self { width, colour: Colour::Never, charset: Charset::Ascii, surface: Surface::Stream }
    }

    /// The look of standard output, from the process's environment.
    #[must_use]
    pub fn of_stdout() -> Self {
        let size = terminal_size::terminal_size_of(stdout());
        Self::of(stdout().is_terminal(), size)
    }

    /// The look of standard error, from the process's environment.
    #[must_use]
    pub fn of_stderr() -> Self {
        let size = terminal_size::terminal_size_of(stderr());
        Self::of(stderr().is_terminal(), size)
    }

    fn of(is_terminal: bool, size: Option<(terminal_size::Width, terminal_size::Height)>) -> Self {
        let surface = if is_terminal { Surface::Terminal } else { Surface::Stream };
        let width = size.map(|(width, _)| usize::from(width.0));
        Self::detect(surface, width, |name| env::var(name).ok())
    }

    /// Decides from what is known of the surface and from environment variables.
    ///
    /// `COLUMNS` is stronger than the terminal's own width. Colour: `NO_COLOR` (not empty) forbids
    /// it, else `CLICOLOR_FORCE` (neither empty nor 0) demands it, else a terminal has it unless
    /// `CLICOLOR=0` or `TERM=dumb`. Characters beyond ASCII need a terminal and a UTF-8 locale
    /// (`LC_ALL`, `LC_CTYPE`, `LANG`, the first that is set). Sources: no-color.org,
    /// bixense.com/clicolors.
    #[must_use]
    pub fn detect(
        surface: Surface,
        terminal_width: Option<usize>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let default = match surface {
            Surface::Terminal => TERMINAL_WIDTH,
            Surface::Stream => STREAM_WIDTH,
        };
        let width = set("COLUMNS")
            .and_then(|columns| columns.trim().parse().ok())
            .or(terminal_width)
            .filter(|width| *width > 0)
            .unwrap_or(default)
            .clamp(LEAST_WIDTH, MOST_WIDTH);
        let capable = surface == Surface::Terminal
            && set("CLICOLOR").as_deref() != Some("0")
            && set("TERM").as_deref() != Some("dumb");
        let forced = set("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let coloured = set("NO_COLOR").is_none() && (forced || capable);
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        let utf8 = locale.contains("utf-8") || locale.contains("utf8");
        Self {
            width,
            colour: if coloured { Colour::Always } else { Colour::Never },
            charset: if utf8 && surface == Surface::Terminal {
                Charset::Unicode
            } else {
                Charset::Ascii
            },
            surface,
        }
    }

    /// `unicode` where it can be shown, else `ascii`.
    pub(crate) const fn glyph(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        match self.charset {
            Charset::Unicode => unicode,
            Charset::Ascii => ascii,
        }
    }

    /// `text` in the colours of `ink`, where colours are allowed.
    pub(crate) fn paint(&self, ink: Ink, text: &str) -> String {
        if self.colour == Colour::Never || ink == Ink::Plain || text.is_empty() {
            return text.to_owned();
        }
        let style = ink.style();
        format!("{style}{text}{style:#}")
    }
}

/// What a piece of text is, as far as its colour goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Running text.
    Plain,
    /// Headings and what identifies: names, versions.
    Strong,
    /// What went wrong.
    Bad,
    /// What deserves a look.
    Doubtful,
    /// What went well.
    Good,
    /// What to do, notes.
    Advice,
    /// What may be skipped.
    Faint,
}

impl Ink {
    pub(crate) const fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Doubtful => AnsiColor::Yellow.on_default().bold(),
            Self::Good => AnsiColor::Green.on_default().bold(),
            Self::Advice => AnsiColor::Cyan.on_default(),
            Self::Faint => Style::new().dimmed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(surface: Surface, width: Option<usize>, variables: &[(&str, &str)]) -> Look {
        Look::detect(surface, width, |name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_pipe_gets_plain_ascii_even_in_a_utf8_locale() {
        let pipe = look(Surface::Stream, None, &[("LANG", "de_DE.UTF-8")]);
        assert_eq!(pipe, Look::plain(120));
    }

    #[test]
    fn a_terminal_gets_colour_and_lines_when_its_locale_can() {
        let rich = look(Surface::Terminal, Some(97), &[("LANG", "C.UTF-8")]);
        assert_eq!((rich.width, rich.colour, rich.charset), (97, Colour::Always, Charset::Unicode));
        let poor = look(Surface::Terminal, Some(97), &[("LANG", "C.UTF-8"), ("LC_ALL", "C")]);
        assert_eq!(poor.charset, Charset::Ascii);
    }

    #[test]
    fn no_color_is_stronger_than_force_and_force_stronger_than_a_pipe() {
        let force = ("CLICOLOR_FORCE", "1");
        assert_eq!(look(Surface::Stream, None, &[force]).colour, Colour::Always);
        assert_eq!(
            look(Surface::Terminal, None, &[force, ("NO_COLOR", "1")]).colour,
            Colour::Never
        );
        assert_eq!(look(Surface::Terminal, None, &[("NO_COLOR", "")]).colour, Colour::Always);
        assert_eq!(look(Surface::Stream, None, &[("CLICOLOR_FORCE", "0")]).colour, Colour::Never);
        for (name, value) in [("TERM", "dumb"), ("CLICOLOR", "0")] {
            assert_eq!(look(Surface::Terminal, None, &[(name, value)]).colour, Colour::Never);
        }
    }

    #[test]
    fn columns_wins_and_nonsense_is_ignored() {
        assert_eq!(look(Surface::Terminal, Some(100), &[("COLUMNS", "132")]).width, 132);
        assert_eq!(look(Surface::Terminal, Some(100), &[("COLUMNS", "wide")]).width, 100);
        assert_eq!(look(Surface::Terminal, Some(0), &[]).width, 80);
        assert_eq!(look(Surface::Terminal, Some(3), &[]).width, 40);
    }
}
