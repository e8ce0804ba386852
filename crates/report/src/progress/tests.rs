mod notices;
mod replay;

use std::io;
use std::time::Duration;

use stopover_model::{Direction, Finding, LockHolder, RestorePhase, StatementError, Version};

use super::*;
use crate::look::{Charset, Colour};

/// A writer whose text can be read while somebody else writes.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(locked(&self.0).clone()).expect("whole characters")
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        locked(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const TERMINAL: Look = Look {
    width: 80,
    colour: Colour::Always,
    charset: Charset::Unicode,
    surface: Surface::Terminal,
};

/// Plays events a second apart into a pipe.
fn piped(events: &[Event], verbosity: Verbosity) -> String {
    let paper = Paper::default();
    let mut progress = Progress::new(paper.clone(), Look::plain(80), verbosity);
    let begin = Instant::now();
    for (at, event) in events.iter().enumerate() {
        progress.hear(event, begin + Duration::from_secs(at as u64));
    }
    drop(progress);
    paper.text()
}

/// What a terminal shows after events and the end of the value.
fn on_terminal(events: &[Event]) -> String {
    let paper = Paper::default();
    let mut progress = Progress::new(paper.clone(), TERMINAL, Verbosity::Normal);
    for event in events {
        progress.emit(event.clone());
    }
    drop(progress);
    screen(&paper)
}

fn screen(paper: &Paper) -> String {
    let mut parser = vt100::Parser::new(60, 80, 0);
    // A terminal's driver makes a carriage return and a line feed of a line feed.
    parser.process(paper.text().replace('\n', "\r\n").as_bytes());
    let rows = parser.screen().rows(0, 80);
    rows.map(|row| row.trim_end().to_owned()).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

fn holder() -> LockHolder {
    LockHolder {
        pid: 4711,
        application: Some("psql".into()),
        host: Some("10.0.0.5".into()),
        since: None,
    }
}

fn started(version: i64, name: &str, position: usize) -> Event {
    Event::MigrationStarted {
        version: Version::Integer(version),
        name: name.into(),
        position,
        of: 3,
        statements: 2,
        transactional: true,
    }
}

fn statement(version: i64, index: usize) -> [Event; 2] {
    let version = Version::Integer(version);
    let tag = "CREATE INDEX".into();
    [
        Event::StatementStarted { version: version.clone(), index, tag, line: index * 7 },
        Event::StatementFinished { version, index, duration_ms: 340.0, rows: Some(1_234) },
    ]
}

fn finished(version: i64, name: &str) -> Event {
    let version = Version::Integer(version);
    Event::MigrationFinished {
        direction: Direction::Up,
        version,
        name: name.into(),
        duration_ms: 680.0,
    }
}

fn failed() -> Event {
    Event::MigrationFailed {
        version: Version::Integer(105),
        name: "unique_email".into(),
        error: StatementError {
            sqlstate: Some("23505".into()),
            message: "could not create unique index".into(),
            detail: None,
            hint: None,
            constraint: None,
            file: "migrations/105.up.sql".into(),
            line: 4,
            column: 1,
            excerpt: None,
        },
    }
}

fn restored(part: u64) -> Event {
    Event::Restored {
        bytes: part * 1_048_576,
        of: Some(100 * 1_048_576),
        table: Some("public.orders".into()),
        rows: part * 1_000,
    }
}

fn retried() -> Event {
    Event::MigrationRetried {
        version: Version::Integer(104),
        attempt: 1,
        of: 10,
        pause_ms: 1_200,
        reason: "canceling statement due to lock timeout".into(),
        holders: vec![holder()],
    }
}

fn warning() -> Event {
    Event::Found(Finding::warning("write-block", "orders", "writes were shut out", "split it"))
}

/// A rehearsal whose last migration fails.
fn rehearsal() -> Vec<Event> {
    let mut events = vec![
        Event::LockWaiting { holder: Some(holder()), limit_ms: 60_000 },
        Event::Phase(RestorePhase::Starting("a private server 15.18".into())),
        Event::Phase(RestorePhase::Restoring),
    ];
    events.extend((0..=25).map(|part| restored(part * 4)));
    events.extend([
        Event::RestoreFinished { duration_ms: 26_000.0, rows: 100_000 },
        Event::Phase(RestorePhase::Analyzing),
        Event::PlanReady { migrations: 3, statements: 6, direction: Direction::Up },
        started(103, "add_orders", 1),
    ]);
    events.extend([1, 2].into_iter().flat_map(|index| statement(103, index)));
    events.extend([finished(103, "add_orders"), started(104, "add_items", 2)]);
    events.extend(statement(104, 1));
    events.push(retried());
    events.extend([1, 2].into_iter().flat_map(|index| statement(104, index)));
    events.extend([finished(104, "add_items"), started(105, "unique_email", 3)]);
    events.extend(statement(105, 1));
    events.extend([failed(), warning()]);
    events
}

#[test]
fn a_pipe_gets_one_plain_line_for_each_step() {
    assert_eq!(
        piped(&rehearsal(), Verbosity::Normal),
        "\
waiting for the run lock, at most 1 min 0 s; held by pid 4711, psql on 10.0.0.5
starting a private server 15.18
restoring the backup
restoring: 36.0 MiB of 100.0 MiB, 36 %, 3.6 MiB/s, 18 s left, 36,000 rows, public.orders
restoring: 76.0 MiB of 100.0 MiB, 76 %, 3.8 MiB/s, 7 s left, 76,000 rows, public.orders
restored 100,000 rows in 26.0 s
gathering statistics
3 migrations to apply, 6 statements
[1/3] 103 add_orders applied in 680 ms
[2/3] 104 add_items rolled back, try 1 of 10, again in 1.2 s: canceling statement due to lock \
timeout; held by pid 4711, psql on 10.0.0.5
[2/3] 104 add_items applied in 680 ms
[3/3] 105 unique_email FAILED: could not create unique index (23505) at migrations/105.up.sql:4:1
warning[write-block] orders
    writes were shut out
    -> split it
"
    );
}

#[test]
fn quiet_tells_errors_and_warnings_only() {
    let text = piped(&rehearsal(), Verbosity::Quiet);
    let beginnings: Vec<&str> = text.lines().map(|line| &line[..line.len().min(22)]).collect();
    assert_eq!(
        beginnings,
        [
            "[2/3] 104 add_items ro",
            "[3/3] 105 unique_email",
            "warning[write-block] o",
            "    writes were shut o",
            "    -> split it",
        ]
    );
    let note = Event::Found(Finding::note("a", "b", "c", ""));
    assert_eq!(piped(&[note], Verbosity::Quiet), "");
}

#[test]
fn verbose_tells_each_statement_with_its_line_time_and_rows() {
    let text = piped(&rehearsal(), Verbosity::Verbose);
    assert!(
        text.contains(
            "\
[1/3] 103 add_orders: 2 statements, one transaction
      line 7: CREATE INDEX, 340 ms, 1,234 rows
      line 14: CREATE INDEX, 340 ms, 1,234 rows
[1/3] 103 add_orders applied in 680 ms
"
        ),
        "{text}"
    );
}

#[test]
fn a_pipe_hears_how_far_a_long_fetch_is() {
    let mut events = vec![Event::Phase(RestorePhase::Fetching("ssh:db1:/b.sql.gz".into()))];
    let fetched = |part: u64| Event::Fetched { bytes: part << 20, of: Some(100 << 20) };
    events.extend((1..=45).map(fetched));
    events.push(Event::FetchFinished { duration_ms: 46_000.0, bytes: 100 << 20 });
    events.push(Event::Phase(RestorePhase::Starting("a private server 15.18".into())));
    events.push(fetched(40));
    assert_eq!(
        piped(&events, Verbosity::Normal),
        "\
fetching the backup: ssh:db1:/b.sql.gz
still fetching the backup: 10.0 MiB of 100.0 MiB, 10.0 s
still fetching the backup: 40.0 MiB of 100.0 MiB, 40.0 s
fetched 100.0 MiB in 46.0 s
starting a private server 15.18
"
    );
}

#[test]
fn a_pipe_hears_that_a_long_statement_still_runs() {
    let paper = Paper::default();
    let mut progress = Progress::new(paper.clone(), Look::plain(80), Verbosity::Normal);
    let begin = Instant::now();
    let [start, _] = statement(103, 1);
    progress.hear(&started(103, "add_orders", 1), begin);
    progress.hear(&start, begin);
    for seconds in 1..=75 {
        // An event that says nothing new stands for the thread that looks once a second.
        progress.hear(&start, begin + Duration::from_secs(seconds));
    }
    drop(progress);
    assert_eq!(
        paper.text(),
        "\
still at [1/3] 103 add_orders: line 7: CREATE INDEX, 10.0 s
still at [1/3] 103 add_orders: line 7: CREATE INDEX, 40.0 s
still at [1/3] 103 add_orders: line 7: CREATE INDEX, 1 min 10 s
"
    );
}

#[test]
fn a_terminal_keeps_the_steps_and_no_gauge_when_it_is_over() {
    let mut events = rehearsal();
    events.truncate(events.len() - 2);
    let shown = on_terminal(&events);
    assert_eq!(
        shown,
        "\
waiting for the run lock, at most 1 min 0 s; held by pid 4711, psql on 10.0.0.5
starting a private server 15.18
restoring the backup
restored 100,000 rows in 26.0 s
gathering statistics
3 migrations to apply, 6 statements
[1/3] 103 add_orders applied in 680 ms
[2/3] 104 add_items rolled back, try 1 of 10, again in 1.2 s: canceling
    statement due to lock timeout; held by pid 4711, psql on 10.0.0.5
[2/3] 104 add_items applied in 680 ms"
    );
}

#[test]
fn a_terminal_shows_how_far_it_is_below_the_steps() {
    let paper = Paper::default();
    let mut progress = Progress::new(paper.clone(), TERMINAL, Verbosity::Normal);
    progress.emit(Event::PlanReady { migrations: 3, statements: 6, direction: Direction::Up });
    progress.emit(started(103, "add_orders", 1));
    for event in statement(103, 1) {
        progress.emit(event);
    }
    let [start, _] = statement(103, 2);
    progress.emit(start);
    let patience = Instant::now() + Duration::from_secs(120);
    while !screen(&paper).contains("line 14") && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(20));
    }
    let shown = screen(&paper);
    drop(progress);
    assert!(shown.starts_with("3 migrations to apply, 6 statements\n"), "{shown}");
    assert!(shown.contains("━") && shown.contains(" 16 %  1 of 6 statements"), "{shown}");
    assert!(shown.ends_with("\n  [1/3] 103 add_orders: line 14: CREATE INDEX"), "{shown}");
    assert_eq!(screen(&paper), "3 migrations to apply, 6 statements");
}

#[test]
fn a_gauge_fits_its_terminal_whatever_it_shows() {
    let now = Instant::now();
    let later = now + Duration::from_secs(90);
    let mut story = Story::new(TERMINAL);
    let mut pictures = Vec::new();
    for event in rehearsal() {
        story.hear(&event, now);
        pictures.push(story.activity());
    }
    for activity in &pictures {
        for columns in [0, 10, 39, 80, 160] {
            for line in gauge::lines(activity, &TERMINAL, columns, later) {
                let width = crate::text::width(&line);
                assert!(width <= columns.max(2), "{columns}: {line}");
            }
        }
    }
}

#[test]
fn a_lock_that_passes_on_is_told_again_and_one_that_stays_is_not() {
    let other = LockHolder { pid: 4712, ..holder() };
    let wait = |holder| Event::LockWaiting { holder, limit_ms: 60_000 };
    let events =
        [wait(Some(holder())), wait(Some(holder())), wait(Some(other)), wait(None), wait(None)];
    let text = piped(&events, Verbosity::Normal);
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.ends_with("held by somebody whom this role cannot see\n"), "{text}");
}

#[test]
fn what_others_wrote_cannot_reach_the_terminal_or_show_a_password() {
    let Event::MigrationFailed { version, mut error, .. } = failed() else { unreachable!() };
    error.message = "\u{1b}[2Jno connection to postgres://u:secret@h/d".into();
    let name = "evil\u{1b}]0;title\u{7}".into();
    let text = piped(&[Event::MigrationFailed { version, name, error }], Verbosity::Normal);
    assert!(!text.contains(['\u{1b}', '\u{7}']) && !text.contains("secret"), "{text:?}");
}

#[test]
fn a_reader_who_went_away_stops_nothing() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    for look in [Look::plain(80), TERMINAL] {
        let mut progress = Progress::new(Gone, look, Verbosity::Verbose);
        rehearsal().into_iter().for_each(|event| progress.emit(event));
    }
}
