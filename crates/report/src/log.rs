//! `logs/migrations.jsonl`: one line for each event of an apply, a rollback or a repair.
//!
//! A line is a JSON object with `timestamp`, `level`, `event`, `message` and the event's fields.
//! Passwords are hidden in every text of it. Where the lines go is the caller's business.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use stopover_model::{
    CheckStage, Direction, Event, Finding, Notice, NoticeLevel, Severity, StatementError,
    redact_urls,
};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// What is only of use where something has gone wrong.
    Debug,
    /// What happens.
    Info,
    /// What somebody should look at.
    Warn,
    /// What kept the work from its end.
    Error,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One line, without its newline. `fields` is an object.
#[must_use]
pub fn line(at: Timestamp, level: Level, event: &str, message: &str, fields: Value) -> String {
    let mut object = Map::new();
    object.insert("timestamp".to_owned(), at.to_string().into());
    object.insert("level".to_owned(), level.name().into());
    object.insert("event".to_owned(), event.into());
    object.insert("message".to_owned(), message.into());
    if let Value::Object(fields) = fields {
        object.extend(fields);
    }
    let mut line = Value::Object(object);
    redact(&mut line);
    line.to_string()
}

/// The line of an event; `None` for one that only says how far something is.
#[must_use]
pub fn event_line(at: Timestamp, event: &Event) -> Option<String> {
    let (level, name, message, fields) = told(event)?;
    Some(line(at, level, name, &message, fields))
}

type Told = (Level, &'static str, String, Value);

/// Every event that is told, in one place.
fn told(event: &Event) -> Option<Told> {
    use Level::{Debug, Info, Warn};
    Some(match event {
        Event::LockWaiting { holder, limit_ms } => {
            let holder = holder.as_ref().map(ToString::to_string);
            let fields = json!({"holder": holder, "limit_ms": limit_ms});
            (Warn, "lock_waiting", "waiting for the run lock".to_owned(), fields)
        }
        Event::Checked { stage, passed, errors } => checked(*stage, *passed, errors),
        Event::BackupStarted(what) => {
            (Info, "backup_started", format!("backing up {what}"), Value::Null)
        }
        Event::BackupFinished { path, bytes, duration_ms } => {
            let fields = json!({"path": path, "bytes": bytes, "duration_ms": duration_ms});
            (Info, "backup_finished", "the backup is whole".to_owned(), fields)
        }
        Event::PlanReady { migrations, statements, direction } => {
            let fields = json!({
                "migrations": migrations, "statements": statements, "direction": way(*direction),
            });
            (Info, "plan_ready", format!("{migrations} migrations to run"), fields)
        }
        Event::MigrationStarted { version, name, position, of, statements, transactional } => {
            let fields = json!({
                "version": version, "name": name, "position": position, "of": of,
                "statements": statements, "transactional": transactional,
            });
            (Info, "migration_started", format!("migration {version} {name} begins"), fields)
        }
        Event::StatementStarted { version, index, tag, line } => {
            let fields = json!({"version": version, "index": index, "tag": tag, "line": line});
            (Debug, "statement_started", format!("line {line}: {tag} begins"), fields)
        }
        Event::StatementFinished { version, index, duration_ms, rows } => {
            let fields = json!({
                "version": version, "index": index, "duration_ms": duration_ms, "rows": rows,
            });
            (Debug, "statement_finished", format!("statement {index} ended well"), fields)
        }
        Event::Said { version, index, notice, .. } => said(version, *index, notice),
        Event::SaidMore { version, index, count, .. } => {
            let fields = json!({"version": version, "index": index, "count": count});
            (Info, "said_more", format!("the server said {count} things more"), fields)
        }
        other => return ended(other),
    })
}

/// What becomes of a migration, and what is found.
fn ended(event: &Event) -> Option<Told> {
    use Level::{Error, Info, Warn};
    Some(match event {
        Event::MigrationRetried { version, attempt, of, pause_ms, reason, holders } => {
            let holders: Vec<String> = holders.iter().map(ToString::to_string).collect();
            let fields = json!({
                "version": version, "attempt": attempt, "of": of, "pause_ms": pause_ms,
                "reason": reason, "holders": holders,
            });
            (Warn, "migration_retried", format!("migration {version} is tried again"), fields)
        }
        Event::MigrationFinished { direction, version, name, duration_ms } => {
            let fields = json!({
                "version": version, "name": name, "direction": way(*direction),
                "duration_ms": duration_ms,
            });
            let message = match direction {
                Direction::Up => format!("migration {version} {name} is applied"),
                Direction::Down => format!("migration {version} {name} is taken back"),
            };
            (Info, "migration_finished", message, fields)
        }
        Event::MigrationFailed { version, name, error } => {
            let fields = json!({"version": version, "name": name, "error": failure(error)});
            let message = format!("migration {version} {name} failed: {}", error.message);
            (Error, "migration_failed", message, fields)
        }
        Event::Found(finding) => {
            let level = match finding.severity {
                Severity::Error => Error,
                Severity::Warning => Warn,
                Severity::Note => Info,
            };
            (level, "found", finding.message.clone(), found(finding))
        }
        _ => return None,
    })
}

fn checked(stage: CheckStage, passed: bool, errors: &[Finding]) -> Told {
    let (event, name) = match stage {
        CheckStage::Preflight => ("preflight", "preflight"),
        CheckStage::Postflight => ("postflight", "postflight"),
    };
    let errors: Vec<Value> = errors.iter().map(found).collect();
    let fields = json!({"passed": passed, "errors": errors});
    let (level, word) = if passed { (Level::Info, "passed") } else { (Level::Error, "failed") };
    (level, event, format!("{name} {word}"), fields)
}

fn said(version: &stopover_model::Version, index: usize, notice: &Notice) -> Told {
    let fields = json!({"version": version, "index": index});
    let level = if notice.level == NoticeLevel::Warning { Level::Warn } else { Level::Info };
    (level, "said", notice.message.clone(), fields)
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "up",
        Direction::Down => "down",
    }
}

/// A finding's fields.
#[must_use]
pub fn found(finding: &Finding) -> Value {
    json!({
        "code": finding.code, "severity": finding.severity, "subject": finding.subject,
        "message": finding.message, "remedy": finding.remedy,
    })
}

fn failure(error: &StatementError) -> Value {
    serde_json::to_value(error).unwrap_or_default()
}

/// Hides passwords in every text.
fn redact(value: &mut Value) {
    match value {
        Value::String(text) => {
            let shown = redact_urls(text);
            if shown != *text {
                *text = shown;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        Value::Object(fields) => fields.values_mut().for_each(redact),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use stopover_model::Version;

    #[test]
    fn an_event_is_one_line_with_its_time_level_and_fields() {
        let at: Timestamp = "2026-11-20T14:53:00.25Z".parse().unwrap();
        let event = Event::MigrationFinished {
            direction: Direction::Up,
            version: Version::Integer(7),
            name: "orders".to_owned(),
            duration_ms: 12.5,
        };
        assert_eq!(
            event_line(at, &event).unwrap(),
            "{\"timestamp\":\"2026-11-20T14:53:00.25Z\",\"level\":\"info\",\
             \"event\":\"migration_finished\",\"message\":\"migration 7 orders is applied\",\
             \"version\":7,\"name\":\"orders\",\"direction\":\"up\",\"duration_ms\":12.5}"
        );
    }

    #[test]
    fn passwords_are_hidden_wherever_they_stand() {
        let finding = Finding::warning(
            "x",
            "postgres://me:secret1@host/db",
            "CREATE ROLE a PASSWORD 'secret2'\nbehind a line's end",
            "password=secret3",
        );
        let text = event_line(Timestamp::UNIX_EPOCH, &Event::Found(finding)).unwrap();
        assert!(!text.contains("secret") && text.contains("***"), "{text}");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn how_far_something_is_gives_no_line() {
        let event = Event::BackedUp { bytes: 1, content: 2 };
        assert_eq!(event_line(Timestamp::UNIX_EPOCH, &event), None);
    }
}
