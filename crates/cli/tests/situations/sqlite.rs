//! Rehearsals of SQLite backups: a copy of the file, proven whole, and the same engine on it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::shop::{Run, STOPOVER};
use stopover_testkit::BARE;

/// A working folder with `migrations/` and `app.db`, which has four users, one without a name.
struct Place(TempDir);

const NAMED: &str = "create table named (id integer primary key, name text not null);\n\
                     insert into named select id, name from users;\n";

impl Place {
    fn open() -> Self {
        let place = Self(TempDir::new().unwrap());
        fs::create_dir(place.path("migrations")).unwrap();
        place.migration(
            "1_users.up.sql",
            "create table users (id integer primary key, name text);\n",
        );
        let applied = place.run(&["apply", "--database-url", "sqlite:app.db"]);
        assert_eq!(applied.exit, 0, "{}", applied.err);
        place.sql("insert into users values (1, 'a'), (2, 'b'), (3, null), (4, 'd')");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn migration(&self, name: &str, text: &str) {
        fs::write(self.path("migrations").join(name), text).unwrap();
    }

    fn sql(&self, sql: &str) {
        Connection::open(self.path("app.db")).unwrap().execute_batch(sql).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(STOPOVER);
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command.env_remove("DATABASE_URL").env("NO_COLOR", "1").envs(BARE);
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        Run::of(&self.command(arguments).output().unwrap())
    }

    fn rehearse(&self, backup: &str, more: &[&str]) -> Run {
        self.run(&[&["rehearse", "--format", "json", "--backup", backup], more].concat())
    }
}

#[test]
fn a_rehearsal_runs_on_a_copy_and_leaves_the_backup_as_it_was() {
    let place = Place::open();
    place.migration("2_index.up.sql", "create index users_name on users (name);\n");
    let before = fs::read(place.path("app.db")).unwrap();
    let report = place.rehearse("app.db", &[]).green();
    assert_eq!(fs::read(place.path("app.db")).unwrap(), before);
    assert_eq!(report["scratch"]["kind"], "file");
    assert_eq!(report["backup"]["complete"], true);
    assert_eq!(report["backup"]["bytes"], before.len());
    assert_eq!(report["backup"]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(report["migrations"][0]["status"], "applied");
    let statement = &report["migrations"][0]["statements"][0];
    assert_eq!((&statement["locks"], &statement["rewrites"]), (&Value::Null, &Value::Null));
    assert_eq!(fs::read_dir(place.0.path()).unwrap().count(), 3, "app.db, logs, migrations");
}

#[test]
fn a_compressed_backup_is_taken_as_it_is() {
    let place = Place::open();
    place.migration("2_index.up.sql", "create index users_name on users (name);\n");
    let packed = Command::new("gzip").args(["-k", "app.db"]).current_dir(place.0.path()).status();
    assert!(packed.unwrap().success());
    let report = place.rehearse("app.db.gz", &[]).green();
    let bytes = fs::metadata(place.path("app.db.gz")).unwrap().len();
    assert_eq!(report["backup"]["bytes"], bytes);
    let whole = fs::read(place.path("app.db.gz")).unwrap();
    fs::write(place.path("cut.db.gz"), &whole[..whole.len() / 2]).unwrap();
    let red = place.rehearse("cut.db.gz", &[]).red();
    assert!(
        red.first_line().starts_with("restore: truncated: cut.db.gz ends at byte "),
        "{}",
        red.detail
    );
}

#[test]
fn a_migration_that_breaks_on_the_data_is_red_with_the_rows_that_stand_against_it() {
    let place = Place::open();
    place.migration("42_named.up.sql", NAMED);
    let red = place.rehearse("app.db", &[]).red();
    let said = "migration 42: NOT NULL constraint failed: named.name (SQLITE_CONSTRAINT_NOTNULL)";
    assert_eq!(red.first_line(), said);
    assert!(red.detail.contains("1 row"), "{}", red.detail);
    place.migration("1_users.up.sql", "create table users (id integer primary key, name int);\n");
    let red = place.rehearse("app.db", &[]).red();
    let situation = "migration 1 was previously applied but has been modified";
    assert!(red.first_line().starts_with(situation), "{}", red.detail);
}

#[test]
fn what_is_no_whole_database_is_red_and_says_what_it_is() {
    let place = Place::open();
    place.sql(
        "create table many (x text); create index many_x on many (x); \
               with recursive i(n) as (select 1 union all select n + 1 from i where n < 2000) \
               insert into many select printf('%0100d', n) from i",
    );
    let whole = fs::read(place.path("app.db")).unwrap();
    let mut harmed = whole.clone();
    let middle = whole.len() / 2;
    harmed[middle..middle + 300].fill(0x55);
    let noise: Vec<u8> =
        (0..20_000_u32).map(|it| (it.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (name, bytes, said) in [
        ("cut.db", &whole[..whole.len() - 5000], "restore: truncated: cut.db ends at byte "),
        ("harmed.db", &harmed[..], "restore: corrupt: harmed.db, by SQLite's integrity_check: "),
        (
            "locked.db",
            &noise[..],
            "restore: locked.db: not a PostgreSQL dump: its bytes are neither text nor",
        ),
        ("empty.db", &[][..], "restore: empty.db: empty: "),
        ("header.db", &whole[..40], "restore: corrupt: header.db, by SQLite's integrity_check: "),
    ] {
        fs::write(place.path(name), bytes).unwrap();
        let red = place.rehearse(name, &[]).red();
        assert!(red.first_line().starts_with(said), "{name}: {}", red.detail);
        assert_ne!(red.report["backup"]["complete"], true, "{name}");
    }
}

#[test]
fn what_lies_beside_the_file_is_copied_along() {
    let place = Place::open();
    place.migration("42_named.up.sql", NAMED);
    let live = Connection::open(place.path("app.db")).unwrap();
    live.pragma_update(None, "journal_mode", "wal").unwrap();
    live.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    live.execute_batch("update users set name = 'c' where name is null").unwrap();
    // The file itself has the row that the migration breaks on; its `-wal` has the correction.
    let report = place.rehearse("app.db", &[]).green();
    let codes: Vec<&Value> =
        report["findings"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
    assert!(codes.contains(&&json!("sqlite-beside")), "{codes:?}");
    assert!(place.path("app.db-wal").exists());
    drop(live);
}

#[test]
fn several_rehearsals_run_at_once_in_folders_that_nobody_else_may_enter() {
    let place = Place::open();
    let folder = place.path("scratch");
    fs::create_dir(&folder).unwrap();
    // A migration that takes a while.
    place.migration(
        "2_slow.up.sql",
        "create table slow as with recursive i(n) as (select 1 union \
                    all select n + 1 from i where n < 3000000) select count(*) as n from i;\n",
    );
    let arguments = ["rehearse", "--backup", "app.db", "--no-report", "--scratch-dir", "scratch"];
    let mut runs: Vec<_> = (0..3)
        .map(|_| {
            place.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    let mut seen = 0;
    while runs.iter_mut().any(|it| it.try_wait().unwrap().is_none()) {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let Ok(facts) = entry.metadata() else { continue };
            assert_eq!(facts.permissions().mode() & 0o777, 0o700);
            if let Ok(file) = fs::metadata(entry.path().join("scratch.db")) {
                assert_eq!(file.permissions().mode() & 0o777, 0o600);
                seen += 1;
            }
        }
        thread::sleep(Duration::from_millis(2));
    }
    assert!(seen > 0);
    assert!(runs.iter_mut().all(|it| it.wait().unwrap().success()));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "nothing is left");
}

#[test]
fn a_tool_of_the_users_own_may_migrate_the_copy() {
    let place = Place::open();
    place.migration("2_index.up.sql", "create index users_name on users (name);\n");
    let report = place.rehearse("app.db", &["--command", &format!("{STOPOVER} apply")]).green();
    assert_eq!(report["command"]["looks"], Value::Null);
    assert_eq!(report["migrations"][0]["status"], "applied");
    let red = place.rehearse("app.db", &["--command", "true"]).red();
    assert_eq!(red.codes(), ["still-pending"]);
}

#[test]
fn an_old_backup_is_red() {
    let place = Place::open();
    let mut touch = Command::new("touch");
    touch.args(["-d", "3 days ago", "app.db"]).current_dir(place.0.path());
    assert!(touch.status().unwrap().success());
    let red = place.rehearse("app.db", &["--max-age", "26h"]).red();
    assert!(red.first_line().starts_with("restore: the backup is too old: 72 h"), "{}", red.detail);
}

#[test]
fn rows_and_columns_that_vanish_are_red_and_what_is_renamed_or_rebuilt_is_not() {
    let losses = |report: &Value| -> Vec<String> {
        let findings = report["findings"].as_array().unwrap().iter();
        let lost = findings.filter(|it| it["code"] == "data-loss");
        lost.map(|it| it["message"].as_str().unwrap().to_owned()).collect()
    };
    let place = Place::open();
    place.migration("2_less.up.sql", "delete from users where id = 4;\n");
    let red = place.rehearse("app.db", &[]).red();
    assert_eq!(red.first_line(), "users lost 1 of its 4 rows (migration 2)");
    let allowed = "-- stopover: allow data-loss(users)\ndelete from users where id = 4;\n";
    place.migration("2_less.up.sql", allowed);
    assert_eq!(losses(&place.rehearse("app.db", &[]).green()).len(), 1, "a note");

    place.migration("2_less.up.sql", "alter table users drop column name;\n");
    let red = place.rehearse("app.db", &[]).red();
    let lost = "users lost its column name, which held values in 3 rows (migration 2)";
    assert_eq!(red.first_line(), lost);
    let rebuilt = "create table new (id integer primary key);\ninsert into new select id from users;\n\
                   drop table users;\nalter table new rename to users;\n";
    place.migration("2_less.up.sql", rebuilt);
    assert_eq!(place.rehearse("app.db", &[]).red().first_line(), lost);

    let renamed = "alter table users rename column name to called;\n\
                   alter table users rename to people;\ncreate table users (id integer);\n";
    place.migration("2_less.up.sql", renamed);
    let report = place.rehearse("app.db", &["--digest"]).green();
    assert!(losses(&report).is_empty(), "{report}");
    let people = &report["tables"][0];
    assert_eq!((&people["fate"], &people["relation_after"]), (&json!("renamed"), &json!("people")));
    assert_eq!(people["digest"]["changed_columns"], json!([]));
}

/// The rehearsal was green, and had deleted the rows of a file that is no copy.
#[test]
fn a_rehearsal_reaches_no_file_beside_its_copy() {
    let place = Place::open();
    let other = place.path("other.db");
    let beside = Connection::open(&other).unwrap();
    beside.execute_batch("create table orders (id int); insert into orders values (1)").unwrap();
    for script in [
        "attach 'other.db' as o; delete from o.orders;\n",
        "attach 'file:' || 'other.db' as o; delete from o.orders;\n",
        "vacuum into 'other2.db';\n",
    ] {
        place.migration("2_beside.up.sql", script);
        let red = place.rehearse("app.db", &[]).red();
        assert!(red.detail.contains("migration 2: "), "{}", red.detail);
        assert!(red.detail.contains("SQLITE_AUTH"), "{}", red.detail);
        let rows: i64 =
            beside.query_row("select count(*) from orders", [], |row| row.get(0)).unwrap();
        assert_eq!((rows, place.path("other2.db").exists()), (1, false), "{script}");
    }
    place.migration("2_beside.up.sql", "vacuum;\n");
    place.migration("3_memory.up.sql", "attach ':memory:' as m; create table m.t (a);\n");
    place.rehearse("app.db", &[]).green();
}
