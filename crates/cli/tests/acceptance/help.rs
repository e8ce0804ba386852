//! `--help` says what a caller needs.

use crate::place::Place;

#[tokio::test]
async fn help_lists_every_exit_code() {
    let place = Place::with(&[]).await;
    let help = place.call("--help").run().exits(0).stdout;
    let codes = [
        "0  success; verdict green",
        "1  preflight failed",
        "2  a migration failed",
        "3  postflight failed",
        "4  rollback failed",
        "5  configuration or usage error",
        "6  rehearsal red",
        "7  the tool could not do its work",
        "8  drift found where none is allowed",
        "130 / 143  stopped by SIGINT / SIGTERM",
    ];
    for code in codes {
        assert!(help.contains(code), "{code}\n{help}");
    }
}

#[tokio::test]
async fn every_command_has_help_and_the_apply_says_what_stands_around_it() {
    let place = Place::with(&[]).await;
    let commands = [
        "rehearse",
        "report",
        "plan",
        "lint",
        "status",
        "schema",
        "carry",
        "apply",
        "rollback",
        "backup",
        "verify",
        "ci",
        "new",
        "config",
        "demo",
        "scratch",
        "scratch sweep",
        "cache",
        "cache drop",
        "receipt",
        "receipt keygen",
        "receipt verify",
    ];
    for command in commands {
        let help = place.call(command).arguments(["--help"]).run().exits(0);
        assert!(help.stdout.contains("Usage: stopover "), "{command}: {}", help.stdout);
        assert_eq!(help.stderr, "", "{command}");
    }
    let apply = place.call("apply --help").run().stdout;
    for flag in ["--skip-backup", "--force", "--reason", "--prove-backup", "--backup-command"] {
        assert!(apply.contains(flag), "{apply}");
    }
    let version = place.call("--version").run().exits(0).stdout;
    assert_eq!(version, format!("stopover {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn no_command_is_a_usage_error_that_shows_the_commands() {
    let place = Place::with(&[]).await;
    for (command, shows) in [("", "rehearse"), ("scratch", "sweep")] {
        let said = place.call(command).run().exits(5);
        assert_eq!(said.stdout, "");
        assert!(said.stderr.contains("Commands:") && said.stderr.contains(shows), "{said:?}");
    }
}
