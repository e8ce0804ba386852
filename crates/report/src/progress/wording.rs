//! The words for each event.

use stopover_model::{
    CheckStage, Direction, Finding, LockHolder, Notice, NoticeLevel, Severity, StatementError,
    Version,
};

use crate::look::{Ink, Look};
use crate::{human, text, units};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// An error or a warning.
    Alarm,
    /// A step.
    Step,
    /// A part of a step.
    Part,
}

/// One line (a finding may have several), coloured, without a line feed at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) weight: Weight,
    pub(super) text: String,
}

impl Line {
    const fn new(weight: Weight, text: String) -> Self {
        Self { weight, text }
    }
}

/// Finds the words.
pub(super) struct Wording {
    look: Look,
}

impl Wording {
    pub(super) const fn new(look: Look) -> Self {
        Self { look }
    }

    /// `[ 3/12]`: the place in the plan, as wide for the first as for the last.
    pub(super) fn place(position: usize, of: usize) -> String {
        let width = of.to_string().len();
        format!("[{position:>width$}/{of}]")
    }

    /// `[3/7] 103 add_audit`, as far as it is known.
    pub(super) fn step(&self, place: &str, version: &Version, name: &str) -> String {
        let name = text::tame_line(&format!("{version} {name}"));
        let name = self.look.paint(Ink::Strong, &name);
        if place.is_empty() { name } else { format!("{place} {name}") }
    }

    /// `line 14: CREATE INDEX`.
    pub(super) fn statement(line: usize, tag: &str) -> String {
        format!("line {line}: {}", text::tame_line(tag))
    }

    /// What a migration is busy with between two tries.
    pub(super) fn pause(attempt: u32, of: u32, pause_ms: u64) -> String {
        let pause = units::duration(pause_ms as f64);
        format!("try {attempt} of {of} found a lock; the next in {pause}")
    }

    pub(super) fn phase(&self, doing: &str) -> Line {
        Line::new(Weight::Step, doing.to_owned())
    }

    pub(super) fn fetched(&self, duration_ms: f64, bytes: u64) -> Line {
        let fetched = self.look.paint(Ink::Good, "fetched");
        let (bytes, time) = (units::bytes(bytes), units::duration(duration_ms));
        Line::new(Weight::Step, format!("{fetched} {bytes} in {time}"))
    }

    pub(super) fn checked(&self, stage: CheckStage, passed: bool, errors: usize) -> Line {
        let name = match stage {
            CheckStage::Preflight => "preflight",
            CheckStage::Postflight => "postflight",
        };
        let found = match passed {
            true => self.look.paint(Ink::Good, "passed"),
            false => {
                let errors = text::plural(errors, "error");
                format!("{} ({errors})", self.look.paint(Ink::Bad, "FAILED"))
            }
        };
        Line::new(Weight::Step, format!("{name} {found}"))
    }

    pub(super) fn backed_up(
        &self,
        path: Option<&str>,
        bytes: Option<u64>,
        duration_ms: f64,
    ) -> Line {
        let backed_up = self.look.paint(Ink::Good, "backed up");
        let path = path.map_or_else(|| "by your command".to_owned(), text::tame_line);
        let size = bytes.map_or_else(String::new, |it| format!("{} ", units::bytes(it)));
        let time = units::duration(duration_ms);
        Line::new(Weight::Step, format!("{backed_up} {path} ({size}in {time})"))
    }

    pub(super) fn restored(&self, duration_ms: f64, rows: u64) -> Line {
        let restored = self.look.paint(Ink::Good, "restored");
        let rows = if rows == 1 { "1 row".to_owned() } else { units::count(rows) + " rows" };
        let time = units::duration(duration_ms);
        Line::new(Weight::Step, format!("{restored} {rows} in {time}"))
    }

    pub(super) fn lock_waiting(&self, holder: Option<&str>, limit_ms: u64) -> Line {
        let waiting = self.look.paint(Ink::Doubtful, "waiting");
        let limit = units::duration(limit_ms as f64);
        let holder =
            holder.map_or_else(|| "somebody whom this role cannot see".to_owned(), text::tame_line);
        let text = format!("{waiting} for the run lock, at most {limit}; held by {holder}");
        Line::new(Weight::Step, text)
    }

    pub(super) fn plan_ready(
        &self,
        migrations: usize,
        statements: usize,
        direction: Direction,
    ) -> Line {
        let verb = match direction {
            Direction::Up => "to apply",
            Direction::Down => "to take back",
        };
        let text = if migrations == 0 {
            format!("nothing {verb}")
        } else {
            format!(
                "{} {verb}, {}",
                text::plural(migrations, "migration"),
                text::plural(statements, "statement")
            )
        };
        Line::new(Weight::Step, text)
    }

    pub(super) fn started(&self, step: &str, statements: usize, transactional: bool) -> Line {
        let boundary = if transactional { "one transaction" } else { "no transaction" };
        let statements = text::plural(statements, "statement");
        Line::new(Weight::Part, format!("{step}: {statements}, {boundary}"))
    }

    pub(super) fn statement_finished(
        &self,
        what: &str,
        duration_ms: f64,
        rows: Option<u64>,
    ) -> Line {
        let time = units::duration(duration_ms);
        let rows = match rows {
            None => String::new(),
            Some(1) => ", 1 row".to_owned(),
            Some(rows) => format!(", {} rows", units::count(rows)),
        };
        Line::new(Weight::Part, format!("      {what}, {time}{rows}"))
    }

    pub(super) fn said(&self, step: &str, notice: &Notice) -> Line {
        let ink = match notice.level {
            NoticeLevel::Warning => Ink::Doubtful,
            _ => Ink::Faint,
        };
        let level = self.look.paint(ink, notice.level.name());
        let text = format!("{step} {level}: {}", text::tame_line(&notice.message));
        Line::new(Self::weight_of(notice.level), text)
    }

    pub(super) fn said_more(&self, step: &str, count: u64, level: NoticeLevel) -> Line {
        let count = units::count(count);
        let text = format!("{step}: the server said {count} things more");
        Line::new(Self::weight_of(level), text)
    }

    /// A warning of the server's is one for everybody; the rest is for who asks for parts.
    const fn weight_of(level: NoticeLevel) -> Weight {
        match level {
            NoticeLevel::Warning => Weight::Alarm,
            _ => Weight::Part,
        }
    }

    pub(super) fn finished(&self, step: &str, duration_ms: f64, direction: Direction) -> Line {
        let verb = match direction {
            Direction::Up => "applied",
            Direction::Down => "taken back",
        };
        let verb = self.look.paint(Ink::Good, verb);
        Line::new(Weight::Step, format!("{step} {verb} in {}", units::duration(duration_ms)))
    }

    pub(super) fn failed(&self, step: &str, error: &StatementError) -> Line {
        let failed = self.look.paint(Ink::Bad, "FAILED");
        let code = error.sqlstate.as_ref().map_or_else(String::new, |it| format!(" ({it})"));
        let said =
            format!("{}{code} at {}:{}:{}", error.headline(), error.file, error.line, error.column);
        Line::new(Weight::Alarm, format!("{step} {failed}: {}", text::tame_line(&said)))
    }

    /// `times`: which try failed, of how many, and the pause before the next in milliseconds.
    pub(super) fn retried(
        &self,
        step: &str,
        times: (u32, u32, u64),
        reason: &str,
        holders: &[LockHolder],
    ) -> Line {
        let (attempt, of, pause_ms) = times;
        let rolled_back = self.look.paint(Ink::Doubtful, "rolled back");
        let held: Vec<String> = holders.iter().map(ToString::to_string).collect();
        let held =
            if held.is_empty() { String::new() } else { format!("; held by {}", held.join("; ")) };
        let why = text::tame_line(&format!("{reason}{held}"));
        let pause = units::duration(pause_ms as f64);
        let text = format!("{step} {rolled_back}, try {attempt} of {of}, again in {pause}: {why}");
        Line::new(Weight::Alarm, text)
    }

    pub(super) fn found(&self, finding: &Finding) -> Line {
        let weight = if finding.severity == Severity::Note { Weight::Step } else { Weight::Alarm };
        let text = human::findings(std::slice::from_ref(finding), &self.look);
        Line::new(weight, text.trim_end().to_owned())
    }
}
