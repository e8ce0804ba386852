//! Mistakes around a rehearsal whose output depends on the server's version; the rest of them is
//! told as scenarios.

use crate::place::Place;

const USERS: (&str, &str) = ("migrations/1_users.up.sql", "CREATE TABLE users (id bigint);\n");

#[tokio::test]
async fn a_collision_makes_a_rehearsal_red() {
    let people = ("migrations/01_people.up.sql", "CREATE TABLE people (id bigint);\n");
    let place = Place::with(&[USERS, people]).await;
    place.dump("backup.sql");
    let said = place.call("rehearse --backup backup.sql").run().exits(6);
    let first: Vec<&str> = said.stdout.lines().take(2).collect();
    let detail = "  several files have the version 1: migrations/01_people.up.sql and \
                  migrations/1_users.up.sql";
    assert_eq!(first, ["VERDICT: RED", detail]);
}

#[tokio::test]
async fn a_report_that_cannot_be_written_is_no_success() {
    let place = Place::with(&[USERS, ("logs", "a file where a folder must be")]).await;
    place.dump("backup.sql");
    let said = place.call("rehearse --backup backup.sql").run().exits(7);
    assert!(said.stdout.starts_with("VERDICT: GREEN"), "{}", said.stdout);
    assert!(said.stderr.contains("the folder logs for the report cannot be made"), "{said:?}");
    assert!(said.stderr.contains("--no-report"), "{said:?}");
    place.call("rehearse --backup backup.sql --no-report").run().exits(0);
}

#[tokio::test]
async fn a_host_that_is_not_known_is_exit_code_7_and_named() {
    let place = Place::with(&[USERS]).await;
    let call = place.call("status");
    let call = call.variable("DATABASE_URL", "postgresql://user@no-such-host.invalid/shop");
    let said = call.run().exits(7);
    let begins = "error: cannot connect to database shop on no-such-host.invalid:5432 as user: ";
    assert!(said.stderr.starts_with(begins), "{}", said.stderr);
    assert!(said.stderr.contains("check host and port"), "{}", said.stderr);
}
