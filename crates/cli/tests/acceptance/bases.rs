//! Bases from end to end: what users see of them, and what becomes of one whose maker is killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::place::Place;
use crate::program::{Call, Said};
use crate::schema;

const SHOP: [(&str, &str); 1] = [(
    "migrations/1_total.up.sql",
    "ALTER TABLE orders ADD COLUMN total int NOT NULL DEFAULT 0;\n",
)];

const ORDERS: &str =
    "CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders SELECT generate_series(1, 1000)";

/// A backup, and a cache of its own.
async fn shop() -> Place {
    let place = Place::with(&SHOP).await;
    place.database.psql(ORDERS);
    place.dump("backup.sql");
    place
}

/// A call with that cache, where every restore is kept.
fn call(place: &Place, arguments: &str) -> Call {
    let call = place.call(arguments).variable("STOPOVER_KEEP_BASE", "always");
    // The tables were made without a migration.
    let call = call.variable("STOPOVER_POLICY__EMPTY_LEDGER", "allow");
    call.variable("STOPOVER_CACHE_DIR", place.path("cache"))
}

fn rehearse(place: &Place, more: &str) -> Said {
    call(place, &format!("rehearse --backup backup.sql --format json {more}")).run()
}

fn reused(said: &Said) -> bool {
    let report = said.document();
    schema::check("rehearsal", &report);
    report["scratch"]["base_reused"].as_bool().unwrap()
}

fn in_bases(place: &Place, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.path("cache/bases")).into_iter().flatten().flatten();
    let paths = entries.map(|it| it.path());
    paths.filter(|it| it.file_name().unwrap().to_string_lossy().starts_with(prefix)).collect()
}

fn codes(report: &Value) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_second_rehearsal_says_what_it_ran_on_and_the_cache_what_it_holds() {
    let place = shop().await;
    let first = rehearse(&place, "").exits(0);
    assert!(!reused(&first));
    assert!(first.stderr.contains("keeping a base for the next rehearsal"), "{}", first.stderr);
    let second = rehearse(&place, "").exits(0);
    assert!(reused(&second));
    let report = second.document();
    assert!(["clone", "copy"].contains(&report["scratch"]["base_copy"].as_str().unwrap()));
    assert_eq!(report["timings"]["restore_ms"], Value::Null);
    assert!(report["timings"]["base_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(report["backup"]["complete"], true);
    let text = call(&place, "rehearse --backup backup.sql").run().exits(0);
    assert!(text.stdout.contains(" of a base"), "{}", text.stdout);

    let cache = call(&place, "cache --format json").run().exits(0).document();
    schema::check("cache", &cache);
    let key = cache["bases"][0]["key"].as_str().unwrap();
    assert_eq!(cache["bases"][0]["backup"], "backup.sql");
    assert_eq!(cache["bases"][0]["backup_sha256"], report["backup"]["sha256"]);
    assert_eq!(cache["templates"].as_array().unwrap().len(), 1);
    let text = call(&place, "cache list").run().exits(0).stdout;
    assert!(text.contains(key) && text.contains("backup.sql"), "{text}");
    let kept = call(&place, "cache prune --format json").run().exits(0).document();
    assert_eq!(kept["dropped"], serde_json::json!([]), "it is below the limit");
    let small = call(&place, "cache prune --format json").variable("STOPOVER_CACHE_LIMIT", "1MB");
    assert_eq!(small.run().exits(0).document()["dropped"], serde_json::json!([key]));
    let gone = call(&place, &format!("cache drop {key}")).run().exits(5);
    assert!(gone.stderr.contains(&format!("nothing in the cache is named {key}")), "{gone:?}");
    call(&place, "cache drop --all").run().exits(0);
    let empty = call(&place, "cache --format json").run().exits(0).document();
    assert_eq!(
        (&empty["bases"], &empty["templates"]),
        (&Value::Array(vec![]), &Value::Array(vec![]))
    );
}

#[tokio::test]
async fn without_bases_none_is_used_and_none_is_kept() {
    let place = shop().await;
    rehearse(&place, "").exits(0);
    assert!(!reused(&rehearse(&place, "--no-base").exits(0)));
    call(&place, "cache drop --all").run().exits(0);
    rehearse(&place, "--no-base").exits(0);
    assert!(in_bases(&place, "base-").is_empty());
    let wrong = call(&place, "rehearse").variable("STOPOVER_CACHE_LIMIT", "much").run().exits(5);
    assert!(wrong.stderr.contains("`much` is not a size"), "{}", wrong.stderr);
}

#[tokio::test]
async fn age_is_judged_afresh_although_a_base_is_there() {
    let place = shop().await;
    // Its own word for its age goes before the file's.
    let text = fs::read_to_string(place.path("backup.sql")).unwrap();
    let text: String = text
        .lines()
        .filter(|it| !it.starts_with("-- Started on"))
        .fold(String::new(), |text, line| text + line + "\n");
    place.write("backup.sql", &text);
    rehearse(&place, "--max-age 1h").exits(0);
    let file = fs::File::options().append(true).open(place.path("backup.sql")).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_hours(3)).unwrap();
    let old = rehearse(&place, "--max-age 1h").exits(6);
    assert!(old.document()["detail"].as_str().unwrap().contains("too old"), "{}", old.stdout);
    assert!(reused(&rehearse(&place, "--max-age 1d").exits(0)));
}

/// Waits until something lies among the bases, and kills the run without mercy.
fn killed_while(place: &Place, prefix: &str) -> bool {
    let running = call(place, "rehearse --backup backup.sql --format json").start();
    let began = Instant::now();
    while in_bases(place, prefix).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "no {prefix}");
        std::thread::sleep(Duration::from_micros(200));
    }
    running.signal(Signal::SIGKILL);
    running.end();
    in_bases(place, "base-").is_empty()
}

#[tokio::test]
async fn a_base_whose_maker_was_killed_is_never_used_and_goes_with_the_next() {
    let place = shop().await;
    // The kill may come when all is done already.
    let mut tries = 0;
    while !killed_while(&place, "building-") {
        call(&place, "cache drop --all").run().exits(0);
        tries += 1;
        assert!(tries < 30, "never in the middle of it");
    }
    assert_eq!(in_bases(&place, "building-").len(), 1, "half a base is left");
    let cache = call(&place, "cache --format json").run().exits(0).document();
    assert_eq!(cache["bases"], Value::Array(Vec::new()), "and not listed");
    let next = rehearse(&place, "").exits(0);
    assert!(!reused(&next), "and not used");
    assert!(in_bases(&place, "building-").is_empty(), "and gone");
    assert_eq!(in_bases(&place, "base-").len(), 1);
    assert!(reused(&rehearse(&place, "").exits(0)));
}

#[tokio::test]
async fn whoever_waits_for_a_run_that_is_killed_restores_by_itself() {
    let place = shop().await;
    let first = call(&place, "rehearse --backup backup.sql --format json").start();
    let began = Instant::now();
    while in_bases(&place, "turn-").is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "no turn");
        std::thread::sleep(Duration::from_micros(200));
    }
    let second = call(&place, "rehearse --backup backup.sql --format json").start();
    std::thread::sleep(Duration::from_millis(50));
    first.signal(Signal::SIGKILL);
    first.end();
    let second = second.end().exits(0);
    assert_eq!(second.document()["verdict"], "green");
    assert!(reused(&rehearse(&place, "").exits(0)));
}

#[tokio::test]
async fn a_base_that_somebody_cut_short_is_no_wrong_verdict() {
    let place = shop().await;
    rehearse(&place, "").exits(0);
    let base = in_bases(&place, "base-").remove(0);
    let largest = largest(&base.join("data/base"));
    fs::File::options().write(true).open(largest).unwrap().set_len(8192).unwrap();
    let said = rehearse(&place, "").exits(0);
    assert!(!reused(&said));
    let report = said.document();
    assert!(codes(&report).contains(&"base-spoilt"), "{:?}", codes(&report));
    assert!(reused(&rehearse(&place, "").exits(0)));
}

fn largest(folder: &Path) -> PathBuf {
    let below = fs::read_dir(folder).unwrap().flatten().map(|it| it.path());
    let files = below.flat_map(|it| fs::read_dir(it).unwrap().flatten().map(|it| it.path()));
    files.max_by_key(|it| fs::metadata(it).unwrap().len()).unwrap()
}

/// Only root can mount a small disk; what a disk does that fills up on the way is told by
/// `stopover-scratch` without one.
#[tokio::test]
async fn a_disk_without_room_for_a_base_is_a_warning() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let place = shop().await;
    fs::create_dir(place.path("cache")).unwrap();
    let script = "mount -t tmpfs -o size=60m,mode=700 none cache && exec \"$@\"";
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_stopover")]);
    command.args(["rehearse", "--backup", "backup.sql", "--format", "json"]);
    command.current_dir(place.folder()).env("STOPOVER_KEEP_BASE", "always");
    command.env("STOPOVER_POLICY__EMPTY_LEDGER", "allow");
    command.env("STOPOVER_CACHE_DIR", place.path("cache")).env_remove("DATABASE_URL");
    let output = command.output().unwrap();
    if String::from_utf8_lossy(&output.stderr).contains("unshare failed") {
        // Root of a container that may not mount.
        return;
    }
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["verdict"], "green");
    let found = report["findings"].as_array().unwrap();
    let found = found.iter().find(|it| it["code"] == "base-not-kept").unwrap();
    assert!(found["message"].as_str().unwrap().contains("left"), "{found}");
    assert_eq!(found["severity"], "warning");
}
