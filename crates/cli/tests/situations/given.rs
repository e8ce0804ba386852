//! `--command` and `--boot` on a server that is given (`--scratch-url`): what belongs to others there
//! stays, what was made there goes, and nobody's password is told.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use stopover_testkit::{Access, TestServer};

use crate::programs::{HEALTH, apply, codes, lives, process, service};
use crate::shop::{Run, Shop};

/// The server that somebody gives, with a database and roles of its own on it.
struct Given {
    server: TestServer,
    before: String,
}

const MAKER: (&str, &str) = ("maker", "mak3rs-s3cret");
const WEAK: (&str, &str) = ("weak", "w3aks-s3cret");

/// Its lock is held until somebody has looked at it from outside, however long that takes.
const WIDEN: &str = "alter table orders alter column customer type bigint;
    do $$ declare begun timestamptz := clock_timestamp(); begin
      loop
        perform pg_stat_clear_snapshot();
        exit when clock_timestamp() > begun + interval '2 minutes' or exists (
          select from pg_stat_activity
          where datname = current_database() and pid <> pg_backend_pid() and state = 'idle'
            and query like '%pg_lock_status%' and query_start > begun);
        perform pg_sleep(0.01);
      end loop;
    end $$;\n";

impl Given {
    /// Beside `shop`'s production.
    async fn start(shop: &Shop) -> Self {
        let server = TestServer::start().await;
        let access = server.access();
        for (role, password) in [MAKER, WEAK] {
            access.psql(&format!("create role {role} login password '{password}'"));
        }
        access.psql("alter role maker createdb");
        for database in ["precious", "marked"] {
            access.psql(&format!("create database {database} owner weak"));
            access.to(database).psql("create table kept as select generate_series(1, 10)");
            access.to(database).psql("alter table kept owner to weak");
        }
        // Servers of tests are copies of one, as standbys are: there a database with the same number as
        // production's would be taken for production.
        let oid =
            |of: &Access| of.psql("select oid from pg_database where datname = current_database()");
        if oid(&access.to("marked")) == oid(&shop.database) {
            access.psql("alter database marked rename to twin");
            access.psql("create database marked owner weak template twin");
        }
        access.psql("comment on database marked is 'stopover scratch'");
        let before = inventory(&access);
        Self { server, before }
    }

    fn access(&self) -> Access {
        self.server.access()
    }

    fn url_of(&self, (role, password): (&str, &str), database: &str) -> String {
        self.access().to(database).as_role(role, password).url()
    }

    /// Nothing was made and nothing was dropped that is there still, or was there before.
    fn is_as_before(&self) {
        assert_eq!(inventory(&self.access()), self.before);
        assert_eq!(self.access().to("precious").psql("select count(*) from kept"), "10");
    }
}

/// Databases with their comments, and roles.
fn inventory(access: &Access) -> String {
    access.psql(
        "select datname || coalesce(': ' || shobj_description(oid, 'pg_database'), '')
           from pg_database order by 1;
         select rolname from pg_roles order by 1",
    )
}

/// A shell's text that writes down what leads a program to its database, into this file.
fn noting(shop: &Shop, file: &str) -> String {
    let path = shop.path(file).display().to_string();
    format!("env | grep -E '^(PG|DATABASE|STOPOVER_(DATABASE|SCRATCH))' > {path}")
}

/// The variables that a program noted.
fn noted(shop: &Shop, file: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(shop.path(file)).unwrap();
    let pairs = text.lines().filter_map(|it| it.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// They lead to a database of this run's on the given server, and nowhere else.
fn lead_to_the_scratch(shop: &Shop, variables: &[(String, String)]) {
    let names: BTreeSet<&str> = variables.iter().map(|it| it.0.as_str()).collect();
    let ours =
        ["DATABASE_URL", "PGDATABASE", "PGHOST", "PGPASSWORD", "PGPORT", "PGSSLMODE", "PGUSER"];
    assert_eq!(names, BTreeSet::from(ours));
    let of = |name: &str| variables.iter().find(|it| it.0 == name).unwrap().1.as_str();
    assert!(of("PGDATABASE").starts_with("stopover_scratch_"), "{variables:?}");
    assert!(of("DATABASE_URL").contains(&format!("/{}?", of("PGDATABASE"))), "{variables:?}");
    for (name, value) in variables {
        let production = shop.database.database();
        assert!(!value.contains(production), "{name} leads to production: {value}");
    }
}

/// Everything that a run said and wrote, but what the program itself noted.
fn all_told(shop: &Shop, run: &Run) -> String {
    let files = ["report.html", "report.md", "report.xml", "report.sarif"].map(|it| shop.path(it));
    let written = files.iter().map(|it| fs::read_to_string(it).unwrap_or_default());
    let mut told = format!("{}\n{}", run.out, run.err);
    written.for_each(|it| told.push_str(&it));
    told
}

/// `rehearse` on the given server, with production's URL in the environment.
fn rehearse(shop: &Shop, url: &str, more: &[&str]) -> Run {
    let mut call = shop.command(&["rehearse", "--format", "json", "-vv", "--backup"]);
    call.arg(shop.dump("b.sql.gz", &[])).args(["--scratch-url", url]).args(more);
    call.args(["--report-html", "report.html", "--report-markdown", "report.md"]);
    call.args(["--report-junit", "report.xml", "--report-sarif", "report.sarif"]);
    call.env("DATABASE_URL", shop.database.url()).env("RUST_LOG", "trace");
    call.env("STOPOVER_DATABASE_URL", shop.database.url());
    Run::of(&call.output().unwrap())
}

/// Nobody migrated production.
fn production_is_untouched(shop: &Shop) {
    let kind = "select format_type(atttypid, null) from pg_attribute
                where attrelid = 'orders'::regclass and attname = 'customer'";
    assert_eq!(shop.database.psql(kind), "integer");
}

#[tokio::test]
async fn a_command_gets_a_database_of_its_own_on_the_given_server_and_is_looked_at_there() {
    let shop = Shop::open().await;
    let given = Given::start(&shop).await;
    let superuser = given.server.url();
    let maker = given.url_of(MAKER, "postgres");
    shop.migration("42_widen.up.sql", WIDEN);
    let talks = "echo \"$DATABASE_URL $PGPASSWORD\"; echo \"password=$PGPASSWORD\" >&2";
    let command = format!("{}; {talks}; {}", noting(&shop, "noted"), apply());
    for url in [&superuser, &maker] {
        let run = rehearse(&shop, url, &["--command", &command]);
        let report = run.green();
        assert_eq!(report["scratch"]["kind"], "given");
        assert_eq!(report["migrations"][0]["status"], "applied");
        let detail = report["detail"].as_str().unwrap();
        assert!(detail.starts_with("1 migration applied by the command in "), "{detail}");
        was_looked_at(&report);
        lead_to_the_scratch(&shop, &noted(&shop, "noted"));
        let told = all_told(&shop, &run);
        assert!(told.contains("Seen from outside, by looking every "), "the page has a timeline");
        is_silent_about_passwords(&shop, &given, &told);
        given.is_as_before();
        production_is_untouched(&shop);
    }
    given.server.stop().await;
}

/// Locks, rewrites and how long the table was shut are told; what nobody can know is not.
fn was_looked_at(report: &Value) {
    let command = &report["command"];
    assert!(command["looks"]["count"].as_u64().unwrap() > 1, "{command:#}");
    assert!(command["duration_ms"].as_f64().unwrap() > 0.0, "{command:#}");
    assert_eq!(command["rewrites"], json!(["public.orders"]));
    let statements = command["statements"].as_array().unwrap().iter();
    let lock = statements.flat_map(|it| it["locks"].as_array().unwrap()).next().unwrap();
    let of_what = (&lock["mode"], &lock["relation"]);
    assert_eq!(of_what, (&json!("AccessExclusiveLock"), &json!("public.orders")));
    let tables = report["tables"].as_array().unwrap();
    let orders = tables.iter().find(|it| it["relation"] == "public.orders").unwrap();
    assert!(orders["read_blocked_ms"].as_f64().unwrap() > 0.0, "{orders}");
    assert_eq!(orders["rows_after"], 1000);
    assert_eq!(report["migrations"][0]["wal_bytes"], Value::Null);
    assert!(codes(report, "note").contains(&"observed-outside".to_owned()));
}

fn is_silent_about_passwords(shop: &Shop, given: &Given, told: &str) {
    let of = |access: &Access| {
        let password = access.config().get_password().unwrap().to_vec();
        String::from_utf8(password).unwrap()
    };
    let its_own = noted(shop, "noted").into_iter().find(|it| it.0 == "PGPASSWORD").unwrap().1;
    let production = of(&shop.database);
    for password in [its_own, production, of(&given.access()), MAKER.1.into(), WEAK.1.into()] {
        assert!(password.len() > 3);
        let line = told.lines().find(|it| it.contains(&password));
        assert_eq!(line, None, "a password is told");
    }
}

#[tokio::test]
async fn a_marked_database_is_emptied_for_a_command_and_one_without_a_mark_never() {
    let shop = Shop::open().await;
    let given = Given::start(&shop).await;
    shop.migration("42_total.up.sql", "alter table orders add column total int;\n");
    let command = format!("{}; {}", noting(&shop, "noted"), apply());
    let marked = given.url_of(WEAK, "marked");
    let run = rehearse(&shop, &marked, &["--command", &command]);
    assert_eq!(run.green()["command"]["exit_code"], 0);
    let noted = noted(&shop, "noted");
    assert!(noted.contains(&("PGDATABASE".to_owned(), "marked".to_owned())), "{noted:?}");
    is_silent_about_passwords(&shop, &given, &all_told(&shop, &run));
    given.is_as_before();
    let kept = "select to_regclass('kept') is null and to_regclass('orders') is not null";
    assert_eq!(given.access().to("marked").psql(kept), "t", "its mark is the decision");
    fs::remove_file(shop.path("noted")).unwrap();
    let red = rehearse(&shop, &given.url_of(WEAK, "precious"), &["--command", &command]).red();
    assert!(red.first_line().starts_with("scratch reset: "), "{}", red.detail);
    assert!(red.first_line().contains("not marked as a scratch"), "{}", red.detail);
    assert!(!shop.path("noted").exists(), "the command was not begun");
    given.is_as_before();
    production_is_untouched(&shop);
    given.server.stop().await;
}

#[tokio::test]
async fn a_service_boots_on_a_given_scratch_whoever_migrated_it() {
    let shop = Shop::open().await;
    let given = Given::start(&shop).await;
    shop.migration("42_total.up.sql", "alter table orders add column total int;\n");
    let maker = given.url_of(MAKER, "postgres");
    let command = apply();
    for with in [&[][..], &["--command", &command]] {
        let own = shop.path("service").display().to_string();
        let note = format!("{} && echo $$ > {own}", noting(&shop, "noted"));
        let boot = service(&shop, &note);
        let run = rehearse(&shop, &maker, &[with, &["--boot", &boot, "--health", HEALTH]].concat());
        let report = run.green();
        assert!(report["boot"]["ready_ms"].as_f64().unwrap() > 0.0);
        assert_eq!(report["command"].is_null(), with.is_empty());
        lead_to_the_scratch(&shop, &noted(&shop, "noted"));
        is_silent_about_passwords(&shop, &given, &all_told(&shop, &run));
        assert!(!lives(process(&shop.path("service"))), "the service is ended");
        given.is_as_before();
        for file in ["service", "port"] {
            fs::remove_file(shop.path(file)).unwrap();
        }
    }
    production_is_untouched(&shop);
    given.server.stop().await;
}

#[tokio::test]
async fn whatever_becomes_of_a_command_its_database_goes_from_the_given_server() {
    let shop = Shop::open().await;
    let given = Given::start(&shop).await;
    let maker = given.url_of(MAKER, "postgres");
    let red = rehearse(&shop, &maker, &["--command", "echo gone wrong; exit 3"]).red();
    assert_eq!(red.first_line(), "the command failed: exit code 3: gone wrong");
    given.is_as_before();
    let missing = rehearse(&shop, &maker, &["--command", "no-such-tool migrate"]);
    assert_eq!(missing.exit, 5, "{}", missing.err);
    given.is_as_before();
    let endless = "trap '' TERM; echo $$ > child; while :; do sleep 1; done";
    let mut call = shop.command(&["rehearse", "--format", "json", "--scratch-url", &maker]);
    call.args(["--backup", "b.sql.gz", "--command", endless]);
    let tool = call.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let child = process(&shop.path("child"));
    kill(Pid::from_raw(i32::try_from(tool.id()).unwrap()), Signal::SIGINT).unwrap();
    let run = Run::of(&tool.wait_with_output().unwrap());
    assert_eq!(run.exit, 130, "{}", run.err);
    let detail = run.json()["detail"].as_str().unwrap().to_owned();
    assert_eq!(detail, "stopped by a signal before the command was done");
    assert!(!lives(child), "the command is ended");
    given.is_as_before();
    given.server.stop().await;
}
