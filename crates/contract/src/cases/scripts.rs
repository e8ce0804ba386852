//! Scripts of every kind.

use crate::{Fixture, Stage, Support, told};

use super::failure::failure;

/// `BEGIN … COMMIT` around a whole file.
pub async fn an_envelope_gives_way_to_the_runners_transaction<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.up("1_whole", "BEGIN;\nCREATE TABLE a (id integer);\nCOMMIT;\n");
    stage.up("2_broken", "BEGIN;\nCREATE TABLE b (id integer);\nSELECT nope;\nCOMMIT;\n");
    let applied = stage.try_apply().await.0.expect("an apply that begins");
    assert_eq!(told(&applied.findings), ["envelope", "envelope"]);
    assert_eq!(stage.applied().await, [1]);
    assert!(stage.has("a").await && !stage.has("b").await);
}

/// Nothing to run is something to record.
pub async fn an_empty_migration_is_recorded<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.up("1_nothing", "");
    stage.up("2_remark", "-- to be filled\n");
    let applied = stage.apply().await;
    assert_eq!(told(&applied.findings), ["empty", "empty"]);
    assert_eq!(stage.applied().await, [1, 2]);
}

/// Editors of every system.
pub async fn a_byte_order_mark_and_crlf_are_no_hindrance<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.up(
        "1_users",
        "\u{feff}-- stopover: lock-timeout 2s\r\nCREATE TABLE users (\r\n  id integer\r\n);\r\n\
         INSERT INTO users (id)\r\n  VALUES (1);\r\n",
    );
    stage.apply().await;
    assert_eq!(stage.database.value("SELECT count(*) FROM users").await, "1");
    assert_eq!(stage.status().await.drift, []);
}

/// `COPY … FROM stdin`, as pg_dump writes it.
pub async fn inline_copy_data_is_loaded_or_refused<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.makes_tables(&["1_items"]);
    stage.up("2_data", "COPY items (id, name) FROM stdin;\n1\ta;b\n2\t\\N\n\\.\n");
    match F::CAPABILITIES.copy {
        Support::Yes => {
            let applied = stage.apply().await;
            assert_eq!(applied.migrations[1].statements[0].rows, Some(2));
            assert_eq!(stage.database.value("SELECT name FROM items WHERE id = 1").await, "a;b");
        }
        Support::No => {
            let failed = failure(&stage).await;
            assert_eq!((failed.statement, failed.error.line), (Some(1), 1));
            assert_eq!(stage.applied().await, [1]);
        }
    }
}

/// A setting and a temporary table of one migration are not there for the next.
pub async fn one_migration_leaves_no_trace_in_the_session_of_the_next<F: Fixture>() {
    let stage = Stage::<F>::new().await;
    stage.up("1_leak", F::PHRASES.leak);
    stage.up("2_look", F::PHRASES.look);
    stage.up("3_again", F::PHRASES.leak);
    stage.apply().await;
    let seen = stage.database.value("SELECT setting FROM seen").await;
    assert_eq!(seen, F::PHRASES.untouched);
}
