//! A password never shows, whatever goes wrong and however much is said.

use std::fs;

use crate::place::Place;
use crate::program::Said;

/// A password that needs percent-encoding in a URL and quotes in a keyword string.
const PASSWORD: &str = "hush/hush@zyxw 'x' %41";

fn encoded() -> String {
    PASSWORD
        .bytes()
        .map(|it| {
            if it.is_ascii_alphanumeric() {
                char::from(it).to_string()
            } else {
                format!("%{it:02X}")
            }
        })
        .collect()
}

/// Its recognisable part, plain and encoded: nothing else that is printed holds it.
fn is_secret(line: &str) -> bool {
    line.contains("zyxw") || line.contains("hush")
}

#[track_caller]
fn keeps_quiet(said: &Said) {
    let line = said.stdout.lines().chain(said.stderr.lines()).find(|line| is_secret(line));
    assert_eq!(line, None);
}

/// A database, and a role's password in each form in which a URL can hold it. Pairs: whether the
/// connection succeeds, and the text.
async fn place() -> (Place, Vec<(bool, String)>) {
    let place = Place::with(&[("migrations/1_users.up.sql", "CREATE TABLE users (id int);\n")]);
    let place = place.await;
    let role = format!("secret_{}", place.database.database());
    let quoted = PASSWORD.replace('\'', "''");
    place.database.psql(&format!("CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{quoted}'"));
    let url = place.database.as_role(&role, PASSWORD).url();
    let wrong = url.replace(&encoded(), &format!("{}wrong", encoded()));
    let host = place.path("nowhere").display().to_string();
    let keywords = format!(
        "host='{host}' user={role} dbname=x password='{}'",
        PASSWORD.replace('\\', "\\\\").replace('\'', "\\'")
    );
    let forms = vec![
        (true, url.clone()),
        (false, wrong),
        (false, keywords),
        (false, format!("postgresql://u:{}@127.0.0.1:1/x", encoded())),
        (false, format!("postgresql://127.0.0.1:1/x?user=u&password={}", encoded())),
        (false, format!("postgresql://u:{}@127.0.0.1:99999999/x", encoded())),
        (false, format!("postgresql://u:{}@[::1/x", encoded())),
        (false, format!("postgresql://u:hush zyxw@127.0.0.1:port/x?nonsense={}", encoded())),
        (false, format!("host=127.0.0.1 port=1 password={} nonsense=1", "hushzyxw")),
        (false, format!("host=127.0.0.1 port=1 password='{}", "hushzyxw")),
        (false, format!("mysql://u:{}@127.0.0.1/x", encoded())),
        (false, "hushzyxw".to_owned()),
        (false, "sqlite:app.db?password=hushzyxw".to_owned()),
    ];
    (place, forms)
}

fn drop_role(place: &Place) {
    let role = format!("secret_{}", place.database.database());
    place.database.psql(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
}

#[tokio::test]
async fn a_password_in_the_target_never_shows() {
    let (place, forms) = place().await;
    for (good, url) in &forms {
        for command in ["status", "plan", "config", "apply", "apply --format json -vvv"] {
            let call = place.call(command).variable("DATABASE_URL", url);
            let said = call.run();
            keeps_quiet(&said);
            assert_eq!(said.end == "exit 0", *good || command == "config", "{command}: {said:?}");
        }
        keeps_quiet(&place.call("status").arguments(["--database-url", url]).run());
    }
    drop_role(&place);
}

#[tokio::test]
async fn a_password_never_shows_however_much_is_said() {
    let (place, forms) = place().await;
    for (_, url) in &forms[..5] {
        for arguments in ["status -v", "status -vv", "plan -vvv", "apply -vvv --lock-wait 1s"] {
            for log in [None, Some("trace"), Some("tokio_postgres=trace,stopover=trace")] {
                let call = place.call(arguments).variable("DATABASE_URL", url);
                let call = log.iter().fold(call, |call, it| call.variable("RUST_LOG", *it));
                keeps_quiet(&call.run());
            }
        }
    }
    drop_role(&place);
}

#[tokio::test]
async fn a_password_in_the_settings_file_never_shows() {
    let (place, forms) = place().await;
    for (_, url) in &forms {
        let url = toml::Value::String(url.clone());
        let status = place.call("status").without("DATABASE_URL");
        place.write(
            "stopover.toml",
            &format!("database_url = {url}\nscratch_db_url = {url}\n[env.x]\nlock_wait = 7\n"),
        );
        for command in ["config", "config --format json", "status", "rehearse --backup none -vv"] {
            keeps_quiet(&place.call(command).without("DATABASE_URL").run());
        }
        // What is wrong with the file must not be told by quoting it.
        place.write("stopover.toml", &format!("database_url = {url} hushzyxw\n"));
        keeps_quiet(&status.run().exits(5));
        place.write("stopover.toml", &format!("database_url = [{url}]\n"));
        keeps_quiet(&status.run().exits(5));
    }
    // A value at the wrong place is quoted; what can be told to be a URL is still kept quiet.
    for (_, url) in &forms[..6] {
        let url = toml::Value::String(url.clone());
        place.write("stopover.toml", &format!("lock_wait = {url}\n"));
        keeps_quiet(&place.call("status").run().exits(5));
    }
    drop_role(&place);
}

#[tokio::test]
async fn a_password_never_gets_into_a_report_file() {
    let (place, forms) = place().await;
    place.dump("backup.sql");
    let call = place.call("rehearse --backup backup.sql -vv");
    for (_, url) in &forms[..2] {
        keeps_quiet(&call.clone().variable("DATABASE_URL", url).run().exits(0));
    }
    for (_, url) in &forms {
        let call = call.clone().arguments(["--scratch-url", url]).variable("RUST_LOG", "trace");
        keeps_quiet(&call.run());
    }
    let mut files = 0;
    let entries = |folder: &str| fs::read_dir(place.path(folder)).unwrap();
    for entry in entries("logs").chain(entries("logs/receipts")) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().find(|line| is_secret(line)), None);
        files += 1;
    }
    assert!(files >= forms.len(), "{files}");
    drop_role(&place);
}

#[tokio::test]
async fn a_password_in_an_argument_that_is_refused_never_shows() {
    let (place, forms) = place().await;
    // What is no URL and no keyword string is an argument like any other, and is quoted.
    for (_, url) in &forms[..6] {
        let call = place.call("status");
        keeps_quiet(&call.clone().arguments(["--lock-wait", url]).run().exits(5));
        keeps_quiet(&call.clone().arguments([format!("--database-ur={url}")]).run().exits(5));
        keeps_quiet(&call.clone().arguments([url]).run().exits(5));
        keeps_quiet(&place.call("apply").arguments(["--steps", url]).run().exits(5));
        keeps_quiet(&place.call("apply").arguments(["--target", url]).run().exits(5));
    }
    drop_role(&place);
}
