//! JUnit's XML, for what collects test results: a case for each migration, and one for each finding
//! that makes the verdict red.
//!
//! There is no standard. What is written keeps to the strictest of the common descriptions
//! (windyroad's JUnit.xsd and Jenkins' junit-10.xsd), so that others take it as well.

use stopover_model::report::{MigrationReport, MigrationStatus, RehearsalReport};
use stopover_model::{Finding, StatementError};

use crate::markup::Markup;
use crate::outcome::{MIGRATION_FAILED, Outcome};
use crate::places::{Place, problems, unexplained};
use crate::text;

/// What became of a case.
enum Result {
    Passed,
    Skipped(String),
    /// The work that was tested is wrong: kind, message, the whole of it.
    Failure(String, String, String),
    /// It could not be tested.
    Error(String, String, String),
}

struct Case {
    name: String,
    class: String,
    time_ms: f64,
    result: Result,
}

/// The report as JUnit's XML.
#[must_use]
pub fn junit(report: &RehearsalReport) -> String {
    let mut markup = Markup::beginning("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let migrations: Vec<Case> = report.migrations.iter().map(|it| migration(it, report)).collect();
    markup.element("testsuites", &[], |markup| {
        markup.line();
        suite(markup, report, 0, "migrations", &migrations);
        suite(markup, report, 1, "verdict", &judgement(report));
    });
    markup.line();
    markup.finish()
}

fn suite(markup: &mut Markup, report: &RehearsalReport, id: usize, name: &str, cases: &[Case]) {
    let count =
        |is: fn(&Result) -> bool| cases.iter().filter(|it| is(&it.result)).count().to_string();
    let attributes = [
        ("id", id.to_string()),
        ("package", "stopover".to_owned()),
        ("name", format!("stopover {}: {name}", crate::outcome::command(report))),
        ("timestamp", report.timestamp.strftime("%Y-%m-%dT%H:%M:%S").to_string()),
        ("hostname", "localhost".to_owned()),
        ("tests", cases.len().to_string()),
        ("failures", count(|it| matches!(it, Result::Failure(..)))),
        ("errors", count(|it| matches!(it, Result::Error(..)))),
        ("skipped", count(|it| matches!(it, Result::Skipped(_)))),
        ("time", seconds(cases.iter().map(|it| it.time_ms).sum())),
    ];
    let attributes: Vec<(&'static str, &str)> =
        attributes.iter().map(|(name, value)| (*name, value.as_str())).collect();
    markup.element("testsuite", &attributes, |markup| {
        properties(markup, report);
        for it in cases {
            case(markup, it);
        }
        let (first, others) = crate::outcome::detail(report);
        markup.of("system-out", "", &format!("{first}\n{}", others.join("\n")));
        markup.of("system-err", "", "");
    });
    markup.line();
}

fn properties(markup: &mut Markup, report: &RehearsalReport) {
    let none = String::new();
    let scratch = report.scratch.as_ref().map_or(&none, |it| &it.server_version);
    let properties = [
        ("stopover.version", &report.tool_version),
        ("backup.path", &report.backup.path),
        ("backup.sha256", report.backup.sha256.as_ref().unwrap_or(&none)),
        ("scratch.server_version", scratch),
    ];
    markup.line();
    markup.element("properties", &[], |markup| {
        for (name, value) in properties {
            markup.empty("property", &[("name", name), ("value", value)]);
        }
    });
    markup.line();
}

fn case(markup: &mut Markup, case: &Case) {
    let time = seconds(case.time_ms);
    let attributes =
        [("name", case.name.as_str()), ("classname", case.class.as_str()), ("time", time.as_str())];
    markup.element("testcase", &attributes, |markup| {
        let (element, kind, message, whole) = match &case.result {
            Result::Passed => return,
            Result::Skipped(message) => {
                markup.empty("skipped", &[("message", message)]);
                return;
            }
            Result::Failure(kind, message, whole) => ("failure", kind, message, whole),
            Result::Error(kind, message, whole) => ("error", kind, message, whole),
        };
        markup.element(element, &[("message", message), ("type", kind)], |it| it.text(whole));
    });
    markup.line();
}

fn migration(migration: &MigrationReport, report: &RehearsalReport) -> Case {
    let error = migration.statements.iter().find_map(|it| it.error.as_ref());
    let result = match (migration.status, error) {
        (MigrationStatus::Applied, _) => Result::Passed,
        (MigrationStatus::Untouched, _) => {
            let why = match &report.command {
                Some(_) => "not applied by the command, as the ledger says",
                None => "not begun: the rehearsal ended before it",
            };
            Result::Skipped(why.to_owned())
        }
        (MigrationStatus::Failed, Some(error)) => failure(error),
        (MigrationStatus::Failed, None) => {
            let found = report.findings.iter().find(|it| it.code == MIGRATION_FAILED);
            let message = found.map_or("it failed", |it| it.message.as_str());
            Result::Failure(MIGRATION_FAILED.to_owned(), text::tame_line(message), String::new())
        }
    };
    Case {
        name: text::tame_line(&format!("{} {}", migration.version, migration.name)),
        class: text::tame_line(&migration.file),
        time_ms: migration.duration_ms.unwrap_or(0.0),
        result,
    }
}

fn failure(error: &StatementError) -> Result {
    let kind = error.sqlstate.clone().unwrap_or_else(|| MIGRATION_FAILED.to_owned());
    let mut whole = format!("{}:{}:{}\n", error.file, error.line, error.column);
    whole.push_str(&crate::sql_error(error, None, &crate::Look::plain(100)));
    Result::Failure(kind, text::tame_line(&error.headline()), whole)
}

/// The findings that made it red, and where there are none, the verdict itself.
fn judgement(report: &RehearsalReport) -> Vec<Case> {
    let mut cases: Vec<Case> = problems(report)
        .iter()
        .filter(|it| it.finding.is_error() && it.error.is_none())
        .map(|it| red(it.finding, it.place.as_ref(), report))
        .collect();
    cases.extend(unexplained(report).map(|it| red(&it, None, report)));
    if cases.is_empty() && Outcome::of(report) == Outcome::Green {
        cases.push(Case {
            name: "verdict".to_owned(),
            class: "stopover".to_owned(),
            time_ms: 0.0,
            result: Result::Passed,
        });
    }
    cases
}

fn red(finding: &Finding, place: Option<&Place>, report: &RehearsalReport) -> Case {
    let mut whole = place.map_or_else(String::new, |it| format!("{}:{}\n", it.file, it.line));
    for line in [&finding.subject, &finding.message, &finding.remedy] {
        whole.push_str(line);
        whole.push('\n');
    }
    let (kind, message) = (finding.code.clone(), text::tame_line(&finding.message));
    let result = if Outcome::of(report) == Outcome::Unknown {
        Result::Error(kind, message, whole)
    } else {
        Result::Failure(kind, message, whole)
    };
    Case {
        name: text::tame_line(&format!("{}: {}", finding.code, finding.subject)),
        class: place.map_or_else(|| "stopover".to_owned(), |it| text::tame_line(&it.file)),
        time_ms: 0.0,
        result,
    }
}

fn seconds(ms: f64) -> String {
    // A sum of nothing is -0.0.
    format!("{:.3}", if ms.is_finite() && ms > 0.0 { ms / 1e3 } else { 0.0 })
}
