//! The seven situations of a rehearsal, each with the words that an operator reads, on a real
//! server with a real dump; and what a backup that is not whole, or not harmless, comes to.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod damage;
mod fetched;
mod formats;
mod full;
mod given;
mod hostile;
mod killed;
mod programs;
mod shop;
mod sqlite;
mod traced;
mod unruly;

use shop::Shop;
use stopover_testkit::TestDatabase;

const NOT_NULL: &str =
    "-- every order has a note\nalter table orders\n  alter column note set not null;\n";

#[tokio::test]
async fn situation_1_no_backup_is_there() {
    let shop = Shop::open().await;
    let none = shop.run(&["rehearse", "--format", "json"]).red();
    assert!(none.first_line().starts_with("no backup fetched; "), "{}", none.detail);
    assert!(none.detail.contains("pg_dump"), "the command that makes one: {}", none.detail);
    let latest = shop.run(&["rehearse", "--format", "json", "--backup", "latest"]).red();
    assert!(latest.first_line().starts_with("no backup fetched; "), "{}", latest.detail);
    let missing = shop.rehearse(&shop.path("nowhere.sql.gz"), &[]).red();
    assert!(missing.first_line().starts_with("no backup fetched; "), "{}", missing.detail);
    assert!(missing.first_line().contains("nowhere.sql.gz"));
    assert_eq!(missing.report["backup"]["complete"], serde_json::Value::Null);
}

#[tokio::test]
async fn situation_2_a_scratch_server_is_required_and_none_is_set() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    shop.file("stopover.toml", b"require_scratch_db_url = true\n");
    let red = shop.rehearse(&backup, &[]).red();
    assert!(red.first_line().starts_with("scratch_db_url unset "), "{}", red.detail);
    assert!(red.detail.contains("--scratch-url"), "where to set it: {}", red.detail);
}

#[tokio::test]
async fn situation_3_the_scratch_cannot_be_made_ready() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    let nowhere = "postgresql://u:secret@127.0.0.1:1/d";
    let red = shop.rehearse(&backup, &["--scratch-url", nowhere]).red();
    assert!(
        red.first_line().starts_with("scratch reset: the scratch server is unreachable"),
        "{}",
        red.detail
    );
    assert!(!red.report.to_string().contains("secret"));
    let role = shop.database.database().replace("test_", "weak_");
    let own = TestDatabase::create().await;
    own.psql(&format!("create role {role} login password 'pw'; create table precious (id int)"));
    let weak = own.as_role(&role, "pw").url();
    let red = shop.rehearse(&backup, &["--scratch-url", &weak]).red();
    assert!(red.first_line().starts_with("scratch reset: "), "{}", red.detail);
    assert!(red.first_line().contains("not marked as a scratch"), "{}", red.detail);
    assert_eq!(own.psql("select count(*) from precious"), "0", "nothing was dropped");
    own.psql(&format!("drop role {role}"));
}

#[tokio::test]
async fn a_given_server_is_used_and_left_as_it_was() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    shop.migration("42_total.up.sql", "alter table orders add column total int;\n");
    let databases = "select string_agg(datname, ',' order by 1) from pg_database
                     where datname like 'stopover_scratch_%'";
    let server = stopover_testkit::TestServer::start().await;
    let report = shop.rehearse(&backup, &["--scratch-url", &server.url()]).green();
    assert_eq!(report["scratch"]["kind"], "given");
    assert_eq!(report["migrations"][0]["status"], "applied");
    assert_eq!(server.access().psql(databases), "", "the scratch database is dropped");
}

#[tokio::test]
async fn the_target_is_never_a_scratch_marked_or_not() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    let role = shop.database.database().replace("test_", "owner_");
    let target = TestDatabase::create().await;
    let name = target.database().to_owned();
    target.psql(&format!("create role {role} login password 'pw'"));
    target.psql(&format!("alter database {name} owner to {role}"));
    target.psql(&format!(
        "comment on database {name} is 'stopover scratch'; create table precious (id int)"
    ));
    let url = target.as_role(&role, "pw").url();
    let mut command = shop.command(&["rehearse", "--format", "json", "--backup"]);
    command.arg(&backup).args(["--scratch-url", &url]).env("DATABASE_URL", target.url());
    let red = shop::Run::of(&command.output().unwrap()).red();
    assert!(red.first_line().contains("is the target itself"), "{}", red.detail);
    assert_eq!(target.psql("select count(*) from precious"), "0");
    target.psql(&format!("alter database {name} owner to current_user; drop role {role}"));
}

#[tokio::test]
async fn situation_5_applied_in_production_and_missing_here() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    shop.database.psql("select 1");
    std::fs::remove_file(shop.path("migrations/2_orders.up.sql")).unwrap();
    std::fs::remove_file(shop.path("migrations/9_index.up.sql")).unwrap();
    let red = shop.rehearse(&backup, &[]).red();
    let lines: Vec<&str> = red.detail.lines().collect();
    let missing = |version| {
        format!(
            "migration {version} was previously applied but is missing in the resolved migrations"
        )
    };
    assert_eq!(lines[0], missing(2));
    assert_eq!(lines[1], missing(9));
    assert!(red.detail.contains("git log"), "the hint to look at the history: {}", red.detail);
    assert_eq!(red.codes(), ["orphan", "orphan"]);
    assert_eq!(red.report["migrations"], serde_json::json!([]), "nothing was run");
}

#[tokio::test]
async fn situation_6_an_applied_migration_was_changed() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    shop.migration("9_index.up.sql", "create index on orders (note);\n");
    let red = shop.rehearse(&backup, &[]).red();
    assert!(
        red.first_line().starts_with("migration 9 was previously applied but has been modified"),
        "{}",
        red.detail
    );
    assert_eq!(red.codes(), ["modified"]);
}

#[tokio::test]
async fn situation_7_it_breaks_on_productions_data() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    shop.migration("42_note_not_null.up.sql", NOT_NULL);
    shop.migration("43_later.up.sql", "create table later (id int);\n");
    let red = shop.rehearse(&backup, &[]).red();
    let lines: Vec<&str> = red.detail.lines().collect();
    assert_eq!(
        lines[0],
        "migration 42: column \"note\" of relation \"orders\" contains null values"
    );
    assert_eq!(lines[1], "10 rows of orders where note is null, e.g. id = 7, id = 107, id = 207");
    assert_eq!(red.codes(), ["migration-failed"]);
    let migrations = &red.report["migrations"];
    assert_eq!(migrations[0]["status"], "failed");
    assert_eq!(migrations[0]["statements"][0]["error"]["sqlstate"], "23502");
    assert_eq!(migrations[0]["statements"][0]["error"]["line"], 2);
    assert_eq!(migrations[1]["status"], "untouched");
}

#[tokio::test]
async fn situation_7_names_the_constraint_and_the_rows_without_a_parent() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    shop.migration(
        "42_fk.up.sql",
        "alter table orders add constraint orders_customer foreign key (customer) references customers;\n",
    );
    let red = shop.rehearse(&backup, &[]).red();
    assert!(red.first_line().starts_with("migration 42: "), "{}", red.detail);
    assert!(red.first_line().contains("orders_customer"), "{}", red.detail);
    let orphaned = shop.database.psql(
        "select count(*) from orders o where not exists (select from customers c where c.id = o.customer)",
    );
    let said = red.detail.lines().nth(1).unwrap_or_default();
    assert!(said.starts_with(&format!("{orphaned} rows of orders without a parent")), "{said}");
}

#[tokio::test]
async fn green_says_what_was_applied_and_production_is_untouched() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    let before = shop.database.pg_dump(&["--restrict-key=x"][..0]);
    shop.migration(
        "42_total.up.sql",
        "alter table orders add column total int not null default 0;\n",
    );
    let report = shop.rehearse(&backup, &[]).green();
    assert_eq!(report["migrations"][0]["status"], "applied");
    assert_eq!(report["backup"]["complete"], true);
    assert_eq!(report["scratch"]["kind"], "private");
    let strip = |text: String| {
        text.lines().filter(|it| !it.contains("restrict")).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(strip(before), strip(shop.database.pg_dump(&[])));
}

#[tokio::test]
async fn a_backup_that_is_too_old_is_red() {
    let shop = Shop::open().await;
    let backup = shop.dump("b.sql.gz", &[]);
    let two_days_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(48);
    std::fs::File::options()
        .append(true)
        .open(&backup)
        .unwrap()
        .set_modified(two_days_ago)
        .unwrap();
    let red = shop.rehearse(&backup, &["--max-age", "26h"]).red();
    assert!(red.first_line().contains("too old"), "{}", red.detail);
    assert!(red.first_line().contains("26 h"), "{}", red.detail);
    shop.rehearse(&backup, &["--max-age", "3d"]).green();
}
