//! Bases, with real servers: the second rehearsal of a backup starts from a copy of what the
//! first one restored, and nothing that happens to a base makes a wrong result.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::path::PathBuf;

use stopover_backend::{Prepared, ScratchProvider, Stop};
use stopover_model::report::BackupReport;
use stopover_model::{Event, EventSink, Finding, RestorePhase};
use stopover_postgres::PostgresBackend;
use stopover_scratch::binaries::Search;
use stopover_scratch::cache::Cache;
use stopover_scratch::provider::{BaseOptions, Keeping, PostgresScratch, ScratchRequest};
use stopover_scratch::server::Reach;
use stopover_testkit::TestDatabase;
use support::{base, client, names_in};
use tempfile::TempDir;
use tokio_postgres::Client;

const SHOP: &str = "
    CREATE TABLE customers (id int PRIMARY KEY, name text);
    INSERT INTO customers SELECT i, 'customer ' || i FROM generate_series(1, 5000) i;
    CREATE INDEX ON customers (name);";

/// A backup, and folders for servers and for the cache.
struct Place {
    folder: TempDir,
    backup: PathBuf,
}

/// A scratch that was made ready.
struct Ready {
    provider: PostgresScratch,
    prepared: Prepared<PostgresBackend>,
    phases: Phases,
}

/// Remembers which phases it was told of.
#[derive(Default)]
struct Phases(Vec<RestorePhase>);

impl EventSink for Phases {
    fn emit(&mut self, event: Event) {
        if let Event::Phase(phase) = event {
            self.0.push(phase);
        }
    }
}

impl Place {
    async fn with(sql: &str) -> Self {
        let database = TestDatabase::create().await;
        database.psql(sql);
        let folder = base();
        let backup = folder.path().join("backup.sql");
        fs::write(&backup, database.pg_dump(&[])).unwrap();
        Self { folder, backup }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn request(&self) -> ScratchRequest {
        ScratchRequest {
            backup: Some(self.backup.clone()),
            max_age: None,
            scratch_url: None,
            target_url: None,
            require_scratch_url: false,
            search: Search::from_environment(None),
            folder: Some(self.folder.path().to_owned()),
            template_cache: stopover_testkit::template_cache(),
            bases: Some(BaseOptions {
                folder: self.cache().join("bases"),
                limit: 1 << 30,
                keeping: Keeping::Always,
            }),
            fsync: false,
            reach: Reach::Socket,
            as_role: None,
        }
    }

    async fn ready(&self) -> Ready {
        ready(self.request()).await
    }

    fn bases(&self) -> Vec<String> {
        let names = names_in(&self.cache().join("bases"));
        names.into_iter().filter(|name| name.starts_with("base-")).collect()
    }

    /// The data folder of the only base.
    fn data(&self) -> PathBuf {
        let bases = self.bases();
        assert_eq!(bases.len(), 1);
        self.cache().join("bases").join(&bases[0]).join("data")
    }
}

async fn ready(request: ScratchRequest) -> Ready {
    let mut provider = PostgresScratch::new(request);
    let mut phases = Phases::default();
    let prepared = provider.prepare(&Stop::never(), &mut phases).await.unwrap();
    Ready { provider, prepared, phases }
}

impl Ready {
    fn reused(&self) -> bool {
        self.prepared.scratch.base_reused
    }

    fn finding(&self, code: &str) -> &Finding {
        let found = self.prepared.findings.iter().find(|it| it.code == code);
        found.unwrap_or_else(|| panic!("no {code}: {:?}", self.prepared.findings))
    }

    async fn client(&self) -> Client {
        client(self.prepared.backend.target().config()).await
    }

    async fn answer(&self, sql: &str) -> String {
        self.client().await.query_one(sql, &[]).await.unwrap().get(0)
    }

    async fn count(&self) -> String {
        self.answer("SELECT count(*)::text FROM customers").await
    }

    async fn done(mut self) {
        assert!(self.provider.discard().await.is_empty());
    }
}

#[tokio::test]
async fn the_second_rehearsal_starts_from_what_the_first_one_restored() {
    let place = Place::with(SHOP).await;
    let first = place.ready().await;
    assert!(!first.reused());
    assert!(first.phases.0.contains(&RestorePhase::KeepingBase));
    assert!(first.prepared.restore_ms.is_some() && first.prepared.base_ms.is_some());
    assert_eq!(first.count().await, "5000", "the server that rested goes on");
    let second = place.ready().await;
    assert!(second.reused());
    assert_eq!(second.prepared.scratch.base_copy.is_some(), second.reused());
    assert!(second.prepared.restore_ms.is_none() && second.prepared.base_ms.is_some());
    assert!(!second.phases.0.contains(&RestorePhase::Restoring));
    let timeless = |it: &Ready| BackupReport { age_ms: None, ..it.prepared.backup.clone() };
    assert_eq!(timeless(&second), timeless(&first), "hash, versions, whole");
    assert!(second.prepared.backup.age_ms > first.prepared.backup.age_ms, "judged afresh");
    assert_eq!(second.prepared.scratch.role, first.prepared.scratch.role);
    assert_eq!(second.count().await, "5000");
    let statistics = "SELECT reltuples::int::text FROM pg_class WHERE relname = 'customers'";
    assert_eq!(second.answer(statistics).await, "5000", "the base is analysed");
    first.done().await;
    second.done().await;
    assert_eq!(names_in(place.folder.path()), ["backup.sql", "cache"], "nothing else is left");
}

#[tokio::test]
async fn rehearsals_from_one_base_see_nothing_of_each_other_and_leave_it_as_it_was() {
    let place = Place::with(SHOP).await;
    place.ready().await.done().await;
    let (one, other) = tokio::join!(place.ready(), place.ready());
    assert!(one.reused() && other.reused());
    one.client().await.batch_execute("DELETE FROM customers; CREATE TABLE x ()").await.unwrap();
    one.client().await.batch_execute("VACUUM FULL").await.unwrap();
    let changed = "UPDATE customers SET name = 'nobody' WHERE id <= 10";
    other.client().await.batch_execute(changed).await.unwrap();
    assert_eq!(other.count().await, "5000");
    let nobody = "SELECT count(*)::text FROM customers WHERE name = 'nobody'";
    assert_eq!(other.answer(nobody).await, "10");
    let third = place.ready().await;
    assert!(third.reused());
    assert_eq!(third.answer(nobody).await, "0");
    assert_eq!(third.count().await, "5000");
    for it in [one, other, third] {
        it.done().await;
    }
}

#[tokio::test]
async fn names_and_passwords_of_one_run_open_nothing_in_the_next() {
    let place = Place::with(SHOP).await;
    let first = place.ready().await;
    let second = place.ready().await;
    let password =
        |it: &Ready| it.prepared.backend.target().config().get_password().unwrap().to_vec();
    assert_ne!(password(&first), password(&second));
    let mut stolen = second.prepared.backend.target().config().clone();
    stolen.password(password(&first));
    let refused = stolen.connect(tokio_postgres::NoTls).await.err().unwrap();
    let code = refused.code().map(tokio_postgres::error::SqlState::code);
    assert_eq!(code, Some("28P01"), "invalid_password");
    let anonymous = "SELECT count(*)::text FROM pg_roles WHERE rolname LIKE 'stopover_anonymous'";
    assert_eq!(second.answer(anonymous).await, "0");
    let supers = "SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolsuper";
    assert_ne!(first.answer(supers).await, second.answer(supers).await);
    first.done().await;
    second.done().await;
}

#[tokio::test]
async fn a_base_that_lost_a_file_is_thrown_away_and_the_backup_restored() {
    let place = Place::with(SHOP).await;
    place.ready().await.done().await;
    fs::remove_file(place.data().join("PG_VERSION")).unwrap();
    let second = place.ready().await;
    assert!(!second.reused());
    let said = &second.finding("base-spoilt").message;
    assert!(
        said.contains("PG_VERSION is missing") && said.contains("it was thrown away"),
        "{said}"
    );
    assert_eq!(second.count().await, "5000");
    second.done().await;
    let third = place.ready().await;
    assert!(third.reused(), "it was kept anew");
    assert!(third.prepared.findings.iter().all(|it| !it.code.starts_with("base-")));
    third.done().await;
}

/// A program that this process is starting in another thread has our locks until it runs.
#[tokio::test]
async fn a_spoilt_base_whose_lock_is_held_for_a_moment_is_thrown_away_all_the_same() {
    let place = Place::with(SHOP).await;
    place.ready().await.done().await;
    fs::remove_file(place.data().join("PG_VERSION")).unwrap();
    let lock = fs::File::open(place.data().parent().unwrap().join("lock")).unwrap();
    lock.lock_shared().unwrap();
    let holding = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(500));
        drop(lock);
    });
    let second = place.ready().await;
    holding.join().unwrap();
    let said = &second.finding("base-spoilt").message;
    assert!(said.contains("it was thrown away"), "{said}");
    second.done().await;
    let third = place.ready().await;
    assert!(third.reused(), "it was kept anew");
    third.done().await;
}

#[tokio::test]
async fn a_base_on_which_no_server_starts_is_thrown_away_and_the_backup_restored() {
    let place = Place::with(SHOP).await;
    place.ready().await.done().await;
    let control = place.data().join("global/pg_control");
    let facts = fs::metadata(&control).unwrap();
    fs::write(&control, vec![0; usize::try_from(facts.len()).unwrap()]).unwrap();
    let file = fs::File::options().append(true).open(&control).unwrap();
    file.set_modified(facts.modified().unwrap()).unwrap();
    let second = place.ready().await;
    assert!(!second.reused());
    let said = &second.finding("base-spoilt").message;
    assert!(said.contains("PostgreSQL ended before it was ready"), "{said}");
    assert_eq!(second.count().await, "5000");
    second.done().await;
}

#[tokio::test]
async fn another_backup_of_the_same_name_and_size_is_another_base() {
    let place = Place::with(SHOP).await;
    place.ready().await.done().await;
    let text = fs::read_to_string(&place.backup).unwrap();
    let modified = fs::metadata(&place.backup).unwrap().modified().unwrap();
    fs::write(&place.backup, text.replace("customer 4711\n", "customer 0815\n")).unwrap();
    let file = fs::File::options().append(true).open(&place.backup).unwrap();
    file.set_modified(modified).unwrap();
    let second = place.ready().await;
    assert!(!second.reused());
    let name = "SELECT name FROM customers WHERE id = 4711";
    assert_eq!(second.answer(name).await, "customer 0815");
    second.done().await;
    assert_eq!(place.bases().len(), 2);
}

#[tokio::test]
async fn two_that_want_the_same_base_at_once_restore_it_once() {
    let place = Place::with(SHOP).await;
    let (one, other) = tokio::join!(place.ready(), place.ready());
    assert!(one.reused() != other.reused(), "one restored, the other waited and copied");
    let waited = if one.reused() { &one } else { &other };
    assert!(waited.phases.0.contains(&RestorePhase::AwaitingBase));
    assert_eq!((one.count().await, other.count().await), ("5000".into(), "5000".into()));
    one.done().await;
    other.done().await;
    assert_eq!(place.bases().len(), 1);
}

#[tokio::test]
async fn a_cache_that_cannot_be_used_keeps_no_rehearsal_from_going_on() {
    let place = Place::with(SHOP).await;
    fs::create_dir_all(place.cache()).unwrap();
    // A file where the folder should be.
    fs::write(place.cache().join("bases"), "").unwrap();
    let first = place.ready().await;
    let found = first.finding("base-unusable");
    assert!(found.message.contains("no base is used or kept"), "{}", found.message);
    assert!(!found.remedy.is_empty());
    assert_eq!(first.count().await, "5000");
    first.done().await;
}

#[tokio::test]
async fn a_base_that_cannot_be_written_keeps_no_rehearsal_from_going_on() {
    let place = Place::with(SHOP).await;
    // Whoever wants to write there must lock this first.
    fs::create_dir_all(place.cache().join("bases/lock")).unwrap();
    let first = place.ready().await;
    let found = first.finding("base-not-kept");
    assert!(found.message.contains("cannot lock"), "{}", found.message);
    assert_eq!(first.count().await, "5000");
    first.done().await;
    assert!(place.bases().is_empty());
}

#[tokio::test]
async fn a_base_over_the_limit_is_not_kept_and_that_is_said() {
    let place = Place::with(SHOP).await;
    let mut request = place.request();
    request.bases.as_mut().unwrap().limit = 1_000_000;
    let first = ready(request).await;
    let found = first.finding("base-not-kept");
    assert!(found.message.contains("cache_limit is 1.0 MB"), "{}", found.message);
    assert!(found.remedy.contains("cache_limit"));
    assert_eq!(first.count().await, "5000");
    first.done().await;
    assert!(place.bases().is_empty());
}

#[tokio::test]
async fn a_backup_that_changes_while_it_is_restored_is_kept_under_no_name() {
    let place = Place::with(SHOP).await;
    let mut provider = PostgresScratch::new(place.request());
    let backup = place.backup.clone();
    let mut meddle = |event: Event| {
        if event == Event::Phase(RestorePhase::Analyzing) {
            fs::File::options().append(true).open(&backup).unwrap().set_len(10).unwrap();
        }
    };
    let prepared = provider.prepare(&Stop::never(), &mut meddle).await.unwrap();
    let found = prepared.findings.iter().find(|it| it.code == "base-not-kept").unwrap();
    assert!(found.message.contains("changed while it was restored"), "{}", found.message);
    provider.discard().await;
    assert!(place.bases().is_empty());
}

#[tokio::test]
async fn nothing_is_kept_where_a_restore_is_as_fast_or_where_nobody_wants_it() {
    let place = Place::with("CREATE TABLE customers ()").await;
    // In this order: what a slow machine keeps after all, the other one would find.
    for keeping in [Keeping::Never, Keeping::Worthwhile] {
        let mut request = place.request();
        request.bases.as_mut().unwrap().keeping = keeping;
        let first = ready(request).await;
        // A machine that is busy with other things may take its time.
        let slow = first.prepared.restore_ms.unwrap() > 1000.0;
        assert!(!first.phases.0.contains(&RestorePhase::KeepingBase) || slow);
        first.done().await;
        assert!(place.bases().is_empty() || slow);
    }
    let none = ready(ScratchRequest { bases: None, ..place.request() }).await;
    none.done().await;
}

#[tokio::test]
async fn a_base_is_used_by_a_rehearsal_that_writes_durably_as_well() {
    let place = Place::with(SHOP).await;
    place.ready().await.done().await;
    let second = ready(ScratchRequest { fsync: true, ..place.request() }).await;
    assert!(second.reused() && second.prepared.scratch.fsync);
    let settings = "SELECT current_setting('fsync') || current_setting('wal_level')
        || current_setting('max_wal_senders')";
    assert_eq!(second.answer(settings).await, "onreplica10", "none of the first server's");
    second.done().await;
}

#[tokio::test]
async fn the_cache_is_listed_and_cleared() {
    let place = Place::with(SHOP).await;
    place.ready().await.done().await;
    let cache = Cache::open(&place.cache()).unwrap();
    let bases = cache.bases().unwrap();
    assert_eq!(bases.len(), 1);
    assert!(bases[0].backup.ends_with("backup.sql"));
    let bytes = fs::metadata(&place.backup).unwrap().len();
    assert_eq!(bases[0].backup_bytes, Some(bytes));
    assert!(bases[0].bytes > 10_000_000 && !bases[0].in_use, "{bases:?}");
    assert!(cache.drop_one("base-15-0000000000000000").is_err());
    let gone = cache.drop_all().unwrap();
    assert_eq!(gone.dropped, [bases[0].key.clone()]);
    assert!(cache.bases().unwrap().is_empty());
    let second = place.ready().await;
    assert!(!second.reused());
    second.done().await;
}
