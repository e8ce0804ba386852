//! Proxies that pool transactions: nothing may be run through them.

use stopover_testkit::{PoolOrder, PoolingProxy};

use crate::place::Place;
use crate::program::{Call, Said};

/// The refusal, word by word; wrapped as the terminal has it.
fn is_refused(said: &Said) {
    let words = said.all().split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    for part in [
        "leads to a proxy that pools transactions or statements",
        "a port of the proxy with pool_mode = session",
        "--scratch-url",
    ] {
        assert!(words.contains(part), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_writes_is_refused_through_a_pool_of_transactions_and_what_reads_is_not() {
    let place = Place::with(&[
        ("migrations/1_t.up.sql", "CREATE TABLE t (id int);\n"),
        ("migrations/1_t.down.sql", "DROP TABLE t;\n"),
        ("migrations/2_u.up.sql", "CREATE TABLE u (id int);\n"),
    ])
    .await;
    place.call("apply --steps 1").run().exits(0);
    place.database.psql(
        "CREATE SCHEMA old; CREATE TABLE old.schema_migrations (version bigint, dirty bool); \
         INSERT INTO old.schema_migrations VALUES (2, false)",
    );
    place.dump("backup.sql");
    for (order, sessions) in [(PoolOrder::LastFirst, 1), (PoolOrder::InTurn, 3)] {
        let proxy = PoolingProxy::start(&place.database, order, sessions).await;
        let url = proxy.access(&place.database).url();
        let through = |arguments: &str| -> Call {
            let call = place.call(arguments);
            call.variable("DATABASE_URL", url.clone())
        };
        through("status").run().exits(0);
        through("plan").run().exits(0);
        for refused in ["apply", "rollback", "repair applied 2", "adopt --from golang-migrate"] {
            is_refused(&through(refused).run().exits(5));
        }
        let rehearse = format!("rehearse --no-report --backup backup.sql --scratch-url {url}");
        is_refused(&place.call(&rehearse).run().exits(5));
        assert_eq!(place.ledger(), "1");
        let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
                     (SELECT oid FROM pg_database WHERE datname = current_database())";
        assert_eq!(place.database.psql(locks), "0");
    }
    place.call("apply").run().exits(0);
}
