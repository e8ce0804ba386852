//! One of every kind of object: what psql makes of a dump and what we make of it are the same, but
//! for what is disarmed on purpose, which is named here.

use std::process::{Command, Stdio};

use stopover_scratch::binaries::Program;
use stopover_testkit::{Access, TestDatabase};
use tokio::sync::OnceCell;

use crate::fixture::{Scratch, dumped};

/// What the copy has on purpose in another way:
/// - event triggers are disabled, and belong to the superuser;
/// - subscriptions are not there;
/// - foreign-data wrappers have no functions, so that foreign tables reach nothing;
/// - publications of all tables belong to the superuser.
const DISARMED: [&str; 4] =
    ["EVENT TRIGGER", "SUBSCRIPTION", "FOREIGN DATA WRAPPER", "PUBLICATION zoo_all"];

/// Errors of psql where the zoo's superuser is an ordinary role: what only a superuser may own.
const ONLY_FOR_SUPERUSERS: [&str; 3] = [
    "permission denied to change owner of event trigger",
    "permission denied to change owner of publication",
    "permission denied to change owner of subscription",
];

static ZOO: OnceCell<String> = OnceCell::const_new();

/// The zoo's dump; its superuser is called zoo_boss.
async fn zoo() -> &'static str {
    ZOO.get_or_init(|| async {
        let database = TestDatabase::create().await;
        make_roles(&database, &["zoo_app", "zoo_reader"]);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), include_str!("zoo.sql")).unwrap();
        let path = file.path().display().to_string();
        let arguments = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", &path];
        let said = database.run(Program::Psql, &arguments);
        assert!(said.success, "{}", said.errors);
        let superuser = database.psql("SELECT current_user");
        let dump = database.pg_dump(&[]);
        database.psql("DROP SUBSCRIPTION zoo_sub");
        dump.replace(&superuser, "zoo_boss")
    })
    .await
}

fn make_roles(access: &Access, roles: &[&str]) {
    for role in roles {
        // Another test may make the same one at the same time.
        access.psql(&format!(
            "DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object OR unique_violation
             THEN NULL; END $$"
        ));
    }
}

/// Gives the dump to psql, as a superuser.
fn restore_by_psql(access: &Access, dump: &str) {
    let mut command: Command = access.command(Program::Psql);
    command.args(["-X", "-q", "-o", "/dev/null"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut psql = command.spawn().unwrap();
    let mut input = psql.stdin.take().unwrap();
    let text = dump.to_owned();
    let feeder = std::thread::spawn(move || {
        std::io::Write::write_all(&mut input, text.as_bytes()).unwrap();
    });
    let output = psql.wait_with_output().unwrap();
    feeder.join().unwrap();
    for line in String::from_utf8(output.stderr).unwrap().lines() {
        let known = ONLY_FOR_SUPERUSERS.iter().any(|it| line.contains(it));
        assert!(known || !line.contains("ERROR"), "psql: {line}");
    }
}

/// The dump of a restored zoo, without what is disarmed.
fn compared(access: &Access) -> Vec<String> {
    let text = dumped(access);
    let kept = text.lines().filter(|line| {
        !DISARMED.iter().any(|it| line.contains(it))
            && !DISARMED.iter().any(|it| line.contains(&format!("Type: {it}")))
            && !line.contains("zoo_sub")
            && !line.starts_with("-- Name: zoo_all; Type: PUBLICATION")
            && !line.trim().is_empty()
            && *line != "--"
    });
    kept.map(str::to_owned).collect()
}

/// Rows and a digest of each table, whatever the order of the rows.
fn digests(access: &Access) -> Vec<(String, String)> {
    let tables = access.psql(
        "SELECT oid::regclass FROM pg_class
         WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname ILIKE 'zoo%')
             AND relkind IN ('r', 'p', 'm') AND relispopulated ORDER BY 1",
    );
    let digest = |table: &str| {
        access.psql(&format!(
            "SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM {table} AS t"
        ))
    };
    tables.lines().map(|table| (table.to_owned(), digest(table))).collect()
}

/// Sequences and large objects, as the server has them.
fn state(access: &Access) -> String {
    access.psql(
        "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2;
         SELECT loid, pageno, md5(data) FROM pg_largeobject ORDER BY 1, 2;
         SELECT m.oid, lomacl, obj_description(m.oid, 'pg_largeobject')
             FROM pg_largeobject_metadata AS m ORDER BY 1",
    )
}

async fn assert_like_psql(dump: &str, restored: &Access, name: &str) {
    let scratch = Scratch::new().await;
    let maintenance = scratch.maintenance();
    make_roles(&maintenance, &["zoo_app", "zoo_reader", "zoo_boss"]);
    maintenance.psql(&format!("CREATE DATABASE \"{name}\" TEMPLATE template0"));
    let by_psql = maintenance.to(name);
    restore_by_psql(&by_psql, dump);
    let (expected, actual) = (compared(&by_psql), compared(restored));
    for (at, (expected, actual)) in expected.iter().zip(&actual).enumerate() {
        assert_eq!(expected, actual, "line {at}");
    }
    assert_eq!(expected.len(), actual.len());
    assert_eq!(digests(&by_psql), digests(restored));
    assert_eq!(state(&by_psql), state(restored));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_object_is_restored_as_by_psql() {
    let dump = zoo().await;
    let scratch = Scratch::new().await;
    let restored = scratch.restore_text(dump.as_bytes()).await.unwrap();
    let codes: Vec<&str> = restored.findings.iter().map(|it| it.code.as_str()).collect();
    for code in [
        "restore-event-trigger-disabled",
        "restore-foreign-server-disarmed",
        "restore-subscription-skipped",
        "restore-superuser-owner",
    ] {
        assert!(codes.contains(&code), "{code} is not in {codes:?}");
    }
    assert_like_psql(dump, &scratch.access, "zoo_by_psql").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_session_and_many_restore_the_same() {
    let dump = zoo().await;
    for sessions in [1, 7] {
        let mut scratch = Scratch::new().await;
        scratch.target.sessions = Some(sessions);
        scratch.restore_text(dump.as_bytes()).await.unwrap();
        assert_like_psql(dump, &scratch.access, &format!("zoo_by_psql_{sessions}")).await;
    }
}
