//! When a trial strikes, and how: values, chosen by dice, that a person can read.

use std::fmt;
use std::time::Duration;

use crate::dice::Dice;

/// What is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The tool: SIGKILL, now and then a signal that it hears.
    Tool,
    /// The server: SIGKILL of it or of the session's process, or its immediate shutdown.
    Server,
    /// The connection, cut by a proxy.
    Network,
    /// The tool, as with [`Kind::Tool`], at work on an SQLite file.
    File,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Tool, Self::Server, Self::Network, Self::File];

    /// As the command line has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Server => "server",
            Self::Network => "network",
            Self::File => "file",
        }
    }
}

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// So long after the start.
    After(Duration),
    /// So long after the tool printed so many lines.
    Line { number: usize, pause: Duration },
    /// At a message from the tool to the server.
    Message { number: usize, of: Messages, phase: Phase },
}

/// Which messages are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Messages {
    Any,
    Commits,
}

/// How far a message gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not at all.
    Before,
    /// Half of its bytes.
    Half,
    /// All of it; so long later it happens, and no answer gets through meanwhile.
    Sent(Duration),
    /// All of it, and the server has begun to answer; nothing of the answer gets through.
    Answered,
}

/// What is done then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blow {
    KillTool,
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    KillServer,
    KillBackend,
    ShutServerDown,
    Cut,
    /// With a reset instead of an end.
    Reset,
}

/// When and what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Strike {
    pub(crate) moment: Moment,
    pub(crate) blow: Blow,
}

impl Strike {
    /// By chance; `statements` says how long the source is.
    pub(crate) fn by_chance(kind: Kind, statements: usize, dice: &mut Dice) -> Self {
        let blow = match kind {
            Kind::Tool | Kind::File if dice.chance(75) => Blow::KillTool,
            Kind::Tool | Kind::File => dice.pick(&[Blow::Interrupt, Blow::Terminate]),
            Kind::Server => dice.pick(&[Blow::KillServer, Blow::KillBackend, Blow::ShutServerDown]),
            Kind::Network => dice.pick(&[Blow::Cut, Blow::Reset]),
        };
        let moment = match kind {
            Kind::File => moment_of_file(statements, dice),
            Kind::Tool | Kind::Server | Kind::Network => moment(statements, dice),
        };
        Self { moment, blow }
    }
}

/// 1 to `most`, rather early than late: what is past the end of a run strikes nothing.
fn early(most: usize, dice: &mut Dice) -> usize {
    let (one, other) = (dice.between(1, most.max(1)), dice.between(1, most.max(1)));
    one.min(other)
}

/// A file's statements are faster than a server's, and there are no messages.
fn moment_of_file(statements: usize, dice: &mut Dice) -> Moment {
    if dice.chance(40) {
        return Moment::After(Duration::from_micros(early(3_000 * statements, dice) as u64));
    }
    let pause = Duration::from_micros(dice.below(3_000) as u64);
    Moment::Line { number: early(statements + statements / 4, dice), pause }
}

fn moment(statements: usize, dice: &mut Dice) -> Moment {
    let micros = |dice: &mut Dice, most| Duration::from_micros(dice.below(most) as u64);
    match dice.below(100) {
        0..25 => Moment::After(Duration::from_micros(early(14_000 * statements, dice) as u64)),
        25..45 => Moment::Line { number: early(statements * 2, dice), pause: micros(dice, 6_000) },
        at => {
            let phase = match dice.below(100) {
                0..15 => Phase::Before,
                15..30 => Phase::Half,
                30..75 => Phase::Sent(micros(dice, 8_000)),
                _ => Phase::Answered,
            };
            // Messages are a few times as many as statements: journal, limits, BEGIN, COMMIT.
            let (of, most) = if at < 70 {
                (Messages::Any, statements * 4)
            } else {
                (Messages::Commits, statements)
            };
            Moment::Message { number: early(most, dice), of, phase }
        }
    }
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blow = match self.blow {
            Blow::KillTool => "kill -9 of the tool",
            Blow::Interrupt => "SIGINT to the tool",
            Blow::Terminate => "SIGTERM to the tool",
            Blow::KillServer => "kill -9 of the postmaster",
            Blow::KillBackend => "kill -9 of the session's process",
            Blow::ShutServerDown => "immediate shutdown of the server",
            Blow::Cut => "connection closed",
            Blow::Reset => "connection reset",
        };
        write!(f, "{blow} {}", self.moment)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(time) => write!(f, "{time:?} after the start"),
            Self::Line { number, pause } => write!(f, "{pause:?} after line {number} of the tool"),
            Self::Message { number, of, phase } => {
                let of = match of {
                    Messages::Any => "message",
                    Messages::Commits => "COMMIT",
                };
                match phase {
                    Phase::Before => write!(f, "before {of} {number} is sent"),
                    Phase::Half => write!(f, "when half of {of} {number} is sent"),
                    Phase::Sent(pause) => write!(f, "{pause:?} after {of} {number} is sent"),
                    Phase::Answered => write!(f, "when {of} {number} is answered"),
                }
            }
        }
    }
}
