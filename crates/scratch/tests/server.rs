//! A private server: up in a moment, closed to everybody else, fitted to its purpose.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use nix::unistd::{Pid, geteuid, getpgid};
use stopover_scratch::binaries::Binaries;
use stopover_scratch::server::{Durability, Locale, PrivateServer, ServerError, ServerOptions};
use support::{
    answer, base, binaries, client, fake_binaries, names_in, options_in, quick_options_in, script,
    soon,
};

async fn quick(base: &tempfile::TempDir) -> PrivateServer {
    PrivateServer::start(&binaries(), quick_options_in(base.path())).await.unwrap()
}

#[tokio::test]
async fn it_answers_and_leaves_nothing_behind() {
    let base = base();
    let server = PrivateServer::start(&binaries(), options_in(base.path())).await.unwrap();
    let name = answer(&server.config(), "SELECT current_user::text").await;
    assert_eq!(name, server.superuser());
    let encoding = "SELECT pg_encoding_to_char(encoding)::text FROM pg_database \
                    WHERE datname = 'template1'";
    assert_eq!(answer(&server.config(), encoding).await, "UTF8");
    let roles = "SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolname !~ '^pg_'";
    assert_eq!(answer(&server.config(), roles).await, name, "no other role is left");
    server.stop().await.unwrap();
    assert!(names_in(base.path()).is_empty());
}

#[tokio::test]
async fn dropping_it_is_enough() {
    let base = base();
    drop(quick(&base).await);
    assert!(names_in(base.path()).is_empty());
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_nothing_behind() {
    let base = base();
    let binaries = binaries();
    let begun = async {
        while names_in(base.path()).is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        started = PrivateServer::start(&binaries, options_in(base.path())) => {
            panic!("it was not given up: {:?}", started.map(|it| it.pid()));
        }
        () = begun => {}
    }
    assert!(soon(|| names_in(base.path()).is_empty()));
}

#[tokio::test]
async fn it_is_not_run_by_root_and_not_in_our_process_group() {
    let base = base();
    let server = quick(&base).await;
    let pid = server.pid().unwrap();
    let owner = fs::metadata(server.data_folder()).unwrap().uid();
    assert_ne!(owner, 0);
    if !geteuid().is_root() {
        assert_eq!(owner, geteuid().as_raw());
    }
    let pid = Pid::from_raw(pid.try_into().unwrap());
    assert_ne!(getpgid(Some(pid)).unwrap(), getpgid(None).unwrap(), "Ctrl-C would reach it");
    #[cfg(target_os = "linux")]
    assert_eq!(fs::metadata(format!("/proc/{pid}")).unwrap().uid(), owner);
}

#[tokio::test]
async fn only_its_owner_gets_to_the_socket_and_nobody_by_network() {
    let base = base();
    let server = quick(&base).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(server.socket_folder()), 0o700);
    assert_eq!(mode(&server.socket_folder().join(".s.PGSQL.5432")), 0o700);
    assert_eq!(mode(server.data_folder()), 0o700);
    assert_eq!(mode(server.folder()) & 0o067, 0);
    assert_eq!(answer(&server.config(), "SHOW listen_addresses").await, "");
    #[cfg(target_os = "linux")]
    assert!(listening_sockets().is_disjoint(&sockets_of(server.pid().unwrap())));
}

#[cfg(target_os = "linux")]
fn listening_sockets() -> std::collections::BTreeSet<String> {
    // proc_net_tcp: the fourth field is the state (0A: listening), the tenth the inode.
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            (fields.get(3) == Some(&"0A")).then(|| format!("socket:[{}]", fields[9]))
        })
        .collect()
}

#[cfg(target_os = "linux")]
fn sockets_of(pid: u32) -> std::collections::BTreeSet<String> {
    let sockets: std::collections::BTreeSet<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .map(|target| target.to_string_lossy().into_owned())
        .filter(|target| target.starts_with("socket:"))
        .collect();
    assert!(!sockets.is_empty(), "at least the Unix socket is there");
    sockets
}

#[tokio::test]
async fn a_wrong_password_and_the_anonymous_superuser_are_refused() {
    let base = base();
    let server = quick(&base).await;
    for (user, password) in
        [(server.superuser(), "guess"), ("stopover_anonymous", ""), ("stopover_helper", "")]
    {
        let config = server.config_for(user, password, "postgres");
        assert!(config.connect(tokio_postgres::NoTls).await.is_err(), "{user}");
    }
}

#[tokio::test]
async fn the_password_shows_nowhere() {
    let base = base();
    let server = quick(&base).await;
    let password = server.password().to_owned();
    // A failing statement is what servers like to log.
    let wrong = format!("ALTER ROLE nobody_here PASSWORD '{password}'");
    assert!(client(&server.config()).await.batch_execute(&wrong).await.is_err());
    assert!(!format!("{server:?}").contains(&password));
    let mut folders = vec![server.folder().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                // A server may take a file of its own away while we look.
                let Ok(bytes) = fs::read(entry.path()) else { continue };
                files += 1;
                let found = bytes.windows(password.len()).any(|part| part == password.as_bytes());
                assert!(!found, "{}", entry.path().display());
            }
        }
    }
    assert!(files > 100);
    #[cfg(target_os = "linux")]
    for entry in fs::read_dir("/proc").unwrap().map(Result::unwrap) {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&line).contains(&password));
    }
}

#[tokio::test]
async fn two_at_once_are_strangers() {
    let base = base();
    let (one, other) = tokio::join!(quick(&base), quick(&base));
    assert_ne!(one.superuser(), other.superuser());
    assert_ne!(one.password(), other.password());
    client(&one.config()).await.batch_execute("CREATE TABLE only_here ()").await.unwrap();
    let count = "SELECT count(*)::text FROM pg_class WHERE relname = 'only_here'";
    assert_eq!(answer(&one.config(), count).await, "1");
    assert_eq!(answer(&other.config(), count).await, "0");
}

#[tokio::test]
async fn a_long_path_gets_its_socket_elsewhere_and_that_goes_too() {
    let base = base();
    let deep = base.path().join("d".repeat(90));
    fs::create_dir(&deep).unwrap();
    fs::set_permissions(&deep, Permissions::from_mode(0o711)).unwrap();
    let server = PrivateServer::start(&binaries(), quick_options_in(&deep)).await.unwrap();
    let socket = server.socket_folder().to_owned();
    assert!(!socket.starts_with(&deep));
    assert_eq!(fs::metadata(&socket).unwrap().mode() & 0o777, 0o700);
    assert_eq!(answer(&server.config(), "SELECT 'here'").await, "here");
    server.stop().await.unwrap();
    assert!(!socket.exists() && names_in(&deep).is_empty());
}

#[tokio::test]
async fn it_is_tuned_for_a_throw_away_or_like_production() {
    let base = base();
    let server = quick(&base).await;
    for (setting, value) in [("fsync", "off"), ("wal_level", "minimal"), ("autovacuum", "off")] {
        assert_eq!(answer(&server.config(), &format!("SHOW {setting}")).await, value);
    }
    let durable =
        ServerOptions { durability: Durability::LikeProduction, ..quick_options_in(base.path()) };
    let server = PrivateServer::start(&binaries(), durable).await.unwrap();
    for (setting, value) in [("fsync", "on"), ("synchronous_commit", "on")] {
        assert_eq!(answer(&server.config(), &format!("SHOW {setting}")).await, value);
    }
}

#[tokio::test]
async fn the_callers_settings_encoding_and_locale_hold() {
    let base = base();
    let options = ServerOptions {
        encoding: "LATIN1".to_owned(),
        locale: Locale::Named("C".to_owned()),
        settings: vec![("work_mem".to_owned(), "7MB".to_owned())],
        ..options_in(base.path())
    };
    let server = PrivateServer::start(&binaries(), options).await.unwrap();
    assert_eq!(answer(&server.config(), "SHOW work_mem").await, "7MB");
    let sql = "SELECT pg_encoding_to_char(encoding) || ' ' || datcollate \
               FROM pg_database WHERE datname = 'template0'";
    assert_eq!(answer(&server.config(), sql).await, "LATIN1 C");
}

#[tokio::test]
async fn a_locale_that_is_not_here_is_told_in_initdbs_words() {
    let base = base();
    let options = ServerOptions {
        locale: Locale::Named("xx_XX.UTF-8".to_owned()),
        ..options_in(base.path())
    };
    let error = PrivateServer::start(&binaries(), options).await.unwrap_err();
    assert!(error.to_string().contains("xx_XX.UTF-8"), "{error}");
    assert!(names_in(base.path()).is_empty());
}

#[tokio::test]
async fn what_a_broken_initdb_says_is_told() {
    let base = base();
    let fake = fake_binaries(&base.path().join("bin"), "15.1");
    script(&fake.join("initdb"), "echo 'initdb: share files not found' >&2; exit 3");
    fs::set_permissions(&fake, Permissions::from_mode(0o755)).unwrap();
    let fake = Binaries::in_folder(&fake).unwrap();
    let error = PrivateServer::start(&fake, options_in(base.path())).await.unwrap_err();
    assert!(matches!(error, ServerError::Initdb { .. }), "{error:?}");
    assert!(error.to_string().contains("share files not found"), "{error}");
    assert_eq!(names_in(base.path()), ["bin"]);
}

#[tokio::test]
async fn a_server_that_ends_at_once_is_told_with_its_log() {
    let base = base();
    let options = ServerOptions {
        settings: vec![("shared_preload_libraries".to_owned(), "not_here".to_owned())],
        ..quick_options_in(base.path())
    };
    let error = PrivateServer::start(&binaries(), options).await.unwrap_err();
    assert!(matches!(error, ServerError::EndedEarly { .. }), "{error:?}");
    assert!(error.to_string().contains("\"not_here\""), "{error}");
    assert!(names_in(base.path()).is_empty());
}

fn closed_folder() -> tempfile::TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap()
}

#[tokio::test]
async fn a_folder_that_the_servers_user_cannot_enter_is_told() {
    if !geteuid().is_root() {
        // Only root's server runs as somebody else; for others the folder itself is refused.
        let options = options_in(std::path::Path::new("/nonexistent"));
        let error = PrivateServer::start(&binaries(), options).await.unwrap_err();
        assert!(error.to_string().contains("cannot find /nonexistent"), "{error}");
        return;
    }
    let closed = closed_folder();
    let error = PrivateServer::start(&binaries(), options_in(closed.path())).await.unwrap_err();
    assert!(matches!(error, ServerError::FolderClosed { .. }), "{error:?}");
    assert!(names_in(closed.path()).is_empty());
}

#[tokio::test]
async fn binaries_that_the_servers_user_cannot_run_are_told() {
    if !geteuid().is_root() {
        return;
    }
    let base = base();
    let closed = closed_folder();
    let fake = Binaries::in_folder(&fake_binaries(&closed.path().join("bin"), "15.1")).unwrap();
    let error = PrivateServer::start(&fake, options_in(base.path())).await.unwrap_err();
    assert!(matches!(error, ServerError::ProgramClosed { .. }), "{error:?}");
}
