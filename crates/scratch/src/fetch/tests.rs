//! Fetching for real: by shells, by curl from a server of our own. What needs other programs in
//! `PATH` is tested through the command line.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::kill;
use nix::unistd::Pid;
use stopover_model::Silent;
use tempfile::TempDir;

use super::*;

fn request(folder: &Path, source: &str) -> FetchRequest {
    FetchRequest {
        source: source.parse().unwrap(),
        folder: folder.join("fetched"),
        timeout: Duration::from_secs(30),
        limit: 1_000_000,
        keep: 2,
    }
}

async fn got(folder: &Path, source: &str) -> Result<Fetched, FetchError> {
    fetch(&request(folder, source), &mut Silent).await
}

/// What is in the folder of fetched backups.
fn there(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("fetched")).into_iter().flatten().flatten();
    entries.map(|it| it.file_name().into_string().unwrap()).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_commands_standard_output_becomes_a_file_that_nobody_else_reads() {
    let folder = TempDir::new().unwrap();
    let fetched = got(folder.path(), "command:umask 0; printf abc; echo log >&2").await.unwrap();
    assert_eq!(fs::read(&fetched.path).unwrap(), b"abc");
    assert_eq!(fetched.time, FileTime::OfFetch);
    assert_eq!(mode(&fetched.path), 0o600);
    assert_eq!(mode(fetched.path.parent().unwrap()), 0o700);
    assert_eq!(there(folder.path()).len(), 1, "nothing half is left");
}

#[tokio::test]
async fn what_a_command_puts_at_the_path_is_stronger_than_what_it_prints() {
    let folder = TempDir::new().unwrap();
    let file = "command:echo downloading; printf real > \"$STOPOVER_FETCH_TO\"";
    let fetched = got(folder.path(), file).await.unwrap();
    assert_eq!(fs::read(&fetched.path).unwrap(), b"real");
    let dumped = "command:mkdir \"$STOPOVER_FETCH_TO\" && echo x > \"$STOPOVER_FETCH_TO/toc.dat\"";
    let fetched = got(folder.path(), dumped).await.unwrap();
    assert_eq!(fs::read(fetched.path.join("toc.dat")).unwrap(), b"x\n");
    assert_eq!(mode(&fetched.path), 0o700);
}

#[tokio::test]
async fn a_command_that_fails_is_told_by_its_last_words_without_secrets() {
    let folder = TempDir::new().unwrap();
    let command = "command:API_TOKEN=tops3cret; printf half; echo one >&2; \
                   echo \"denied: $API_TOKEN at https://me:hunter22@h/x\" >&2; exit 3";
    let error = got(folder.path(), command).await.unwrap_err();
    let text = error.to_string();
    let first = text.lines().next().unwrap();
    assert_eq!(
        first,
        "the fetch command: sh ended with exit code 3: denied: *** at https://me:***@h/x"
    );
    assert!(text.contains("| one"), "{text}");
    assert!(!text.contains("tops3cret") && !text.contains("hunter22"), "{text}");
    assert!(there(folder.path()).is_empty());
    let nothing = got(folder.path(), "command:true").await.unwrap_err().to_string();
    assert_eq!(nothing, "the fetch command: sh ended well, and nothing came");
}

/// A command that writes the number of a process that it started into a file, and stays.
fn lingering(folder: &Path) -> (String, PathBuf) {
    let told = folder.join("told");
    let shown = told.display();
    (format!("command:sleep 600 & echo $! > '{shown}.new'; mv '{shown}.new' '{shown}'; wait"), told)
}

async fn number_in(told: &Path) -> Pid {
    let began = Instant::now();
    while !told.exists() {
        assert!(began.elapsed() < Duration::from_secs(120), "it does not start");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Pid::from_raw(fs::read_to_string(told).unwrap().trim().parse().unwrap())
}

fn is_gone(process: Pid) -> bool {
    // Nobody may collect it here: dead is as good as gone.
    let state = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    kill(process, None).is_err() || state.contains(") Z ")
}

#[tokio::test]
async fn what_takes_too_long_is_ended_with_all_that_it_started() {
    let folder = TempDir::new().unwrap();
    let (command, told) = lingering(folder.path());
    let mut request = request(folder.path(), &command);
    // Where the first is over before the command has started anything, another one is not.
    for milliseconds in [700, 7_000, 70_000] {
        request.timeout = Duration::from_millis(milliseconds);
        let error = fetch(&request, &mut Silent).await.unwrap_err().to_string();
        let within = error.strip_prefix("the fetch command: not fetched within ");
        assert!(within.is_some_and(|it| it.ends_with("s (fetch.timeout)")), "{error}");
        if told.exists() {
            break;
        }
    }
    assert!(until_gone(number_in(&told).await).await);
    assert!(there(folder.path()).is_empty());
}

async fn until_gone(process: Pid) -> bool {
    for _ in 0..24_000 {
        if is_gone(process) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    false
}

#[tokio::test]
async fn a_fetch_that_is_dropped_ends_its_processes_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let (command, told) = lingering(folder.path());
    let process = tokio::select! {
        _ = got(folder.path(), &command) => panic!("it cannot end"),
        process = number_in(&told) => process,
    };
    assert!(until_gone(process).await);
    assert!(there(folder.path()).is_empty());
}

#[tokio::test]
async fn what_is_larger_than_allowed_is_broken_off() {
    let folder = TempDir::new().unwrap();
    for endless in ["command:cat /dev/zero", "command:cat /dev/zero > \"$STOPOVER_FETCH_TO\""] {
        let error = got(folder.path(), endless).await.unwrap_err();
        let wanted = "the fetch command: larger than 1000000 bytes (fetch.limit): broken off";
        assert_eq!(error.to_string(), wanted);
        assert!(error.remedy().contains("fetch.limit"));
        assert!(there(folder.path()).is_empty());
    }
}

#[tokio::test]
async fn older_ones_of_the_name_go_and_other_files_stay() {
    let folder = TempDir::new().unwrap();
    let kept = folder.path().join("fetched");
    fs::create_dir(&kept).unwrap();
    for name in ["20200101T000000000Z-backup", "20200102T000000000Z-backup"] {
        fs::write(kept.join(name), "old").unwrap();
    }
    for name in ["20200101T000000000Z-other", "mine-backup", "backup"] {
        fs::write(kept.join(name), "stays").unwrap();
    }
    got(folder.path(), "command:echo new").await.unwrap();
    let mut left = there(folder.path());
    left.sort();
    assert_eq!(left.len(), 5, "{left:?}");
    assert!(!left.contains(&"20200101T000000000Z-backup".to_owned()), "{left:?}");
    assert!(left.contains(&"20200102T000000000Z-backup".to_owned()), "{left:?}");
}

#[tokio::test]
async fn what_a_killed_run_left_is_removed_and_what_another_run_makes_is_not() {
    let folder = TempDir::new().unwrap();
    let place = folder.path().join("fetched");
    let busy = Partial::open(&place).unwrap();
    let left = place.join(".partial-left");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("lock"), "").unwrap();
    got(folder.path(), "command:echo new").await.unwrap();
    assert!(!left.exists());
    assert!(busy.path().exists());
}

/// Answers each request by its path, as a web server does; gives its address.
fn web() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            reader.read_line(&mut line).unwrap();
            let mut header = String::new();
            while reader.read_line(&mut header).unwrap() > 2 {
                header.clear();
            }
            let path = line.split_whitespace().nth(1).unwrap_or_default();
            let answer = match path.split('?').next().unwrap_or_default() {
                "/moved" => {
                    "HTTP/1.1 302 Found\r\nLocation: /whole[1].sql\r\nContent-Length: 0\r\n\
                             Last-Modified: Thu, 01 Jan 2015 00:00:00 GMT\r\nConnection: close\r\n\r\n"
                }
                "/whole[1].sql" => {
                    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\
                                    Last-Modified: Wed, 01 Jan 2020 00:00:00 GMT\r\n\r\nwhole"
                }
                "/cut" => "HTTP/1.1 200 OK\r\nContent-Length: 50\r\nConnection: close\r\n\r\nhalf",
                "/away" => {
                    "HTTP/1.1 302 Found\r\nLocation: file:///etc/hostname\r\n\
                            Content-Length: 0\r\nConnection: close\r\n\r\n"
                }
                _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            };
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_web_servers_file_keeps_its_time_also_behind_a_redirect() {
    let folder = TempDir::new().unwrap();
    let server = web();
    let fetched = got(folder.path(), &format!("{server}/moved")).await.unwrap();
    assert_eq!(fs::read(&fetched.path).unwrap(), b"whole");
    assert_eq!(fetched.time, FileTime::OfSource);
    let modified = fs::metadata(&fetched.path).unwrap().modified().unwrap();
    assert_eq!(modified, SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_836_800));
    let named = got(folder.path(), &format!("{server}/whole[1].sql?v=1")).await.unwrap();
    assert!(named.path.to_str().unwrap().ends_with("-whole_1_.sql"), "{:?}", named.path);
}

#[tokio::test]
async fn a_web_servers_failures_are_told_without_the_urls_secrets() {
    let folder = TempDir::new().unwrap();
    let server = web().replace("http://", "http://me:hunter22@");
    let error = got(folder.path(), &format!("{server}/none?sig=tops3cretandlong")).await;
    let text = error.unwrap_err().to_string();
    assert!(text.contains("/none: curl ended with exit code 22: curl: (22)"), "{text}");
    assert!(text.contains("404"), "{text}");
    assert!(!text.contains("hunter22") && !text.contains("tops3cret"), "{text}");
    for (path, code) in [("cut", 18), ("away", 1)] {
        let text = got(folder.path(), &format!("{server}/{path}")).await.unwrap_err().to_string();
        assert!(text.contains(&format!("curl ended with exit code {code}")), "{text}");
    }
    assert!(there(folder.path()).is_empty());
}

#[test]
fn a_source_begins_with_its_kind_and_shows_no_secrets() {
    for (text, shown) in [
        ("command:pg_dump secret", "the fetch command"),
        ("file:/b/*.sql.gz", "file:/b/*.sql.gz"),
        ("rsync:host:/b/x.gz", "rsync:host:/b/x.gz"),
        ("rsync://host/module/x.gz", "rsync://host/module/x.gz"),
        ("ssh:me@host:/b/x y.gz", "ssh:me@host:/b/x y.gz"),
        ("ssh://me@host:2222/b/x.gz", "ssh://me@host:2222/b/x.gz"),
        ("s3://bucket/a/b.gz", "s3://bucket/a/b.gz"),
        ("https://me:secret@h/x.gz?sig=secret", "https://me:***@h/x.gz"),
        ("http://127.0.0.1:80/x", "http://127.0.0.1:80/x"),
    ] {
        let source: Source = text.parse().unwrap();
        assert_eq!(source.to_string(), shown);
        assert!(!format!("{source:?}").contains("secret"), "{source:?}");
    }
    for (text, error) in [
        ("backup.sql", SourceError::Kind),
        ("ftp://h/x", SourceError::Kind),
        ("command:", SourceError::Empty),
        ("https://", SourceError::Empty),
        ("http://db.example.org/x", SourceError::Unencrypted),
        ("http://localhost.example.org/x", SourceError::Unencrypted),
        ("http://localhost:1@evil.org/x", SourceError::Unencrypted),
        ("ssh:-oProxyCommand=x:/b", SourceError::Unsafe),
        ("ssh:host:/b\nrm", SourceError::Unsafe),
        ("ssh:host", SourceError::Ssh),
        ("ssh://me:pw@host/x", SourceError::Password),
        ("rsync:--rsh=x", SourceError::Unsafe),
        ("rsync://me:pw@host/x", SourceError::Password),
        ("s3://bucket", SourceError::S3),
    ] {
        assert_eq!(text.parse::<Source>().unwrap_err(), error, "{text}");
    }
}
