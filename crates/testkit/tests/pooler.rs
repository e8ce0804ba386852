//! The pooling proxy's own story: sessions of the server are shared, transactions are not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use stopover_testkit::{PoolOrder, PoolingProxy, TestDatabase};
use tokio_postgres::{Client, SimpleQueryMessage};

async fn process(client: &Client) -> String {
    let answer = client.simple_query("SELECT pg_backend_pid()").await.unwrap();
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    row.unwrap().to_owned()
}

#[tokio::test]
async fn two_clients_meet_the_same_session_of_the_server() {
    let database = TestDatabase::create().await;
    let proxy = PoolingProxy::start(&database, PoolOrder::LastFirst, 1).await;
    let through = proxy.access(&database);
    let (one, other) = (through.client().await, through.client().await);
    assert_eq!(process(&one).await, process(&other).await);
    // A setting of one is the other's.
    one.batch_execute("SET search_path = elsewhere").await.unwrap();
    let path = other.query_one("SHOW search_path", &[]).await.unwrap();
    assert_eq!(path.get::<_, String>(0), "elsewhere");
}

#[tokio::test]
async fn a_client_meets_one_session_after_the_other_and_keeps_it_for_a_transaction() {
    let database = TestDatabase::create().await;
    let proxy = PoolingProxy::start(&database, PoolOrder::InTurn, 2).await;
    let through = proxy.access(&database);
    let (one, _other) = (through.client().await, through.client().await);
    let first = process(&one).await;
    assert_ne!(first, process(&one).await);
    one.batch_execute("BEGIN").await.unwrap();
    let within = process(&one).await;
    assert_eq!(within, process(&one).await);
    one.batch_execute("COMMIT").await.unwrap();
}
