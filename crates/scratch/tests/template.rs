//! Prepared empty data folders: whole or not there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::path::Path;

use stopover_scratch::server::{PrivateServer, ServerOptions};
use support::{answer, base, binaries, names_in, options_in};

fn options(base: &Path, cache: &Path) -> ServerOptions {
    ServerOptions { template_cache: Some(cache.to_owned()), ..options_in(base) }
}

async fn start(base: &Path, cache: &Path) -> PrivateServer {
    PrivateServer::start(&binaries(), options(base, cache)).await.unwrap()
}

fn templates(cache: &Path) -> Vec<String> {
    names_in(cache).into_iter().filter(|name| name.starts_with("empty-")).collect()
}

async fn system_identifier(server: &PrivateServer) -> String {
    answer(&server.config(), "SELECT system_identifier::text FROM pg_control_system()").await
}

#[tokio::test]
async fn the_second_start_copies_what_the_first_one_kept() {
    let base = base();
    let cache = base.path().join("cache");
    let first = start(base.path(), &cache).await;
    assert_eq!(templates(&cache).len(), 1);
    let second = start(base.path(), &cache).await;
    assert_eq!(system_identifier(&first).await, system_identifier(&second).await);
    assert_ne!(first.superuser(), second.superuser());
    assert_ne!(first.password(), second.password());
    assert!(first.notes().is_empty() && second.notes().is_empty());
}

#[tokio::test]
async fn another_encoding_is_another_template() {
    let base = base();
    let cache = base.path().join("cache");
    let latin = ServerOptions { encoding: "LATIN1".to_owned(), ..options(base.path(), &cache) };
    let first = start(base.path(), &cache).await;
    let second = PrivateServer::start(&binaries(), latin).await.unwrap();
    assert_ne!(system_identifier(&first).await, system_identifier(&second).await);
    assert_eq!(templates(&cache).len(), 2);
}

#[tokio::test]
async fn two_builders_at_once_keep_one() {
    let base = base();
    let cache = base.path().join("cache");
    let (one, other) = tokio::join!(start(base.path(), &cache), start(base.path(), &cache));
    assert_eq!(answer(&one.config(), "SELECT 'one'").await, "one");
    assert_eq!(answer(&other.config(), "SELECT 'other'").await, "other");
    assert_eq!(templates(&cache).len(), 1);
    assert!(!names_in(&cache).iter().any(|name| name.starts_with("building-")));
}

#[tokio::test]
async fn a_half_built_one_is_never_used_and_goes_with_the_next_build() {
    let base = base();
    let cache = base.path().join("cache");
    let half = cache.join("building-0123456789abcdef");
    fs::create_dir_all(half.join("data")).unwrap();
    let server = start(base.path(), &cache).await;
    assert_eq!(answer(&server.config(), "SELECT 'up'").await, "up");
    assert!(!half.exists());
}

#[tokio::test]
async fn one_that_lost_files_is_built_again() {
    let base = base();
    let cache = base.path().join("cache");
    let first = start(base.path(), &cache).await;
    let template = cache.join(&templates(&cache)[0]);
    fs::remove_file(template.join("data/global/pg_control")).unwrap();
    let second = start(base.path(), &cache).await;
    assert_ne!(system_identifier(&first).await, system_identifier(&second).await);
    assert!(template.join("data/global/pg_control").exists());
}

#[tokio::test]
async fn one_from_before_the_systems_last_start_is_built_again() {
    let base = base();
    let cache = base.path().join("cache");
    let first = start(base.path(), &cache).await;
    let contents = cache.join(&templates(&cache)[0]).join("contents");
    let text = fs::read_to_string(&contents).unwrap();
    let (boot, rest) = text.split_once('\n').unwrap();
    fs::write(&contents, format!("{}\n{rest}", "0".repeat(boot.len()))).unwrap();
    let second = start(base.path(), &cache).await;
    assert_ne!(system_identifier(&first).await, system_identifier(&second).await);
    assert_eq!(fs::read_to_string(&contents).unwrap(), text, "and kept again");
}

#[tokio::test]
async fn a_cache_that_others_may_write_to_is_not_used_and_that_is_said() {
    use std::os::unix::fs::PermissionsExt;
    let base = base();
    let cache = base.path().join("cache");
    fs::create_dir(&cache).unwrap();
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
    let server = start(base.path(), &cache).await;
    assert_eq!(answer(&server.config(), "SELECT 'up'").await, "up");
    assert!(server.notes()[0].contains("open to others"), "{:?}", server.notes());
    assert!(names_in(&cache).is_empty());
}
