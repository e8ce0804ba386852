//! What follows for a non-transactional migration that was interrupted: a pure function of the
//! step as it is now, the journal, and what the catalog says of the one statement in doubt.

use stopover_model::{
    AfterCleanup, Boundary, Checksum, Facts, Interrupted, JournalEntry, Migration,
    PlannedStatement, Recovery, Resume, SessionUse, StatementState, StatementWay, Step,
};

use crate::script;

/// The step of a migration that was interrupted, where it is one that can be resumed.
#[must_use]
pub fn interrupted_step(migration: &Migration, facts: &Facts) -> Option<Step> {
    let step = script::plan(migration, facts, false).step?;
    matches!(step.boundary, Boundary::NonTransactional(_)).then_some(step)
}

/// How far the journal says that the step came.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Progress {
    /// Nothing of it has run, or everything before this index, and nothing is in doubt.
    Clear(usize),
    /// Everything before this index has run; of this one nobody knows.
    InDoubt { at: usize, refused: bool, same_text: bool },
    /// The journal and the file do not fit.
    Unclear(String),
}

/// The statement that only the catalog can tell of, if there is one.
#[must_use]
pub fn question<'a>(step: &'a Step, interrupted: &Interrupted) -> Option<&'a PlannedStatement> {
    let Progress::InDoubt { at, same_text, refused } = progress(step, interrupted) else {
        return None;
    };
    let position = step.statements.iter().position(|it| it.index == at)?;
    let statement = &step.statements[position];
    let alone = step.ways().get(position) == Some(&StatementWay::Alone);
    let open = alone && !begins(statement) && !statement.is_session_setting();
    (open && (same_text || refused)).then_some(statement)
}

/// What follows. `state` is the catalog's answer to [`question`].
#[must_use]
pub fn verdict(step: &Step, interrupted: &Interrupted, state: Option<StatementState>) -> Recovery {
    let of = step.statements.len();
    let at = match progress(step, interrupted) {
        Progress::Unclear(saw) => return undecided(step, saw),
        Progress::Clear(from) => {
            let told = format!("{} of {of} statements are done", done_before(step, from));
            return resumes(step, from, Vec::new(), told);
        }
        Progress::InDoubt { at, refused: false, same_text: false } => {
            let saw =
                format!("it was stopped in statement {at}, whose text has been changed since");
            return undecided(step, saw);
        }
        Progress::InDoubt { at, .. } => at,
    };
    match step.statements.iter().position(|it| it.index == at) {
        Some(position) => in_doubt(step, position, state),
        None => undecided(step, format!("the file has no statement {at} any more")),
    }
}

/// The verdict where the statement at `position` may have run.
fn in_doubt(step: &Step, position: usize, state: Option<StatementState>) -> Recovery {
    let (statement, of) = (&step.statements[position], step.statements.len());
    let at = statement.index;
    let resumes = |from, told| resumes(step, from, Vec::new(), told);
    if begins(statement) || statement.is_session_setting() {
        return resumes(at, format!("it goes on at statement {at} of {of}"));
    }
    match (step.ways().get(position), state) {
        (Some(StatementWay::Atomic | StatementWay::InScript), _) => {
            resumes(at, format!("statement {at} of {of} was rolled back"))
        }
        (Some(StatementWay::EndOfScript), _) if statement.chains() => {
            let saw =
                format!("statement {at} ended a transaction and began another one, which is gone");
            undecided(step, saw)
        }
        // Its journal line is part of the script's own transaction: it is there, so that ended.
        (Some(StatementWay::EndOfScript), _) => {
            resumes(after(step, position), format!("statement {at} of {of} is done"))
        }
        (_, Some(state)) => as_seen(step, position, state),
        (_, None) => undecided(step, format!("nobody can tell whether statement {at} ran")),
    }
}

/// The verdict where the catalog shows what became of the statement at `position`.
fn as_seen(step: &Step, position: usize, state: StatementState) -> Recovery {
    let (at, of) = (step.statements[position].index, step.statements.len());
    let next = after(step, position);
    let (from, cleanup, told) = match state {
        StatementState::Done(saw) => {
            (next, Vec::new(), format!("statement {at} of {of} is done: {saw}"))
        }
        StatementState::Absent(saw) => {
            (at, Vec::new(), format!("statement {at} of {of} is to be run again: {saw}"))
        }
        StatementState::HalfDone { saw, cleanup, then } => {
            let told = format!("statement {at} of {of} is half done, and settled first: {saw}");
            let from = match then {
                AfterCleanup::RunAgain => at,
                AfterCleanup::Done => next,
            };
            (from, cleanup, told)
        }
        StatementState::Unknown(saw) => return undecided(step, saw),
    };
    resumes(step, from, cleanup, told)
}

fn undecided(step: &Step, saw: String) -> Recovery {
    Recovery::Undecided(step.version.clone(), saw)
}

/// It goes on at a statement, unless that may need what is gone with the session.
fn resumes(step: &Step, from: usize, cleanup: Vec<String>, told: String) -> Recovery {
    match lost(step, from) {
        Some(lost) => undecided(step, lost),
        None => Recovery::Resumes(step.version.clone(), Resume { from, cleanup, told }),
    }
}

/// What the statements from `from` on may need, and went with the session that made it.
fn lost(step: &Step, from: usize) -> Option<String> {
    let goes_on = step.statements.iter().any(|it| it.index >= from);
    let mut earlier = step.statements.iter().filter(|it| goes_on && it.index < from);
    earlier.find_map(|it| match it.session {
        SessionUse::Object(what) => Some(format!(
            "statement {} made {what}, which ended with its session: what comes after it may need \
             that",
            it.index
        )),
        SessionUse::Nothing | SessionUse::Setting => None,
    })
}

/// Whether a transaction of the script's own begins here: until its COMMIT nothing of it stays.
fn begins(statement: &PlannedStatement) -> bool {
    matches!(statement.tag.as_str(), "BEGIN" | "START TRANSACTION")
}

const TAKING_BACK: &str = "its down script was begun, and is not known to have finished";

fn progress(step: &Step, interrupted: &Interrupted) -> Progress {
    if interrupted.entries.is_empty() {
        return Progress::Unclear("there is no journal of how far it came".to_owned());
    }
    let mut done: Vec<usize> = Vec::new();
    let mut doubt: Option<(usize, Option<&Checksum>, bool)> = None;
    for entry in &interrupted.entries {
        match entry {
            JournalEntry::Begun => {}
            JournalEntry::Started { statement, checksum } => {
                doubt = Some((*statement, checksum.as_ref(), false));
            }
            JournalEntry::Finished { statement, checksum } => {
                if text_of(step, *statement) != checksum.as_ref().map(ToString::to_string) {
                    return Progress::Unclear(format!(
                        "statement {statement} ran, and the file says something else there now"
                    ));
                }
                done.push(*statement);
                doubt = None;
            }
            JournalEntry::TakingBack => return Progress::Unclear(TAKING_BACK.to_owned()),
            JournalEntry::Failed { statement, refused } => {
                if let Some((at, checksum, _)) = doubt
                    && statement.is_none_or(|it| it == at)
                {
                    doubt = Some((at, checksum, *refused));
                }
            }
        }
    }
    match doubt {
        Some((at, checksum, refused)) => {
            let same_text = text_of(step, at) == checksum.map(ToString::to_string);
            Progress::InDoubt { at, refused, same_text }
        }
        None => Progress::Clear(after_the_last(step, &done)),
    }
}

/// The checksum of the statement with this index, as the file has it now.
fn text_of(step: &Step, index: usize) -> Option<String> {
    let statement = step.statements.iter().find(|it| it.index == index)?;
    Some(statement.checksum().to_string())
}

/// The statement after the last one that is done. Those before it are done as well: lines of a
/// script's own transaction that was rolled back are gone, and their statements must not run again.
fn after_the_last(step: &Step, done: &[usize]) -> usize {
    let last = done.iter().max().copied().unwrap_or(0);
    let mut indexes = step.statements.iter().map(|it| it.index);
    indexes.find(|&index| index > last).unwrap_or_else(|| past_the_end(step))
}

fn after(step: &Step, position: usize) -> usize {
    step.statements.get(position + 1).map_or_else(|| past_the_end(step), |it| it.index)
}

fn past_the_end(step: &Step) -> usize {
    step.statements.last().map_or(1, |it| it.index + 1)
}

fn done_before(step: &Step, from: usize) -> usize {
    step.statements.iter().filter(|it| it.index < from).count()
}
