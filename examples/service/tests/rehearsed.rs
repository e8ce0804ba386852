//! The service as `stopover rehearse --boot` starts it: by a shell, on a scratch, until its health
//! page says 200.

use std::time::Duration;

use stopover_backend::{Backend, Program, ProgramEnding, Stop};
use stopover_postgres::{PostgresBackend, Target};
use stopover_scratch::program::UserService;
use stopover_testkit::TestDatabase;

#[tokio::test]
async fn a_rehearsal_waits_for_the_services_own_migrations() {
    let database = TestDatabase::create().await;
    let target = Target::parse(&database.url()).expect("the database's URL");
    let access = PostgresBackend::new(target).access().expect("a URL for programs");
    let program = env!("CARGO_BIN_EXE_stopover-example-service");
    let text = format!("LISTEN=127.0.0.1:{{PORT}} exec {program}");
    let health = "http://127.0.0.1:{PORT}/health";
    let service = UserService::new(text, health, Duration::from_mins(1)).expect("a service");
    let run = service.run(&access, &Stop::never()).await;
    assert_eq!(run.ending, ProgramEnding::Well, "{}", run.said);
    assert!(run.said.contains("listening on 127.0.0.1:"), "{}", run.said);
    let applied = database.psql("SELECT count(*) > 0 FROM stopover.applied_migrations");
    assert_eq!(applied, "t", "it migrated before it said that it is well");
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND pid <> pg_backend_pid() AND application_name = 'stopover'";
    let began = std::time::Instant::now();
    while database.psql(sessions) != "0" {
        assert!(began.elapsed() < Duration::from_secs(120), "the service is still there");
    }
}
