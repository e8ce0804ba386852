//! Heals that are killed, and what git knows of a file.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use rusqlite::Connection;

use crate::place::Place;

/// It sleeps in the database that is named, and nowhere else: not on the copy of the proof.
const SLOW: (&str, &str) = (
    "migrations/9_codes.up.sql",
    "-- stopover: idempotent\n\
     CREATE TABLE IF NOT EXISTS codes (id int PRIMARY KEY);\n\
     UPDATE codes SET id = id;\n\
     SELECT pg_sleep(wait) FROM patience WHERE here = current_database();\n",
);
const SLEEPING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                        AND pid <> pg_backend_pid() AND wait_event = 'PgSleep'";
const SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity \
                        WHERE datname = current_database() AND pid <> pg_backend_pid()";
const POISON: &str = "UPDATE stopover.applied_migrations SET checksum = repeat('0', 64)";
const STATE: &str = "SELECT (SELECT checksum ~ '^0+$' FROM stopover.applied_migrations) || ' ' || \
                     (SELECT count(*) FROM stopover.migration_journal WHERE event = 'rerun')";

#[tokio::test]
async fn a_heal_that_is_killed_leaves_the_old_state_and_the_next_start_heals() {
    let place = Place::with(&[SLOW]).await;
    place.write("stopover.toml", "[policy]\nempty_ledger = \"allow\"\n");
    place.database.psql("CREATE TABLE patience AS SELECT 0 AS wait, current_database() AS here");
    place.call("apply").run().exits(0);
    place.database.psql(POISON);
    place.database.psql("UPDATE patience SET wait = 60");
    let running = place.call("apply").start();
    place.until(SLEEPING, "1");
    running.signal(Signal::SIGKILL);
    assert_eq!(running.end().end, "signal 9");
    place.until(SESSIONS, "0");
    assert_eq!(place.database.psql(STATE), "true 0");
    place.database.psql("UPDATE patience SET wait = 0");
    let said = place.call("apply").run().exits(0);
    assert!(said.stdout.contains("warning[healed] 9"), "{}", said.all());
    assert_eq!(place.database.psql(STATE), "false 1");
}

#[tokio::test]
async fn a_signal_in_a_heal_is_clean_and_has_its_exit_code() {
    let place = Place::with(&[SLOW]).await;
    place.write("stopover.toml", "[policy]\nempty_ledger = \"allow\"\n");
    place.database.psql("CREATE TABLE patience AS SELECT 0 AS wait, current_database() AS here");
    place.call("apply").run().exits(0);
    place.database.psql(POISON);
    place.database.psql("UPDATE patience SET wait = 60");
    let running = place.call("apply").start();
    place.until(SLEEPING, "1");
    running.signal(Signal::SIGTERM);
    running.end().exits(143);
    place.until(SESSIONS, "0");
    assert_eq!(place.database.psql(STATE), "true 0");
}

/// The checksum in an SQLite ledger, and how many reruns its journal tells of.
fn state(file: &Path) -> (String, i64) {
    let connection = Connection::open(file).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    let one = |sql: &str| connection.query_row(sql, [], |row| row.get(0)).unwrap();
    let checksum = one("SELECT checksum FROM stopover_applied_migrations");
    let reruns = "SELECT count(*) FROM stopover_migration_journal WHERE event = 'rerun'";
    (checksum, connection.query_row(reruns, [], |row| row.get(0)).unwrap())
}

#[tokio::test]
async fn a_heal_of_a_file_that_is_killed_at_any_moment_is_done_or_not_done() {
    let text =
        "-- stopover: idempotent\nCREATE TABLE IF NOT EXISTS codes (id INTEGER PRIMARY KEY);\n";
    let place = Place::with(&[("migrations/9_codes.up.sql", text)]).await;
    let call = || {
        let folder = place.path(".").display().to_string();
        place.call("apply --database-url sqlite:shop.db").variable("TMPDIR", folder)
    };
    call().run().exits(0);
    let file = place.path("shop.db");
    let (right, _) = state(&file);
    let poison = || {
        let connection = Connection::open(&file).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        connection.execute("UPDATE stopover_applied_migrations SET checksum = '00'", []).unwrap();
    };
    let mut reruns = 0;
    for round in 0..24_u64 {
        poison();
        let running = call().start();
        std::thread::sleep(Duration::from_millis(round * 4));
        running.signal(Signal::SIGKILL);
        running.end();
        let (checksum, lines) = state(&file);
        assert!(checksum == "00" || checksum == right, "{checksum}");
        assert_eq!(lines, reruns + i64::from(checksum == right), "round {round}");
        reruns = lines;
    }
    poison();
    call().run().exits(0);
    assert_eq!(state(&file), (right, reruns + 1));
}

#[tokio::test]
async fn git_tells_what_was_applied_where_only_a_hash_is_kept() {
    let text = "CREATE TABLE users (id bigint);\n";
    let place = Place::with(&[("migrations/1_users.sql", text)]).await;
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
            .arg("-C")
            .arg(place.path("."))
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .expect("git runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    place.call("apply --ledger sqlx").run().exits(0);
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "as applied"]);
    place.write("migrations/1_users.sql", &format!("-- Copyright\n{text}"));
    let said = place.call("status --format json").run().exits(0).document();
    assert_eq!(said["drift"][0]["class"], "cosmetic", "{said}");
    place.write("migrations/1_users.sql", "CREATE TABLE users (id int);\n");
    let said = place.call("status --format json").run().exits(0).document();
    assert_eq!(said["drift"][0]["class"], "semantic", "{said}");
    git(&["commit", "-q", "-a", "-m", "edited"]);
    place.write("migrations/1_users.sql", &format!("-- Copyright\n{text}"));
    place.call("apply").run().exits(0);
    let said = place.call("status --format json").run().exits(0).document();
    crate::schema::check("status", &said);
    assert_eq!(said["healed"][0]["class"], "cosmetic", "{said}");
    let stamped = "SELECT encode(checksum, 'hex') = encode(sha384(convert_to(\
                   E'-- Copyright\\nCREATE TABLE users (id bigint);\\n', 'UTF8')), 'hex') \
                   FROM _sqlx_migrations";
    assert_eq!(place.database.psql(stamped), "t");
}
