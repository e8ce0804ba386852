//! `stopover demo`, as a newcomer runs it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// Runs the tool in a folder of its own, with the temporary folder inside it.
fn stopover(folder: &Path, arguments: &[&str]) -> Output {
    let temporary = folder.join("tmp");
    fs::create_dir_all(&temporary).expect("a folder in a folder can be made");
    Command::new(env!("CARGO_BIN_EXE_stopover"))
        .args(arguments)
        .current_dir(folder)
        .env("TMPDIR", &temporary)
        .env("COLUMNS", "80")
        .output()
        .expect("the tool can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr)))
}

#[test]
fn the_demo_shows_one_green_change_and_two_red_ones_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let output = stopover(folder.path(), &["demo", "--format", "json"]);
    let document = json(&output);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let column = |key: &str| -> Vec<Value> {
        let changes = document["changes"].as_array().unwrap();
        changes.iter().map(|change| change[key].clone()).collect()
    };
    assert_eq!(column("verdict"), ["green", "red", "red"]);
    assert_eq!(column("exit_code"), [0, 6, 6]);
    let phone = column("detail")[1].as_str().unwrap().to_owned();
    assert!(phone.contains("60 rows of customers where phone is null, e.g. id = 17"), "{phone}");
    assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn people_read_the_three_stories_in_eighty_columns() {
    let folder = TempDir::new().unwrap();
    let output = stopover(folder.path(), &["demo"]);
    let page = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{page}{}", text(&output.stderr));
    let verdicts: Vec<&str> = page.lines().filter(|line| line.starts_with("VERDICT")).collect();
    assert_eq!(verdicts, ["VERDICT: GREEN", "VERDICT: RED", "VERDICT: RED"]);
    assert!(page.contains("pg_dump -Z 6 -f backup.sql.gz"), "{page}");
    // What stands behind the last rule is to be typed: it names paths of any length.
    let stories = page.split("Production was not touched").next().unwrap();
    let wide: Vec<&str> = stories.lines().filter(|line| line.chars().count() > 80).collect();
    assert_eq!(wide, Vec::<&str>::new());
}

#[test]
fn what_is_kept_can_be_rehearsed_again_and_mended() {
    let folder = TempDir::new().unwrap();
    let demo = stopover(folder.path(), &["demo", "--keep", "shop"]);
    assert_eq!(demo.status.code(), Some(0), "{}", text(&demo.stderr));
    let rehearse = || {
        let backup = ["rehearse", "--no-report", "--format", "json", "--backup"];
        let arguments = [&backup[..], &["shop/shop.sql.gz", "-m", "shop/2-phone"]].concat();
        let output = stopover(folder.path(), &arguments);
        (output.status.code(), json(&output)["verdict"].clone())
    };
    assert_eq!(rehearse(), (Some(6), "red".into()));
    let path = folder.path().join("shop/2-phone/005_require_phone.up.sql");
    let script = fs::read_to_string(&path).unwrap();
    let mended = format!("UPDATE customers SET phone = '+0' WHERE phone IS NULL;\n{script}");
    fs::write(&path, mended).unwrap();
    assert_eq!(rehearse(), (Some(0), "green".into()));
}

#[test]
fn nobody_s_files_are_written_over() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("mine")).unwrap();
    fs::write(folder.path().join("mine/thesis.txt"), "42").unwrap();
    let output = stopover(folder.path(), &["demo", "--keep", "mine"]);
    assert_eq!(output.status.code(), Some(5));
    assert!(text(&output.stderr).contains("mine is not empty"), "{}", text(&output.stderr));
    assert_eq!(fs::read_dir(folder.path().join("mine")).unwrap().count(), 1);
}

#[test]
fn without_postgresql_it_says_so_and_ends_with_seven() {
    let folder = TempDir::new().unwrap();
    let output = stopover(folder.path(), &["demo", "--pg-bin", "nowhere"]);
    assert_eq!(output.status.code(), Some(7));
    assert!(text(&output.stderr).contains("nowhere"), "{}", text(&output.stderr));
}
