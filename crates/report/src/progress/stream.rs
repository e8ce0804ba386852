//! A pipe, a file, a log: plain lines, and a sign of life while one thing takes long.

use std::mem;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::units;

use super::story::Activity;
use super::{Pen, Verbosity, gauge, locked, write_lines};

/// A restore says how far it is this often.
const RESTORING: Duration = Duration::from_secs(10);
/// The first sign of life of anything else comes after this time, …
const FIRST: Duration = Duration::from_secs(10);
/// … and the further ones as far apart as this.
const FURTHER: Duration = Duration::from_secs(30);
/// How often the thread looks whether a sign of life is due.
const LOOK: Duration = Duration::from_secs(1);

/// Writes lines that stay.
pub(super) struct Stream {
    pen: Pen,
    pulse: Arc<Mutex<Pulse>>,
    watch: Watch,
}

/// When something was last said, and of what a sign of life would speak.
struct Pulse {
    activity: Activity,
    last: Instant,
    /// Signs of life since the last line.
    signs: usize,
}

/// Who gives signs of life between events.
enum Watch {
    /// Nobody: none are wanted, or no thread was to be had. Nothing else is lost.
    Nobody,
    /// A thread, as soon as something begins: a run that finds nothing to do needs none.
    NotYet,
    Thread {
        /// Dropping it ends the thread.
        stop: Sender<()>,
        thread: JoinHandle<()>,
    },
}

impl Stream {
    pub(super) fn new(pen: Pen, verbosity: Verbosity) -> Self {
        let pulse = Pulse { activity: Activity::Idle, last: Instant::now(), signs: 0 };
        let watch = if verbosity == Verbosity::Quiet { Watch::Nobody } else { Watch::NotYet };
        Self { pen, pulse: Arc::new(Mutex::new(pulse)), watch }
    }

    /// Writes `lines`; remembers `activity` for signs of life.
    pub(super) fn show(&mut self, lines: &[String], activity: Activity, now: Instant) {
        if matches!(self.watch, Watch::NotYet) && !matches!(activity, Activity::Idle) {
            self.watch = self.begin_to_watch();
        }
        let mut pulse = locked(&self.pulse);
        let begins = matches!(pulse.activity, Activity::Idle);
        pulse.activity = activity;
        if !lines.is_empty() || begins {
            pulse.last = now;
            pulse.signs = 0;
        }
        write_lines(&self.pen, lines);
        drop(pulse);
        if matches!(self.watch, Watch::Thread { .. }) {
            beat(&self.pen, &self.pulse, now);
        }
    }

    fn begin_to_watch(&self) -> Watch {
        let (stop, stopped) = mpsc::channel();
        let (pen, pulse) = (Arc::clone(&self.pen), Arc::clone(&self.pulse));
        let watch = move || {
            while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                beat(&pen, &pulse, Instant::now());
            }
        };
        match thread::Builder::new().name("progress".to_owned()).spawn(watch) {
            Ok(thread) => Watch::Thread { stop, thread },
            Err(_) => Watch::Nobody,
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Watch::Thread { stop, thread } = mem::replace(&mut self.watch, Watch::Nobody) {
            drop(stop);
            let _ = thread.join();
        }
    }
}

/// Gives a sign of life where one is due.
fn beat(pen: &Pen, pulse: &Mutex<Pulse>, now: Instant) {
    let mut pulse = locked(pulse);
    let silence = now.saturating_duration_since(pulse.last);
    let (due, line) = match &pulse.activity {
        Activity::Idle => return,
        Activity::Restoring(it) => (RESTORING, gauge::restoring_in_words(it, now)),
        _ if silence < FIRST => return,
        activity => {
            let due = if pulse.signs == 0 { FIRST } else { FURTHER };
            (due, still(activity, now))
        }
    };
    if silence >= due {
        pulse.last = now;
        pulse.signs += 1;
        write_lines(pen, &[line]);
    }
}

/// What it is busy with, and for how long.
fn still(activity: &Activity, now: Instant) -> String {
    let for_time = |since: Instant| {
        let ms = now.saturating_duration_since(since).as_secs_f64() * 1_000.0;
        units::duration(ms)
    };
    match activity {
        Activity::Idle => String::new(),
        Activity::Busy { doing, since } => format!("still {doing}, {}", for_time(*since)),
        Activity::Restoring(it) => gauge::restoring_in_words(it, now),
        Activity::Migrating(it) => match &it.step {
            Some((title, doing)) if doing.text.is_empty() => format!("still at {title}"),
            Some((title, doing)) => {
                format!("still at {title}: {}, {}", doing.text, for_time(doing.since))
            }
            None => format!("still migrating, {}", for_time(it.since)),
        },
    }
}
