//! What is restored equals what was dumped, whatever the format.

use crate::fixture::{Scratch, dumped, shop};

/// The dump of a restored shop must be the shop's own, but for what is disarmed on purpose.
async fn assert_equals_the_shop(scratch: &Scratch) {
    let expected = dumped(&shop().await.database);
    let actual = dumped(&scratch.access);
    let superusers_own = |line: &&str| {
        !(line.contains("EVENT TRIGGER watch")
            && (line.contains("DISABLE") || line.contains("OWNER")))
            && !line.starts_with("ALTER FOREIGN DATA WRAPPER dummy OWNER")
            && !line.starts_with("ALTER PUBLICATION everything OWNER")
            && !line.starts_with("ALTER PUBLICATION schemas OWNER")
            && !line.contains("; Owner: stopover_")
            && !line.contains("pg_ls_waldir")
            && !line.trim().is_empty()
            && *line != "--"
    };
    let expected: Vec<&str> = expected.lines().filter(superusers_own).collect();
    let actual: Vec<&str> = actual.lines().filter(superusers_own).collect();
    let different = expected.iter().zip(&actual).position(|(a, b)| a != b);
    if let Some(at) = different {
        panic!(
            "line {at}:\n{}\n--- restored ---\n{}",
            expected[at.saturating_sub(8)..(at + 8).min(expected.len())].join("\n"),
            actual[at.saturating_sub(8)..(at + 8).min(actual.len())].join("\n")
        );
    }
    assert_eq!(expected.len(), actual.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_dump_restores_to_the_same_database() {
    let scratch = Scratch::new().await;
    let restored = scratch.restore_text(shop().await.plain.as_bytes()).await.unwrap();
    assert_equals_the_shop(&scratch).await;
    assert_eq!(restored.owner, "shop_app");
    assert!(restored.roles.contains(&"shop_reader".to_owned()));
    assert!(restored.extensions.contains(&"uuid-ossp".to_owned()));
}
