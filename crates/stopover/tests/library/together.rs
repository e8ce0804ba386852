//! Several services, one database.

use std::time::{Duration, Instant};

use stopover::{Error, Limits, Runner, Stop, StopSignal};
use stopover_testkit::TestDatabase;

use crate::{SHOP, versions};

fn runner(database: &TestDatabase) -> Runner {
    Runner::new(&database.url()).expect("the database's URL").embedded(SHOP)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_that_boot_at_once_apply_each_migration_once() {
    let database = TestDatabase::create().await;
    let mut boots = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let runner = runner(&database);
        boots.spawn(async move { runner.run().await });
    }
    let reports: Vec<_> = boots.join_all().await.into_iter().map(Result::unwrap).collect();
    let applied: usize = reports.iter().map(|it| it.applied.len()).sum();
    assert_eq!(applied, 2);
    assert!(reports.iter().all(|it| it.ledger.len() == 2));
    assert_eq!(
        database.psql("select string_agg(version::text, ',' order by version) from stopover.applied_migrations"),
        "1,2"
    );
}

/// What the next version of the service brings, and takes its time for.
const NEXT: &[(&str, &[u8])] = &[
    ("0001_customers.up.sql", SHOP.files()[1].1),
    ("0002_emails_once.up.sql", SHOP.files()[3].1),
    ("0003_slow.up.sql", b"CREATE TABLE slow (id int); SELECT pg_sleep(60);"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_with_nothing_to_do_does_not_wait_and_one_with_work_says_for_whom() {
    let database = TestDatabase::create().await;
    runner(&database).run().await.unwrap();
    let (request, stop) = Stop::channel();
    let next = runner(&database).embedded(NEXT);
    let slow = tokio::spawn({
        let next = next.clone().stop(stop);
        async move { next.run().await }
    });
    let sleeping = "select count(*) from pg_stat_activity
                    where datname = current_database() and query like '%pg_sleep(60)%'
                    and pid <> pg_backend_pid()";
    let began = Instant::now();
    while database.psql(sleeping) == "0" {
        assert!(began.elapsed() < Duration::from_secs(60), "the slow migration never began");
    }

    let report = runner(&database).run().await.unwrap();
    assert_eq!(report.applied, []);

    let wait = Duration::from_millis(200);
    let limits = Limits { lock_wait: wait, ..Limits::default() };
    let error = next.limits(limits).run().await.unwrap_err();
    let Error::LockHeld { holder: Some(holder), waited } = &error else { panic!("{error:?}") };
    assert!(holder.pid > 0);
    assert_eq!(*waited, wait);

    request.stop(StopSignal::Terminate);
    let error = slow.await.unwrap().unwrap_err();
    let Error::Stopped { signal: StopSignal::Terminate, applied } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(*applied, []);
    assert_eq!(runner(&database).run().await.unwrap().ledger.len(), 2, "nothing of it is left");
    assert_eq!(
        report.ledger.iter().map(|it| it.version.clone()).collect::<Vec<_>>(),
        versions(&[1, 2])
    );
}
