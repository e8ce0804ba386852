//! Prints each kind of output with sample data, as this terminal (or pipe) gets it.
//!
//! `cargo run -p stopover-report --example gallery [-- NAME …]`: without names all documents are
//! printed; `progress` plays a rehearsal in real time on standard error (`progress -v`, `-q`);
//! `files FOLDER` writes the samples of a rehearsal's report into a folder, in every form.

#[allow(dead_code)]
mod losses;
mod programs;
#[allow(dead_code)]
mod rehearsals;
#[allow(dead_code)]
mod samples;

use std::env;
use std::io::{Write as _, stdout};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use stopover_model::{
    Direction, Event, EventSink as _, Finding, LockHolder, RestorePhase, Version,
};
use stopover_report::human::{self, Detail};
use stopover_report::{
    Look, Progress, SourceRoot, Verbosity, annotations, html, json, junit, markdown, sarif,
    sql_error,
};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [name, folder] = arguments.as_slice()
        && name == "files"
    {
        return files(Path::new(folder));
    }
    let wants = |name: &str| arguments.is_empty() || arguments.iter().any(|it| it == name);
    let full = arguments.iter().any(|it| it == "-v");
    let detail = if full { Detail::Full } else { Detail::Brief };
    let look = Look::of_stdout();
    for (name, text) in documents(detail, &look) {
        if wants(name) {
            let rule = "=".repeat(look.width.saturating_sub(name.len() + 4));
            let _ = writeln!(stdout(), "== {name} {rule}\n{text}");
        }
    }
    if arguments.iter().any(|it| it == "progress") {
        let quiet = arguments.iter().any(|it| it == "-q");
        play(match (quiet, full) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        });
    }
}

/// Every form of every sample of a rehearsal.
fn files(folder: &Path) {
    let root = SourceRoot::new("/repository", "/repository");
    for (name, report) in rehearsals::all() {
        for (ending, text) in [
            ("html", html(&report)),
            ("md", markdown(&report)),
            ("xml", junit(&report)),
            ("sarif", sarif(&report, &root)),
            ("txt", annotations(&report, &root)),
            ("json", json::document(&report)),
        ] {
            let path = folder.join(format!("{name}.{ending}"));
            if let Err(error) = std::fs::write(&path, text) {
                eprintln!("{}: {error}", path.display());
            }
        }
    }
}

fn documents(detail: Detail, look: &Look) -> Vec<(&'static str, String)> {
    let error = samples::duplicate();
    let refused = samples::status_drifted().findings;
    vec![
        ("status", human::status(&samples::status_drifted(), detail, look)),
        ("status-clean", human::status(&samples::status_clean(), detail, look)),
        ("plan", human::plan(&samples::plan(), detail, look)),
        ("plan-refused", human::plan(&samples::plan_refused(), detail, look)),
        ("apply", human::apply(&samples::apply_done(), detail, &samples::Folder, look)),
        (
            "apply after a rehearsal",
            human::apply(&samples::apply_rehearsed(), detail, &samples::Folder, look),
        ),
        ("apply-failed", human::apply(&samples::apply_failed(), detail, &samples::Folder, look)),
        ("apply-midway", human::apply(&samples::apply_midway(), detail, &samples::Folder, look)),
        (
            "rehearsal",
            human::rehearsal(&samples::rehearsal_green(), detail, &samples::Folder, look),
        ),
        (
            "rehearsal-red",
            human::rehearsal(&samples::rehearsal_red(), detail, &samples::Folder, look),
        ),
        (
            "rehearsal-truncated",
            human::rehearsal(&samples::rehearsal_truncated(), detail, &samples::Folder, look),
        ),
        (
            "rehearsal-command",
            human::rehearsal(&programs::rehearsal_command(), detail, &samples::Folder, look),
        ),
        ("findings", human::findings(&refused, look)),
        (
            "error",
            human::error_with_hint(
                "cannot connect to postgres://shop:secret@db.example.org:5432/shop: connection \
                 refused",
                "see whether the server runs, or name another with `--database-url`",
                look,
            ),
        ),
        ("sql-error", sql_error(&error, Some(samples::TEXT), look)),
    ]
}

fn play(verbosity: Verbosity) {
    let mut progress = Progress::on_stderr(Look::of_stderr(), verbosity);
    let holder = LockHolder {
        pid: 4711,
        application: Some("psql".into()),
        host: Some("10.0.0.5".into()),
        since: "2026-11-20T09:28:00Z".parse().ok(),
    };
    progress.emit(Event::LockWaiting { holder: Some(holder.clone()), limit_ms: 60_000 });
    sleep(Duration::from_millis(1_500));
    progress.emit(Event::Phase(RestorePhase::Starting("a private server 15.18".into())));
    sleep(Duration::from_millis(700));
    progress.emit(Event::Phase(RestorePhase::Restoring));
    let of = 1_503_238_553;
    for part in 0..=40_u64 {
        let table = ["public.customers", "public.orders", "shop.order_items"][part as usize / 14];
        progress.emit(Event::Restored {
            bytes: of / 40 * part,
            of: Some(of),
            table: Some(table.into()),
            rows: part * 30_123,
        });
        sleep(Duration::from_millis(100));
    }
    progress.emit(Event::RestoreFinished { duration_ms: 4_100.0, rows: 1_204_920 });
    progress.emit(Event::Phase(RestorePhase::Analyzing));
    sleep(Duration::from_millis(800));
    migrations(&mut progress, &holder);
}

fn migrations(progress: &mut Progress, holder: &LockHolder) {
    progress.emit(Event::PlanReady { migrations: 3, statements: 12, direction: Direction::Up });
    for (at, name) in ["late_merge", "unique_email", "index_items"].into_iter().enumerate() {
        let version = Version::Integer(104 + at as i64);
        progress.emit(Event::MigrationStarted {
            version: version.clone(),
            name: name.into(),
            position: at + 1,
            of: 3,
            statements: 4,
            transactional: at != 2,
        });
        if at == 1 {
            progress.emit(Event::MigrationRetried {
                version: version.clone(),
                attempt: 1,
                of: 10,
                pause_ms: 800,
                reason: "canceling statement due to lock timeout".into(),
                holders: vec![holder.clone()],
            });
            sleep(Duration::from_millis(800));
        }
        for index in 1..=4 {
            let tag = ["UPDATE", "ALTER TABLE", "CREATE INDEX", "ANALYZE"][index - 1];
            let (version, line) = (version.clone(), index * 3);
            progress.emit(Event::StatementStarted { version, index, tag: tag.into(), line });
            sleep(Duration::from_millis(400));
            let version = Version::Integer(104 + at as i64);
            let rows = (index == 1).then_some(1_234_567);
            progress.emit(Event::StatementFinished { version, index, duration_ms: 400.0, rows });
        }
        if at == 2 {
            let (name, error) = (name.into(), samples::duplicate());
            progress.emit(Event::MigrationFailed { version, name, error });
        } else {
            progress.emit(Event::MigrationFinished {
                direction: Direction::Up,
                version,
                name: name.into(),
                duration_ms: 1_600.0 + at as f64,
            });
        }
    }
    progress.emit(Event::Found(Finding::warning(
        "write-block",
        "public.customers",
        "writes were shut out for 22.3 s",
        "split the UPDATE into batches",
    )));
}
