//! How often a run waits for the server.

use stopover_testkit::CountingRelay;

use crate::place::Place;

/// The most, after connecting, when there is nothing to do.
const MOST: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_with_nothing_to_do_waits_twice() {
    for ledger in ["stopover", "sqlx"] {
        let place = Place::with(&[
            ("migrations/1_t.sql", "CREATE TABLE t (id int);\n"),
            ("migrations/2_i.sql", "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON t (id);\n"),
            ("migrations/3_u.sql", "CREATE TABLE u (id int);\n"),
        ])
        .await;
        let apply = format!("apply --layout sqlx --ledger {ledger}");
        place.call(&apply).run().exits(0);
        let relay = CountingRelay::start(&place.database).await;
        let url = relay.access(&place.database).url();
        place.call(&apply).variable("DATABASE_URL", url).run().exits(0);
        let waited = relay.round_trips();
        assert!((1..=MOST).contains(&waited), "{ledger}: {waited} round trips");
    }
}
