//! Programs for real: shells that fail, hang, flood, leave children behind, and services.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::kill;
use nix::unistd::Pid;
use stopover_backend::{Access, Leftovers, Program, ProgramEnding, ProgramRun, Stop, StopSignal};
use tempfile::TempDir;

use super::*;

fn access() -> Access {
    Access {
        variables: vec![("DATABASE_URL", "postgresql://u:tops3cret@localhost:1/db".to_owned())],
        foreign: &["PG"],
        secrets: vec!["tops3cret".to_owned()],
    }
}

async fn ran(command: &str) -> ProgramRun {
    UserCommand::new(command).run(&access(), &Stop::never()).await
}

/// The process whose number stands in the file, once it is there.
fn process(file: &Path) -> Pid {
    let began = Instant::now();
    loop {
        let written = fs::read_to_string(file).unwrap_or_default();
        match written.trim().parse() {
            Ok(id) if written.ends_with('\n') => return Pid::from_raw(id),
            _ => assert!(began.elapsed() < Duration::from_secs(120), "{}", file.display()),
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until something holds; whether it did.
fn soon(holds: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while !holds() && began.elapsed() < Duration::from_secs(120) {
        thread::sleep(Duration::from_millis(5));
    }
    holds()
}

fn lives(process: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    kill(process, None).is_ok() && !status.contains(") Z ")
}

#[tokio::test]
async fn a_command_gets_the_databases_variables_and_its_secrets_are_not_shown() {
    let run = ran("echo \"to $DATABASE_URL\"; echo tops3cret >&2; exit 3").await;
    assert_eq!(run.ending, ProgramEnding::Failed("exit code 3".to_owned()));
    assert_eq!(run.exit_code, Some(3));
    assert_eq!(run.said, "to postgresql://u:***@localhost:1/db\n***");
    let shown = UserCommand::new("migrate --token abcdefgh postgresql://u:pw@h/d").shown();
    assert_eq!(shown, "migrate --token *** postgresql://u:***@h/d");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_no_failure_of_the_command() {
    let run = ran("no-such-program --migrate").await;
    let ProgramEnding::Absent(what) = run.ending else { panic!("{run:?}") };
    // In a folder of PATH that may not be looked into, it could be.
    let said = what.contains("not found") || what.contains("Permission denied");
    assert!(what.contains("no-such-program") && said, "{what}");
}

#[tokio::test]
async fn a_flood_of_output_is_read_and_its_last_lines_are_kept() {
    let flood = "i=0; while [ $i -lt 30000 ]; do \
                 echo 'a line of output that is rather long, as lines of builds often are'; \
                 i=$((i+1)); done; echo 'the last words'";
    let run = ran(flood).await;
    assert_eq!(run.ending, ProgramEnding::Well);
    assert!(run.said.len() <= 4096 && run.said.ends_with("\nthe last words"), "{}", run.said);
}

#[tokio::test]
async fn what_a_command_leaves_running_is_ended_even_where_it_left_the_group() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let command = format!(
        "sleep 600 & echo $! > {}; setsid sh -c 'echo $$ > {}; exec sleep 600' & \
         while [ ! -s {1} ]; do sleep 0.01; done",
        file("child"),
        file("daemon")
    );
    let run = ran(&command).await;
    assert_eq!(run.ending, ProgramEnding::Well);
    assert_eq!(run.left, Leftovers::Ended);
    assert!(!lives(process(&folder.path().join("child"))));
    assert!(!lives(process(&folder.path().join("daemon"))));
    assert_eq!(ran("sleep 0.01").await.left, Leftovers::None);
}

#[tokio::test]
async fn a_signal_ends_a_command_that_hangs_and_will_not_hear() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("child");
    let text = format!("trap '' TERM INT; sleep 600 & echo $! > {}; wait; wait", file.display());
    let (request, stop) = Stop::channel();
    let asked = thread::spawn({
        let file = file.clone();
        move || {
            let child = process(&file);
            request.stop(StopSignal::Interrupt);
            (Instant::now(), child)
        }
    });
    let run = UserCommand::new(text).run(&access(), &stop).await;
    let (asked, child) = asked.join().unwrap();
    assert_eq!(run.ending, ProgramEnding::Stopped(StopSignal::Interrupt));
    assert!(asked.elapsed() < Duration::from_secs(60), "{:?}", asked.elapsed());
    assert!(!lives(child));
}

#[tokio::test]
async fn a_command_whose_future_is_dropped_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("child");
    let command = UserCommand::new(format!("echo $$ > {}; exec sleep 600", file.display()));
    let (access, stop) = (access(), Stop::never());
    let begun = tokio::task::spawn_blocking(move || process(&file));
    let child = tokio::select! {
        _ = command.run(&access, &stop) => panic!("it cannot end"),
        child = begun => child.unwrap(),
    };
    assert!(soon(|| !lives(child)));
}

/// Answers every request on the port that is written to the file, with these statuses in turn.
fn answering(file: PathBuf, statuses: &'static [&'static str]) {
    thread::spawn(move || {
        let port = process(&file).as_raw();
        let listener = TcpListener::bind(("127.0.0.1", u16::try_from(port).unwrap())).unwrap();
        answering_at(listener, statuses);
    });
}

/// The same on a port that is open.
fn answering_at(listener: TcpListener, statuses: &'static [&'static str]) {
    thread::spawn(move || {
        for status in statuses.iter().chain(std::iter::repeat(statuses.last().unwrap())) {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|it| it.is_ok_and(|it| !it.is_empty())) {}
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
}

async fn booted(text: &str, timeout: u64) -> ProgramRun {
    let health = "http://127.0.0.1:{PORT}/health";
    let service = UserService::new(text, health, Duration::from_secs(timeout)).unwrap();
    service.run(&access(), &Stop::never()).await
}

#[tokio::test]
async fn a_service_is_well_when_it_answers_200_and_is_ended_then() {
    let folder = TempDir::new().unwrap();
    let (port, child) = (folder.path().join("port"), folder.path().join("child"));
    answering(port.clone(), &["503 Starting", "503 Starting", "200 OK"]);
    let text = format!(
        "echo $$ > {}; test $PORT = {{PORT}} && echo $PORT > {}; exec sleep 600",
        child.display(),
        port.display()
    );
    let run = booted(&text, 30).await;
    assert_eq!(run.ending, ProgramEnding::Well, "{run:?}");
    assert_eq!((run.exit_code, run.left), (None, Leftovers::None));
    assert!(!lives(process(&child)));
}

#[tokio::test]
async fn a_service_that_never_says_that_it_is_well_is_given_up() {
    let folder = TempDir::new().unwrap();
    let port = folder.path().join("port");
    answering(port.clone(), &["503 Service Unavailable"]);
    let text = format!("echo booting; echo $PORT > {}; exec sleep 600", port.display());
    let run = booted(&text, 5).await;
    let ProgramEnding::Failed(why) = &run.ending else { panic!("{run:?}") };
    assert!(why.ends_with("did not answer 200 within 5 s: 503 Service Unavailable"), "{why}");
    assert_eq!(run.said, "booting");
}

#[tokio::test]
async fn a_service_that_ends_is_told_with_its_last_words() {
    let run = booted("echo 'no such table' >&2; exit 4", 30).await;
    assert_eq!(run.ending, ProgramEnding::Failed("it ended with exit code 4".to_owned()));
    assert_eq!(run.said, "no such table");
    let run = booted("no-such-service", 30).await;
    assert!(matches!(run.ending, ProgramEnding::Absent(_)), "{run:?}");
}

#[tokio::test]
async fn a_service_that_ends_right_after_its_first_good_answer_is_not_well() {
    let folder = TempDir::new().unwrap();
    let port = folder.path().join("port");
    answering(port.clone(), &["200 OK"]);
    let text = format!("echo $PORT > {}; sleep 0.25; exit 5", port.display());
    let run = booted(&text, 30).await;
    assert_eq!(run.ending, ProgramEnding::Failed("it ended with exit code 5".to_owned()));
}

#[tokio::test]
async fn somebody_elses_answers_are_not_believed() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = listener.local_addr().unwrap().port();
    answering_at(listener, &["200 OK"]);
    let health = format!("http://127.0.0.1:{taken}/health");
    let service = UserService::new("sleep 600", health, Duration::from_secs(5)).unwrap();
    let run = service.run(&access(), &Stop::never()).await;
    let ProgramEnding::Failed(why) = &run.ending else { panic!("{run:?}") };
    assert!(why.contains("answers before the service is started"), "{why}");
}

#[test]
fn only_a_url_of_this_machine_can_be_asked() {
    let minute = Duration::from_mins(1);
    for health in ["https://127.0.0.1/health", "localhost", "http:///x", "ftp://h/x"] {
        assert!(UserService::new("x", health, minute).is_err(), "{health}");
    }
    assert!(UserService::new("x", "http://localhost:{PORT}/", minute).is_ok());
}
