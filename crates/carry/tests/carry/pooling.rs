//! Proxies that pool transactions: snapshot, settings and locks do not survive them.

use stopover_carry::CarryRefusal;
use stopover_model::Silent;
use stopover_testkit::{Access, PoolOrder, PoolingProxy, TestDatabase};

use crate::fixture::{carry, request};

/// The refusal, which names the side.
async fn is_refused(from: &Access, to: &Access, side: &str) {
    match stopover_carry::carry(&request(from, to, &["s"]), &mut Silent).await {
        Err(CarryRefusal::Refused { message, remedy }) => {
            let expected = format!("the {side}'s address leads to a proxy that pools transactions");
            assert!(message.starts_with(&expected), "{message}");
            assert!(remedy.contains("pool_mode = session"), "{remedy}");
        }
        other => panic!("it was not refused: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_transactions_on_either_side_is_refused_and_nothing_is_touched() {
    let (from, to) = (TestDatabase::create().await, TestDatabase::create().await);
    from.psql("CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS a");
    to.psql("CREATE SCHEMA s; CREATE TABLE s.old (a int)");
    for (order, sessions) in [
        (PoolOrder::LastFirst, 1),
        (PoolOrder::LastFirst, 4),
        (PoolOrder::InTurn, 2),
        (PoolOrder::InTurn, 3),
    ] {
        let (source, target) = (
            PoolingProxy::start(&from, order, sessions).await,
            PoolingProxy::start(&to, order, sessions).await,
        );
        is_refused(&source.access(&from), &to, "source").await;
        is_refused(&from, &target.access(&to), "target").await;
        let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
                     (SELECT oid FROM pg_database WHERE datname = current_database())";
        assert_eq!(to.psql(&format!("SELECT count(*) FROM s.old; {locks}")), "0\n0");
        // What is in the pool has no settings of ours.
        let named = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                     AND application_name LIKE 'stopover-carry%'";
        assert_eq!((from.psql(named), to.psql(named)), ("0".into(), "0".into()));
    }
    assert_eq!(carry(&request(&from, &to, &["s"])).await.outcome, "success");
}
