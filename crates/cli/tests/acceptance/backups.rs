//! The backup that stands before the first statement: what is in it, and what happens without one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;

use crate::place::Place;
use crate::schema;
use crate::whole_way::{SHOP, backups, whole};

#[tokio::test]
async fn the_backup_is_of_the_state_before_and_restores_it() {
    let place = Place::with(&SHOP).await;
    place.call("apply --steps 1").run().exits(0);
    place.database.psql("INSERT INTO customers SELECT i, 'n' FROM generate_series(1, 42) i");
    let report = whole(&place, "apply --prove-backup --digest --format json").exits(0).document();
    assert_eq!(report["backup"]["proven"], true);
    // The ledger's row and the journal's lines are part of it.
    assert!(report["backup"]["rows"].as_u64().unwrap() >= 43, "{report}");
    let verified = place.call("verify latest --digest --format json").run().exits(0).document();
    schema::check("verify", &verified);
    assert_eq!(verified["verdict"], "green");
    let tables = verified["tables"].as_array().unwrap();
    assert!(tables.contains(&json!({
        "relation": "public.customers", "rows_from": 42, "rows_to": 42, "digest_equal": true,
    })));
    assert!(!tables.iter().any(|it| it["relation"] == "public.orders"), "{verified}");
}

#[tokio::test]
async fn without_a_backup_nothing_is_applied() {
    let place = Place::with(&SHOP).await;
    place.call("apply --steps 1").run().exits(0);
    place.write("bin/pg_dump", "#!/bin/sh\ncase \"$1\" in --version) echo 'pg_dump (PostgreSQL) 99.1';; *) echo 'pg_dump: error: out of luck' >&2; exit 1;; esac\n");
    fs::set_permissions(place.path("bin/pg_dump"), fs::Permissions::from_mode(0o755)).unwrap();
    let said = whole(&place, "apply --pg-bin bin --format json").exits(7);
    let report = said.document();
    schema::check("apply", &report);
    assert_eq!(report["applied"], json!([]));
    let message = report["findings"][0]["message"].as_str().unwrap();
    assert_eq!(
        message,
        "no backup: pg_dump 99.1 failed (exit status 1): pg_dump: error: out of luck"
    );
    assert_eq!(place.ledger(), "1");
    assert_eq!(backups(&place), [] as [&str; 0]);

    let report =
        whole(&place, "apply --pg-bin bin --skip-backup --format json").exits(0).document();
    assert_eq!(report["overrides"][0]["safeguard"], "backup");
    assert_eq!(
        place
            .database
            .psql("SELECT count(*) FROM stopover.migration_journal WHERE event = 'backup skipped'"),
        "1"
    );
}

#[tokio::test]
async fn a_lock_that_is_never_freed_and_a_full_disk_stop_it_before_any_ddl() {
    let place = Place::with(&SHOP).await;
    place.call("apply --steps 1").run().exits(0);
    place.write("stopover.toml", "[apply]\npreflight = false\n");
    let client = place.database.client().await;
    client.batch_execute("BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let began = Instant::now();
    let said = whole(&place, "apply --lock-wait 300ms").exits(7);
    assert!(said.stdout.contains("no backup: pg_dump"), "{said:?}");
    assert!(began.elapsed() < Duration::from_secs(120));
    client.batch_execute("ROLLBACK").await.unwrap();

    place.database.psql(
        "INSERT INTO customers SELECT i, md5(i::text) || md5((-i)::text) \
         FROM generate_series(1, 60000) i",
    );
    let limited = format!("ulimit -f 500; exec {} apply", env!("CARGO_BIN_EXE_stopover"));
    let output = Command::new("sh")
        .args(["-c", &limited])
        .current_dir(place.folder())
        .env("DATABASE_URL", place.database.url())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(7), "{text}");
    assert!(text.contains("cannot be written: File too large"), "{text}");
    assert!(text.contains("make room there"), "{text}");
    assert_eq!(backups(&place), [] as [&str; 0]);
    assert_eq!(place.ledger(), "1");
}

#[tokio::test]
async fn a_killed_backup_leaves_nothing_under_its_name_and_the_next_run_clears_up() {
    let place = Place::with(&SHOP).await;
    place.call("apply --steps 1").run().exits(0);
    let client = place.database.client().await;
    client.batch_execute("BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let running = place.call("backup").start();
    let began = Instant::now();
    while backups(&place).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(120), "no backup begins");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    running.signal(Signal::SIGKILL);
    assert_eq!(running.end().end, "signal 9");
    let left = backups(&place);
    assert!(left.len() == 1 && left[0].ends_with(".sql.gz.partial"), "{left:?}");
    client.batch_execute("ROLLBACK").await.unwrap();
    place.call("backup").run().exits(0);
    let there = backups(&place);
    assert_eq!(there.len(), 3, "{there:?}");
    assert!(!there.iter().any(|it| it.ends_with(".partial")), "{there:?}");

    // A signal to stop leaves nothing at all.
    client.batch_execute("BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let running = place.call("backup").start();
    place.until(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name IN ('pg_dump', 'stopover') \
         AND wait_event_type = 'Lock' AND datname = current_database()",
        "t",
    );
    running.signal(Signal::SIGTERM);
    running.end().exits(143);
    assert_eq!(backups(&place), there);
}
