//! Every format of a backup gives the same result.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::shop::{Run, Shop};

/// What must be the same whatever the backup's format was.
fn essence(report: &Value) -> Value {
    let migrations = report["migrations"].as_array().unwrap();
    migrations
        .iter()
        .map(|it| {
            let rows: Vec<&Value> =
                it["statements"].as_array().unwrap().iter().map(|it| &it["rows"]).collect();
            serde_json::json!([it["version"], it["status"], rows])
        })
        .collect()
}

#[tokio::test]
async fn plain_packed_custom_and_directory_come_to_the_same() {
    let shop = Shop::open().await;
    shop.migration(
        "42_totals.up.sql",
        "alter table orders add column total int;\nupdate orders set total = id * 2 where customer < 50;\n",
    );
    let expected = essence(&shop.rehearse(&shop.dump("b.sql", &[]), &[]).green());
    assert_eq!(expected[0][2][1], 440, "{expected}");
    for (name, arguments) in [
        ("b.sql.gz", &[][..]),
        ("b.dump", &["-Fc"]),
        ("b.dir", &["-Fd"]),
        ("inserts.sql", &["--inserts"]),
    ] {
        let report = shop.rehearse(&shop.dump(name, arguments), &[]).green();
        assert_eq!(essence(&report), expected, "{name}");
        assert_eq!(report["backup"]["complete"], true);
        assert_eq!(report["backup"]["sha256"].as_str().map(str::len), Some(64));
    }
}

#[tokio::test]
async fn standard_input_is_a_backup() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    let file = std::fs::File::open(backup).unwrap();
    let mut command = shop.command(&["rehearse", "--format", "json", "--backup", "-"]);
    let run = Run::of(&command.stdin(Stdio::from(file)).output().unwrap());
    let report = run.green();
    assert_eq!(report["backup"]["path"], "-");
}

#[tokio::test]
async fn a_dump_with_restrict_lines_is_restored() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql", &[]);
    let text = std::fs::read_to_string(&backup).unwrap();
    if !text.contains("\\restrict") {
        let marked = format!("\\restrict abc123\n{text}\\unrestrict abc123\n");
        std::fs::write(&backup, marked).unwrap();
    }
    shop.rehearse(&backup, &[]).green();
}

#[tokio::test]
async fn zstd_is_read() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql", &[]);
    let packed = Command::new("zstd").arg("-q").arg(&backup).status();
    let name = match packed {
        Ok(status) if status.success() => shop.path("b.sql.zst"),
        // Without the program the library that reads it also writes it.
        _ => {
            let text = std::fs::read(&backup).unwrap();
            let packed = zstd::encode_all(text.as_slice(), 3).unwrap();
            shop.file("b.sql.zst", &packed);
            shop.path("b.sql.zst")
        }
    };
    shop.rehearse(&name, &[]).green();
}
