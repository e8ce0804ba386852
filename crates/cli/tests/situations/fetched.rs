//! `--fetch`: the backup is got first. The programs that fetch from elsewhere are stand-ins that are
//! stricter than the real ones: they end with 97 on anything that they do not know.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::shop::{Run, Shop};

/// The other host's login shell gets one line, as from a real ssh, and an environment of its own.
const SSH: &str = r#"#!/bin/sh
[ "$1 $2 $3 $4 $5 $6 $7" = "-T -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=15" ] || exit 97
[ "$8" = "--" ] && [ $# = 10 ] || exit 97
host=$9
shift 9
case $host in
    db1) ;;
    cut) env -i PATH="$PATH" sh -c "$1" | head -c 100; exit 0 ;;
    *) exit 97 ;;
esac
exec env -i PATH="$PATH" sh -c "$1"
"#;

const RSYNC: &str = r#"#!/bin/sh
[ "$1 $2 $3 $4 $5" = "-s --recursive --copy-links --times --timeout=60" ] || exit 97
[ "$6 $7" = "--rsh=ssh -o BatchMode=yes -o ConnectTimeout=30 --" ] && [ $# = 9 ] || exit 97
case $8 in db1:/*) exec cp -pL -- "${8#db1:}" "$9" ;; *) exit 97 ;; esac
"#;

const AWS: &str = r#"#!/bin/sh
[ "$1 $2 $3" = "s3 cp --only-show-errors" ] && [ $# = 5 ] || exit 97
[ "$4" = "s3://bucket/nightly/b.sql.gz" ] || {
    echo "fatal error: An error occurred (404), key $AWS_SECRET_ACCESS_KEY" >&2
    exit 1
}
exec cp -p -- b.sql.gz "$5"
"#;

/// `rehearse --fetch` with those programs in front of all others.
fn fetching(shop: &Shop, source: &str, arguments: &[&str]) -> Command {
    let programs = shop.path("bin");
    fs::create_dir_all(&programs).unwrap();
    for (name, text) in [("ssh", SSH), ("rsync", RSYNC), ("aws", AWS)] {
        let path = programs.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = shop.command(&["rehearse", "--format", "json", "--fetch", source]);
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    command.args(arguments).env("PATH", path).env_remove("RSYNC_RSH");
    command
}

fn fetched(shop: &Shop, source: &str, arguments: &[&str]) -> Run {
    Run::of(&fetching(shop, source, arguments).output().unwrap())
}

fn in_folder(shop: &Shop) -> Vec<String> {
    let entries = fs::read_dir(shop.path("backups/fetched")).into_iter().flatten().flatten();
    entries.map(|it| it.file_name().into_string().unwrap()).collect()
}

fn set_age(path: &Path, hours: u64) {
    let time = SystemTime::now() - Duration::from_secs(hours * 3600);
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[tokio::test]
async fn a_fetched_backup_is_rehearsed_on_from_every_kind_of_source() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    set_age(&backup, 5);
    shop.migration("42_total.up.sql", "alter table orders add column total int;\n");
    // A name that no shell may see bare.
    let odd = shop.path("it's $(touch hacked) `x` \"b\".sql.gz");
    fs::copy(&backup, &odd).unwrap();
    set_age(&odd, 5);
    let (whole, odd) = (backup.display(), odd.display());
    for source in [
        format!("command:cat '{whole}'"),
        format!("ssh:db1:{odd}"),
        format!("rsync:db1:{odd}"),
        "s3://bucket/nightly/b.sql.gz".to_owned(),
        format!("file:{}", whole.to_string().replace("b.sql.gz", "?.sql.*")),
    ] {
        let report = fetched(&shop, &source, &[]).green();
        assert!(report["timings"]["fetch_ms"].as_f64().unwrap() > 0.0, "{source}");
        assert_eq!(report["migrations"][0]["status"], "applied");
        let path = report["backup"]["path"].as_str().unwrap();
        assert_eq!(path.contains("/backups/fetched/"), !source.starts_with("file:"), "{path}");
        let age = report["backup"]["age_ms"].as_f64().unwrap() / 3_600_000.0;
        let known = !source.starts_with("command:");
        assert_eq!((4.9..5.5).contains(&age), known, "{source}: {age} h");
    }
    assert!(!shop.path("hacked").exists(), "nothing of the name was run");
    assert!(in_folder(&shop).iter().all(|it| !it.starts_with('.')));
}

#[tokio::test]
async fn a_backup_that_is_not_fetched_is_red_and_says_why() {
    let shop = Shop::open().await;
    for (source, first) in [
        ("ssh:db1:/nowhere/b.gz", "ssh:db1:/nowhere/b.gz: ssh ended with exit code 1: cat: "),
        ("s3://bucket/none", "s3://bucket/none: aws ended with exit code 1: fatal error: An"),
        ("command:exit 9", "the fetch command: sh ended with exit code 9"),
        ("file:/nowhere/*.gz", "file:/nowhere/*.gz: /nowhere cannot be read: "),
    ] {
        let mut command = fetching(&shop, source, &[]);
        let run = Run::of(&command.env("AWS_SECRET_ACCESS_KEY", "tops3cret").output().unwrap());
        assert!(!run.out.contains("tops3cret") && !run.err.contains("tops3cret"), "{}", run.out);
        let red = run.red();
        let wanted = format!("no backup fetched; {first}");
        assert!(red.first_line().starts_with(&wanted), "{}", red.detail);
        assert_eq!(red.codes(), ["no-backup"]);
    }
    assert!(in_folder(&shop).is_empty());
    let wrong = fetched(&shop, "http://me:tops3cret@db.example.org/b", &[]);
    assert_eq!(wrong.exit, 5);
    assert!(!wrong.err.contains("tops3cret"), "{}", wrong.err);
}

#[tokio::test]
async fn half_a_backup_that_was_fetched_well_is_red_all_the_same() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    let half = fs::metadata(&backup).unwrap().len() / 2;
    let source = format!("command:head -c {half} '{}'", backup.display());
    let red = fetched(&shop, &source, &[]).red();
    assert!(red.first_line().starts_with("restore: truncated: "), "{}", red.detail);
    assert!(red.report["timings"]["fetch_ms"].as_f64().unwrap() > 0.0);
    // Over ssh the other host's size is known: nothing half is kept.
    let cut = fetched(&shop, &format!("ssh:cut:{}", backup.display()), &[]).red();
    let wanted = format!(": truncated: 100 of {} bytes came", fs::metadata(&backup).unwrap().len());
    assert!(cut.first_line().ends_with(&wanted), "{}", cut.detail);
    assert_eq!(in_folder(&shop).len(), 1);
}

#[tokio::test]
async fn max_age_judges_the_backups_own_time_and_says_where_nobody_knows_it() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    set_age(&backup, 30);
    let ssh = format!("ssh:db1:{}", backup.display());
    let red = fetched(&shop, &ssh, &["--max-age", "26h"]).red();
    assert!(red.first_line().contains("too old: 30 h old"), "{}", red.detail);
    let command = format!("command:cat '{}'", backup.display());
    let report = fetched(&shop, &command, &["--max-age", "26h"]).green();
    let codes: Vec<_> =
        report["findings"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
    assert!(codes.contains(&&"backup-undated".into()), "{report:#}");
}

#[tokio::test]
async fn the_settings_file_names_a_source_for_each_environment() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    let good = format!("command:cat '{}'", backup.display());
    let text = format!(
        "fetch = \"command:exit 9\"\n[env.ci.fetch]\nsource = \"{good}\"\nfolder = \"here\"\n\
         [env.small.fetch]\nsource = \"{good}\"\nlimit = \"100B\"\n"
    );
    shop.file("stopover.toml", text.as_bytes());
    let arguments = ["rehearse", "--format", "json"];
    assert!(shop.run(&arguments).red().first_line().contains("exit code 9"));
    shop.run(&[&arguments[..], &["--env", "ci"]].concat()).green();
    assert_eq!(fs::read_dir(shop.path("here")).unwrap().count(), 1);
    let red = shop.run(&[&arguments[..], &["--env", "small"]].concat()).red();
    assert!(red.first_line().contains("larger than 100 bytes"), "{}", red.detail);
    // A flag changes the source alone; a backup that is named is not fetched.
    let red = shop.run(&[&arguments[..], &["--env", "small", "--fetch", &good]].concat()).red();
    assert!(red.first_line().contains("larger than 100 bytes"), "{}", red.detail);
    let named = shop.rehearse(&backup, &[]).green();
    assert_eq!(named["timings"]["fetch_ms"], serde_json::Value::Null);
    let shown = shop.run(&["config"]);
    assert!(shown.out.contains("command:***") && !shown.out.contains("exit 9"), "{}", shown.out);
}

#[tokio::test]
async fn a_signal_or_kill_9_in_the_middle_of_a_fetch_leaves_nothing() {
    for (signal, exit) in
        [(Signal::SIGINT, Some(130)), (Signal::SIGTERM, Some(143)), (Signal::SIGKILL, None)]
    {
        let shop = Shop::open().await;
        let told = shop.path("told");
        let source = format!(
            "command:head -c 100000 /dev/zero; sleep 600 & echo $! > '{0}.new'; \
             mv '{0}.new' '{0}'; wait",
            told.display()
        );
        let mut command = fetching(&shop, &source, &[]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        until("it runs", || told.exists());
        let process = fs::read_to_string(&told).unwrap().trim().to_owned();
        assert_eq!(in_folder(&shop).len(), 1, "half of it is there");
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), exit);
        until("nothing is left", || in_folder(&shop).is_empty());
        until("its process is gone", || {
            let state = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            state.is_empty() || state.contains(") Z ")
        });
    }
}

fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
