//! What happens while the engine works, told to a person: usually on standard error, so that
//! standard output keeps the report.
//!
//! On a terminal there is one line for each step, and below them a gauge that is drawn again and
//! again; elsewhere plain lines only, and a sign of life when one thing takes long. Events may
//! come twice or be lost on their way: what is drawn is only ever a picture, and no event that
//! brings a line is kept back because another one is missing.

mod gauge;
mod screen;
mod story;
mod stream;
mod wording;

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use stopover_model::{Event, EventSink};

use crate::look::{Look, Surface};

use screen::Screen;
use story::Story;
use stream::Stream;

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors and warnings (`-q`).
    Quiet,
    /// One line for each step.
    Normal,
    /// One line for each statement too (`-v`).
    Verbose,
}

/// An [`EventSink`] for people.
///
/// What cannot be written is dropped: the work goes on without a reader. Dropping the value
/// removes the gauge.
pub struct Progress {
    story: Story,
    verbosity: Verbosity,
    outlet: Outlet,
}

enum Outlet {
    Screen(Screen),
    Stream(Stream),
}

/// The writer, shared with the thread that draws.
type Pen = Arc<Mutex<dyn Write + Send>>;

impl Progress {
    /// Tells on `writer`. Where `look` says that it is a terminal, its width must be the
    /// terminal's own; [`Progress::on_stderr`] sees to that.
    pub fn new(writer: impl Write + Send + 'static, look: Look, verbosity: Verbosity) -> Self {
        Self::with_columns(writer, look, verbosity, move || look.width)
    }

    /// Tells on standard error.
    #[must_use]
    pub fn on_stderr(look: Look, verbosity: Verbosity) -> Self {
        let columns = move || {
            terminal_size::terminal_size_of(io::stderr())
                .map_or(look.width, |(width, _)| usize::from(width.0))
        };
        Self::with_columns(io::stderr(), look, verbosity, columns)
    }

    fn with_columns(
        writer: impl Write + Send + 'static,
        look: Look,
        verbosity: Verbosity,
        columns: impl Fn() -> usize + Send + Sync + 'static,
    ) -> Self {
        let pen: Pen = Arc::new(Mutex::new(writer));
        let outlet = match look.surface {
            Surface::Terminal if verbosity != Verbosity::Quiet => {
                Outlet::Screen(Screen::new(pen, look, Arc::new(columns)))
            }
            Surface::Terminal | Surface::Stream => Outlet::Stream(Stream::new(pen, verbosity)),
        };
        Self { story: Story::new(look), verbosity, outlet }
    }

    /// Takes an event that happened at `now`.
    fn hear(&mut self, event: &Event, now: Instant) {
        let lines = self.story.hear(event, now);
        let told = lines.into_iter().filter(|line| line.weight.is_told(self.verbosity));
        let told: Vec<String> = told.map(|line| line.text).collect();
        let activity = self.story.activity();
        match &mut self.outlet {
            Outlet::Screen(screen) => screen.show(&told, activity),
            Outlet::Stream(stream) => stream.show(&told, activity, now),
        }
    }
}

impl EventSink for Progress {
    fn emit(&mut self, event: Event) {
        self.hear(&event, Instant::now());
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("verbosity", &self.verbosity).finish_non_exhaustive()
    }
}

/// A lock whose holder panicked guards text that may be drawn all the same.
fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes whole lines; nobody is told when nobody reads.
fn write_lines(pen: &Pen, lines: &[String]) {
    let mut pen = locked(pen);
    for line in lines {
        let _ = writeln!(pen, "{line}");
    }
    let _ = pen.flush();
}

#[cfg(test)]
mod tests;
