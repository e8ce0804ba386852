//! `--command` and `--boot`: the migrations are run by a tool of the user's own, here by `stopover
//! apply` and by shells; the service boots on what came of it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::shop::{Run, STOPOVER, Shop};

const WIDEN: &str = "alter table orders alter column customer type bigint;\n";

/// Its lock is held for so long that a look from outside meets it.
const HELD: &str = "alter table orders alter column customer type bigint;\n\
                    select pg_sleep(2);\n";

/// The tool that the user's deployment calls.
pub(crate) fn apply() -> String {
    format!("{STOPOVER} apply")
}

/// `rehearse --command` with whatever else.
fn commanded(shop: &Shop, command: &str, more: &[&str]) -> Run {
    let backup = shop.dump("b.sql.gz", &[]);
    shop.rehearse(&backup, &[&["--command", command], more].concat())
}

pub(crate) fn codes(report: &Value, severity: &str) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    let found = findings.filter(|it| it["severity"] == severity);
    found.map(|it| it["code"].as_str().unwrap().to_owned()).collect()
}

/// The process whose number a command writes to the file.
pub(crate) fn process(path: &PathBuf) -> Pid {
    let began = Instant::now();
    loop {
        let written = fs::read_to_string(path).unwrap_or_default();
        if written.ends_with('\n') {
            return Pid::from_raw(written.trim().parse().unwrap());
        }
        assert!(began.elapsed() < Duration::from_secs(120), "{}", path.display());
        thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn lives(process: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    kill(process, None).is_ok() && !status.contains(") Z ")
}

#[tokio::test]
async fn a_tool_of_the_users_own_migrates_and_is_looked_at_from_outside() {
    let shop = Shop::open().await;
    shop.migration("42_widen.up.sql", HELD);
    let report = commanded(&shop, &apply(), &[]).green();
    assert_eq!(
        report["detail"].as_str().unwrap().split(" in ").next().unwrap(),
        "1 migration applied by the command"
    );
    assert_eq!(report["migrations"][0]["version"], 42);
    assert_eq!(report["migrations"][0]["status"], "applied");
    assert_eq!(report["migrations"][0]["statements"][0]["locks"], Value::Null);
    let command = &report["command"];
    assert_eq!((&command["exit_code"], &command["compared"]), (&json!(0), &json!(true)));
    assert!(command["looks"]["every_ms"].as_f64().unwrap() >= 10.0, "{command:#}");
    assert_eq!(command["rewrites"], json!(["public.orders"]));
    let locks = command["statements"].as_array().unwrap().iter();
    let lock = locks.flat_map(|it| it["locks"].as_array().unwrap()).next().unwrap();
    assert_eq!(
        (&lock["mode"], &lock["relation"]),
        (&json!("AccessExclusiveLock"), &json!("public.orders"))
    );
    assert!(lock["held_ms"].as_f64().unwrap() >= 1990.0, "until the transaction's end: {lock}");
    let tables = report["tables"].as_array().unwrap();
    let orders = tables.iter().find(|it| it["relation"] == "public.orders").unwrap();
    assert!(orders["read_blocked_ms"].as_f64().unwrap() >= 1990.0, "{orders}");
    assert_eq!(orders["rows_after"], 1000);
    assert!(codes(&report, "note").contains(&"observed-outside".to_owned()));
    assert_eq!(report["receipt"], Value::Null, "the engine ran nothing that it could vouch for");
}

#[tokio::test]
async fn limits_hold_for_what_was_seen_from_outside() {
    let shop = Shop::open().await;
    shop.migration("42_widen.up.sql", HELD);
    shop.file("stopover.toml", b"[limits]\nread_block = \"100ms\"\nrewrite_bytes = \"1KiB\"\n");
    let red = commanded(&shop, &apply(), &[]).red();
    assert_eq!(red.codes(), ["read-block", "rewrite"], "{}", red.detail);
    assert!(red.detail.contains("the command rewrites public.orders of "), "{}", red.detail);
}

#[tokio::test]
async fn a_command_that_fails_is_red_with_its_last_output_and_no_secret() {
    let shop = Shop::open().await;
    shop.migration("42_widen.up.sql", WIDEN);
    let command = "i=0; while [ $i -lt 20000 ]; do echo 'a line of a long build'; i=$((i+1)); done; \
                   echo \"connecting to $DATABASE_URL\"; echo 'it went wrong' >&2; exit 3";
    let red = commanded(&shop, command, &[]).red();
    assert_eq!(red.first_line(), "the command failed: exit code 3: it went wrong");
    assert_eq!(red.codes(), ["command-failed"]);
    assert!(red.detail.ends_with("it went wrong"), "{}", red.detail);
    assert!(red.detail.contains("connecting to postgresql://"), "{}", red.detail);
    assert!(red.detail.contains(":***@localhost:"), "{}", red.detail);
    assert!(red.report["command"]["output"].as_str().unwrap().len() <= 4096);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_a_mistake_of_the_call() {
    let shop = Shop::open().await;
    let run = commanded(&shop, "no-such-tool migrate", &[]);
    assert_eq!(run.exit, 5, "{}", run.err);
    let detail = run.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with("the command's program is not there: "), "{detail}");
    assert!(detail.contains("no-such-tool"), "{detail}");
}

#[tokio::test]
async fn a_command_that_leaves_migrations_pending_is_red_whatever_its_exit_code() {
    let shop = Shop::open().await;
    shop.migration("42_widen.up.sql", WIDEN);
    shop.migration("43_more.up.sql", "create table more ();\n");
    let red = commanded(&shop, &format!("{} --steps 1", apply()), &[]).red();
    assert_eq!(red.first_line(), "migration 43 (more) is still pending afterwards");
    assert_eq!(red.codes(), ["still-pending"]);
    assert_eq!(red.report["migrations"][0]["status"], "applied");
    assert_eq!(red.report["migrations"][1]["status"], "untouched");
}

#[tokio::test]
async fn drift_is_found_before_the_command_runs() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    fs::remove_file(shop.path("migrations/9_index.up.sql")).unwrap();
    let marker = shop.path("ran");
    let command = format!("touch {}", marker.display());
    let red = shop.rehearse(&backup, &["--command", &command]).red();
    let situation = "migration 9 was previously applied but is missing in the resolved migrations";
    assert_eq!(red.first_line(), situation);
    assert!(!marker.exists());
}

#[tokio::test]
async fn without_a_source_that_is_read_here_the_command_alone_decides_and_the_report_says_so() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    fs::remove_dir_all(shop.path("migrations")).unwrap();
    let report = shop.rehearse(&backup, &["--command", "true"]).green();
    assert_eq!(report["command"]["compared"], false);
    assert!(codes(&report, "note").contains(&"not-compared".to_owned()), "{report:#}");
    fs::create_dir_all(shop.path("migrations/versions")).unwrap();
    shop.migration("env.py", "# Alembic's\n");
    let report = shop.rehearse(&backup, &["--command", "true"]).green();
    assert_eq!(report["command"]["compared"], false);
    let named = shop.rehearse(&backup, &["--command", "true", "--migrations", "nowhere"]);
    assert_eq!(named.exit, 5, "one that was named must be there: {}", named.err);
}

#[tokio::test]
async fn rows_that_vanish_under_a_command_need_a_decision() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    let drop = "psql -qc 'drop table orders'";
    // A table that another migration dropped before needs a directive; here it is drift's business.
    fs::remove_dir_all(shop.path("migrations")).unwrap();
    let red = shop.rehearse(&backup, &["--command", drop]).red();
    assert!(
        red.first_line().starts_with("public.orders was dropped with its 1,000 rows"),
        "{}",
        red.detail
    );
    assert!(red.detail.contains("--allow-data-loss public.orders"), "{}", red.detail);
    let allowed = ["--command", drop, "--allow-data-loss", "orders"];
    let report = shop.rehearse(&backup, &allowed).green();
    assert!(codes(&report, "note").contains(&"data-loss".to_owned()), "{report:#}");
}

#[tokio::test]
async fn a_statement_that_goes_on_without_its_client_keeps_nobody_waiting() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    let hold = "psql -qc 'begin; lock table orders; select pg_sleep(600)' & \
                until [ \"$(psql -Atc \"select count(*) from pg_locks where mode = \
                'AccessExclusiveLock' and relation = 'orders'::regclass\")\" = 1 ]; \
                do sleep 0.05; done";
    let began = Instant::now();
    let report = shop.rehearse(&backup, &["--command", hold]).green();
    assert!(began.elapsed() < Duration::from_secs(240), "{:?}", began.elapsed());
    assert_eq!(codes(&report, "warning"), ["command-left"]);
}

#[tokio::test]
async fn no_variable_of_the_caller_leads_the_command_elsewhere() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    let command = "env | grep -E '^(PG|STOPOVER_DATABASE|DATABASE)' | cut -d= -f1 | sort";
    let mut call = shop.command(&["rehearse", "--format", "json", "--command", command]);
    call.args(["--backup", backup.to_str().unwrap()]);
    call.env("PGSERVICE", "production").env("PGHOSTADDR", "10.0.0.1").env("PGOPTIONS", "-c x=y");
    call.env("STOPOVER_DATABASE_URL", "postgresql://production/shop");
    call.env("DATABASE_URL", "postgresql://production/shop");
    let report = Run::of(&call.output().unwrap()).green();
    let names: Vec<&str> = report["command"]["output"].as_str().unwrap().lines().collect();
    let ours =
        ["DATABASE_URL", "PGDATABASE", "PGHOST", "PGPASSWORD", "PGPORT", "PGSSLMODE", "PGUSER"];
    assert_eq!(names, ours);
}

#[tokio::test]
async fn a_driver_without_sockets_reaches_the_scratch_over_tcp() {
    let shop = Shop::open().await;
    shop.migration("42_widen.up.sql", WIDEN);
    let command = format!("echo \"$PGHOST $DATABASE_URL\"; {}", apply());
    let report = commanded(&shop, &command, &["--scratch-tcp"]).green();
    let said = report["command"]["output"].as_str().unwrap();
    assert!(said.starts_with("127.0.0.1 postgresql://"), "{said}");
    assert!(said.contains("@127.0.0.1:") && !said.contains("host="), "{said}");
}

#[tokio::test]
async fn what_a_command_leaves_running_is_ended_and_told() {
    let shop = Shop::open().await;
    let daemon = shop.path("daemon");
    let command = format!(
        "setsid sh -c 'echo $$ > {0}; exec sleep 600' >/dev/null 2>&1 & \
         while [ ! -s {0} ]; do sleep 0.01; done",
        daemon.display()
    );
    let report = commanded(&shop, &command, &[]).green();
    assert_eq!(codes(&report, "warning"), ["command-left"]);
    assert!(!lives(process(&daemon)));
}

#[tokio::test]
async fn a_signal_or_kill_9_ends_the_command_and_leaves_nothing() {
    for (signal, exit) in
        [(Signal::SIGINT, Some(130)), (Signal::SIGTERM, Some(143)), (Signal::SIGKILL, None)]
    {
        let shop = Shop::open().await;
        let backup = shop.dump("b.sql.gz", &[]);
        let (child, folder) = (shop.path("child"), shop.path("scratch"));
        fs::create_dir(&folder).unwrap();
        let text =
            format!("trap '' TERM; echo $$ > {}; while :; do sleep 1; done", child.display());
        let mut call = shop.command(&["rehearse", "--backup", backup.to_str().unwrap()]);
        call.args(["--command", &text, "--scratch-dir", folder.to_str().unwrap()]);
        let mut tool = call.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let child = process(&child);
        let began = Instant::now();
        kill(Pid::from_raw(i32::try_from(tool.id()).unwrap()), signal).unwrap();
        assert_eq!(tool.wait().unwrap().code(), exit);
        assert!(began.elapsed() < Duration::from_secs(60), "{signal}: {:?}", began.elapsed());
        let gone = || !lives(child) && fs::read_dir(&folder).unwrap().next().is_none();
        while !gone() {
            assert!(began.elapsed() < Duration::from_secs(120), "{signal}: something is left");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Answers 200 on the port that a service writes to the file.
fn answering(file: PathBuf) {
    thread::spawn(move || {
        let port = u16::try_from(process(&file).as_raw()).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        loop {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|it| it.is_ok_and(|it| !it.is_empty())) {}
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        }
    });
}

pub(crate) const HEALTH: &str = "http://127.0.0.1:{PORT}/health";

/// A service that migrates when it boots, and is well then.
pub(crate) fn service(shop: &Shop, migrate: &str) -> String {
    let port = shop.path("port");
    answering(port.clone());
    format!("{migrate} && echo $PORT > {} && exec sleep 600", port.display())
}

#[tokio::test]
async fn a_service_boots_on_the_migrated_scratch_and_is_ended() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    shop.migration("42_widen.up.sql", WIDEN);
    let boot = service(&shop, &apply());
    let report = shop.rehearse(&backup, &["--boot", &boot, "--health", HEALTH]).green();
    assert!(report["boot"]["ready_ms"].as_f64().unwrap() > 0.0);
    assert!(report["boot"]["output"].as_str().unwrap().contains("nothing"), "{}", report["boot"]);
    assert_eq!(report["migrations"][0]["status"], "applied");
}

#[tokio::test]
async fn a_service_that_changes_the_applied_set_when_it_boots_is_red() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    fs::create_dir(shop.path("its")).unwrap();
    for entry in fs::read_dir(shop.path("migrations")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, shop.path("its").join(path.file_name().unwrap())).unwrap();
    }
    shop.file("its/99_extra.up.sql", b"create table extra ();\n");
    let boot = service(&shop, &format!("{} --migrations its", apply()));
    let red = shop.rehearse(&backup, &["--boot", &boot, "--health", HEALTH]).red();
    assert!(red.first_line().starts_with(
        "the service did not boot: it is well, and the applied set is not the source set any more: \
         migration 99 was previously applied but is missing"
    ), "{}", red.detail);
    assert!(red.codes().contains(&"boot-failed"), "{:?}", red.codes());
}

#[tokio::test]
async fn rows_that_the_service_deletes_when_it_boots_are_red() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    shop.migration("42_widen.up.sql", WIDEN);
    let boot = service(&shop, "psql -qXc 'delete from orders' \"$DATABASE_URL\"");
    let red = shop.rehearse(&backup, &["--boot", &boot, "--health", HEALTH]).red();
    let line = red.first_line();
    assert!(line.starts_with("public.orders lost all of its "), "{line}");
    assert!(line.ends_with(" (the service, at its boot)"), "{line}");
    assert!(red.codes().contains(&"data-loss"), "{:?}", red.codes());
    let tables = red.report["tables"].as_array().unwrap();
    let orders = tables.iter().find(|it| it["relation"] == "public.orders").unwrap();
    assert_eq!(orders["rows_after"], 0);
}

#[tokio::test]
async fn a_service_that_ends_or_is_never_well_is_red_with_its_last_output() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    let boot = "echo 'relation \"sessions\" does not exist' >&2; exit 4";
    let red = shop.rehearse(&backup, &["--boot", boot, "--health", HEALTH]).red();
    let said = "the service did not boot: it ended with exit code 4: relation \"sessions\" does not \
                exist";
    assert_eq!(red.first_line(), said);
    assert_eq!(red.codes(), ["boot-failed"]);
    let never = ["--boot", "exec sleep 600", "--health", HEALTH, "--boot-timeout", "1s"];
    let red = shop.rehearse(&backup, &never).red();
    assert!(red.first_line().contains("did not answer 200 within 1 s: "), "{}", red.detail);
    let red = shop.run(&["rehearse", "--boot", "x", "--health", "https://example.org"]);
    assert_eq!(red.exit, 5, "{}", red.err);
    assert_eq!(shop.run(&["rehearse", "--boot", "x"]).exit, 5);
}
