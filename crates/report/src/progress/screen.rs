//! A terminal: lines that stay, and a gauge below them that is drawn again and again.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};

use crate::look::Look;
use crate::text;

use super::story::Activity;
use super::{Pen, gauge, locked, write_lines};

/// How often the gauge is drawn.
const TICK: Duration = Duration::from_millis(100);

/// Gives the terminal's width of this moment.
type Columns = Arc<dyn Fn() -> usize + Send + Sync>;

/// Draws on a terminal.
pub(super) struct Screen {
    pen: Pen,
    look: Look,
    columns: Columns,
    /// What the drawing thread shows. Never held while the bar is told anything.
    shown: Arc<Mutex<Activity>>,
    /// There while something takes long.
    bar: Option<ProgressBar>,
}

impl Screen {
    pub(super) fn new(pen: Pen, look: Look, columns: Columns) -> Self {
        Self { pen, look, columns, shown: Arc::new(Mutex::new(Activity::Idle)), bar: None }
    }

    /// Writes `lines` and shows `activity` below them.
    pub(super) fn show(&mut self, lines: &[String], activity: Activity) {
        let idle = matches!(activity, Activity::Idle);
        *locked(&self.shown) = activity;
        if idle {
            self.clear();
        }
        let columns = (self.columns)();
        let lines =
            lines.iter().flat_map(|it| it.lines()).flat_map(|it| text::fold(it, columns, 4));
        let lines: Vec<String> = lines.collect();
        match &self.bar {
            _ if lines.is_empty() => {}
            Some(bar) => bar.suspend(|| write_lines(&self.pen, &lines)),
            None => write_lines(&self.pen, &lines),
        }
        if !idle && self.bar.is_none() {
            self.bar = Some(self.start());
        }
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn start(&self) -> ProgressBar {
        let terminal = Terminal { pen: Arc::clone(&self.pen), columns: Arc::clone(&self.columns) };
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(terminal), 20);
        let bar = ProgressBar::with_draw_target(None, target);
        let (shown, look) = (Arc::clone(&self.shown), self.look);
        let columns = Arc::clone(&self.columns);
        let draw = move |_: &ProgressState, out: &mut dyn fmt::Write| {
            let columns = columns().min(look.width);
            let lines = gauge::lines(&locked(&shown), &look, columns, Instant::now());
            let _ = out.write_str(&lines.join("\n"));
        };
        if let Ok(style) = ProgressStyle::with_template("{gauge}") {
            bar.set_style(style.with_key("gauge", draw));
        }
        bar.enable_steady_tick(TICK);
        bar
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The writer as a terminal, by the escape codes that all of them know (ECMA-48).
struct Terminal {
    pen: Pen,
    columns: Columns,
}

impl Terminal {
    fn put(&self, text: &str) -> io::Result<()> {
        locked(&self.pen).write_all(text.as_bytes())
    }

    /// Moves the cursor by `n`; 0 would be taken for 1.
    fn step(&self, n: usize, direction: char) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.put(&format!("\u{1b}[{n}{direction}")) }
    }
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Terminal")
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        u16::try_from((self.columns)()).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.step(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.step(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.step(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.step(n, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.put(&format!("{text}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.put(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.put("\r\u{1b}[2K")
    }

    fn flush(&self) -> io::Result<()> {
        locked(&self.pen).flush()
    }
}
