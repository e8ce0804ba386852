//! What the stories about private servers share.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use stopover_scratch::binaries::Binaries;
use stopover_scratch::server::ServerOptions;
use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls};

/// The real binaries; where there are none the test fails with the install command.
pub(crate) fn binaries() -> Binaries {
    stopover_testkit::binaries()
}

/// A folder for scratch folders that an unprivileged server may pass through.
pub(crate) fn base() -> TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o711)).tempdir().unwrap()
}

/// Options for a small server in the folder, from initdb.
pub(crate) fn options_in(base: &Path) -> ServerOptions {
    ServerOptions {
        folder: Some(base.to_owned()),
        memory: Some(256 << 20),
        ..ServerOptions::default()
    }
}

/// The same, from the tests' prepared data folder: faster.
pub(crate) fn quick_options_in(base: &Path) -> ServerOptions {
    ServerOptions { template_cache: stopover_testkit::template_cache(), ..options_in(base) }
}

pub(crate) async fn client(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

pub(crate) async fn answer(config: &Config, sql: &str) -> String {
    client(config).await.query_one(sql, &[]).await.unwrap().get(0)
}

/// What lies in a folder, by name.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Waits until something holds, at most two minutes; whether it did.
pub(crate) fn soon(mut holds: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(120) {
        if holds() {
            return true;
        }
        thread::sleep(Duration::from_millis(10));
    }
    false
}

/// A program that is a shell script.
pub(crate) fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// A folder that looks like a server's binaries of a version.
pub(crate) fn fake_binaries(folder: &Path, version: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    script(&folder.join("postgres"), &format!("echo 'postgres (PostgreSQL) {version}'"));
    script(&folder.join("initdb"), "exit 1");
    folder.to_owned()
}
