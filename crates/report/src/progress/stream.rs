//! A pipe, a file, a log: plain lines, and a sign of life while one thing takes long.

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
    /// Dropping it ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// When something was last said, and of what a sign of life would speak.
struct Pulse {
    activity: Activity,
    last: Instant,
    /// Signs of life since the last line.
    signs: usize,
}

impl Stream {
    pub(super) fn new(pen: Pen, verbosity: Verbosity) -> Self {
        let pulse = Pulse { activity: Activity::Idle, last: Instant::now(), signs: 0 };
        let pulse = Arc::new(Mutex::new(pulse));
        let (stop, stopped) = mpsc::channel();
        let (pen_there, pulse_there) = (Arc::clone(&pen), Arc::clone(&pulse));
        let watch = move || {
            while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                beat(&pen_there, &pulse_there, Instant::now());
            }
        };
        // Without the thread there are no signs of life between events: nothing else is lost.
        let thread = (verbosity != Verbosity::Quiet)
            .then(|| thread::Builder::new().name("progress".to_owned()).spawn(watch).ok())
            .flatten();
        Self { pen, pulse, stop: Some(stop), thread }
    }

    /// Writes `lines`; remembers `activity` for signs of life.
    pub(super) fn show(&mut self, lines: &[String], activity: Activity, now: Instant) {
        let mut pulse = locked(&self.pulse);
        let begins = matches!(pulse.activity, Activity::Idle);
        pulse.activity = activity;
        if !lines.is_empty() || begins {
            pulse.last = now;
            pulse.signs = 0;
        }
        write_lines(&self.pen, lines);
        drop(pulse);
        if self.thread.is_some() {
            beat(&self.pen, &self.pulse, now);
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
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
