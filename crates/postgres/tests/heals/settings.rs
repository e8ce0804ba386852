//! What servers and roles set against sessions that take long.

use std::time::Duration;

use stopover_contract::{Between, Fixture};

use super::{is_poisoned, poisoned};

/// The session that has the run lock is idle while a copy is made.
#[tokio::test]
async fn a_server_that_ends_idle_sessions_does_not_end_a_heal() {
    let nine = "CREATE TABLE IF NOT EXISTS codes (id integer PRIMARY KEY);\n";
    let stage = poisoned("CREATE TABLE other (id integer);\n", nine).await;
    let set = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %1$I SET idle_session_timeout = 1000; \
               ALTER DATABASE %1$I SET idle_in_transaction_session_timeout = 1000', \
               current_database()); END $$";
    stage.database.run(set).await;
    let between =
        Between::new(stage.database.backend(), || tokio::time::sleep(Duration::from_millis(2500)));
    stage.apply_by(&between).await.0.unwrap();
    assert!(!is_poisoned(&stage).await);
}
