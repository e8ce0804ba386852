//! Programs of the user's that do not do what they are for: each is told as what it is, and none keeps
//! a rehearsal from its end.

use std::fs;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use stopover_testkit::TestServer;

use crate::programs::{HEALTH, apply, codes, service};
use crate::shop::{Run, Shop};

#[tokio::test]
async fn a_command_that_is_killed_is_told_with_its_signal() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    let red = shop.rehearse(&backup, &["--command", "echo half way; kill -9 $$"]).red();
    assert_eq!(red.first_line(), "the command failed: signal 9: half way");
    assert_eq!(red.report["command"]["exit_code"], serde_json::Value::Null);
}

#[tokio::test]
async fn of_a_command_that_fails_midway_it_is_told_how_far_it_came() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    shop.migration("42_total.up.sql", "alter table orders add column total int;\n");
    shop.migration("43_more.up.sql", "create table more ();\n");
    let command = format!("{} --steps 1 >/dev/null 2>&1; echo out of patience; exit 3", apply());
    let red = shop.rehearse(&backup, &["--command", &command]).red();
    let lines: Vec<&str> = red.detail.lines().collect();
    assert_eq!(lines[0], "the command failed: exit code 3: out of patience");
    assert_eq!(lines[1], "1 of 2 migrations were applied by then, as the ledger says");
    let status = |at: usize| red.report["migrations"][at]["status"].clone();
    assert_eq!((status(0), status(1)), ("applied".into(), "untouched".into()));
    assert_eq!(red.codes(), ["command-failed"]);
}

#[tokio::test]
async fn a_command_that_does_nothing_is_never_taken_for_one_that_migrated() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    shop.migration("42_total.up.sql", "alter table orders add column total int;\n");
    let red = shop.rehearse(&backup, &["--command", "true"]).red();
    assert_eq!(red.codes(), ["still-pending"]);
    // Where no ledger tells, somebody has to look: it may have worked on another database.
    fs::remove_dir_all(shop.path("migrations")).unwrap();
    let report = shop.rehearse(&backup, &["--command", "true"]).green();
    assert_eq!(codes(&report, "warning"), ["command-idle"]);
    let works = "psql -qc 'alter table orders add column total int'";
    let report = shop.rehearse(&backup, &["--command", works]).green();
    assert_eq!(codes(&report, "warning"), [""; 0]);
}

#[tokio::test]
async fn a_statement_that_a_service_left_running_keeps_nobody_waiting() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    let hold = "(psql -qc 'begin; lock table orders; select pg_sleep(100000)' &) && \
                until [ \"$(psql -Atc \"select count(*) from pg_locks where mode = \
                'AccessExclusiveLock' and relation = 'orders'::regclass\")\" = 1 ]; \
                do sleep 0.05; done";
    let boot = service(&shop, hold);
    let report = shop.rehearse(&backup, &["--boot", &boot, "--health", HEALTH]).green();
    let tables = report["tables"].as_array().unwrap();
    let orders = tables.iter().find(|it| it["relation"] == "public.orders").unwrap();
    assert_eq!(orders["rows_after"], 1000, "its rows were counted behind the boot");
}

#[tokio::test]
async fn a_signal_while_rows_are_counted_behind_a_command_is_no_verdict() {
    let shop = Shop::open().await;
    let server = TestServer::start().await;
    let backup = shop.dump("b.sql.gz", &[]);
    fs::remove_dir_all(shop.path("migrations")).unwrap();
    let (began, go) = (shop.path("began"), shop.path("go"));
    let command = format!(
        "psql -qc 'delete from orders where id = 1'; echo \"$PGDATABASE\" > {0}.part; \
         mv {0}.part {0}; until [ -e {1} ]; do sleep 0.05; done",
        began.display(),
        go.display()
    );
    let mut call = shop.command(&["rehearse", "--format", "json", "--command", &command]);
    call.args(["--backup", backup.to_str().unwrap(), "--scratch-url", &server.url()]);
    let mut tool = call.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !began.exists() {
        assert_eq!(tool.try_wait().unwrap(), None, "the command was not begun");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let scratch = fs::read_to_string(&began).unwrap().trim().to_owned();
    // Somebody else's lock, in the way of whoever counts.
    let client = server.access().to(&scratch).client().await;
    client.batch_execute("begin; lock table orders").await.unwrap();
    fs::write(&go, "").unwrap();
    let waiting = "select count(*) from pg_locks where not granted";
    while client.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        assert_eq!(tool.try_wait().unwrap(), None, "nobody counts");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    kill(Pid::from_raw(i32::try_from(tool.id()).unwrap()), Signal::SIGINT).unwrap();
    let run = Run::of(&tool.wait_with_output().unwrap());
    assert_eq!(run.exit, 130, "{}", run.err);
    let detail = run.json()["detail"].as_str().unwrap().to_owned();
    assert_eq!(detail, "stopped by a signal before the rows were counted");
    let left = "select count(*) from pg_database where datname like 'stopover_scratch_%'";
    assert_eq!(server.access().psql(left), "0");
    server.stop().await;
}
