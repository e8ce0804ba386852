//! Dump and restore keep checksum and digests.

use stopover_scratch::binaries::Program;
use stopover_testkit::TestDatabase;

use super::{EVERY_KIND, changed, database, digests, schema_with_privileges};

/// Expressions, views and defaults that PostgreSQL prints in another way once they were printed
/// and read again, and many that it does not.
const SPELLINGS: &str = include_str!("spellings.sql");

/// Restores a dump of `before` by psql, as an operator would.
async fn restored(before: &TestDatabase) -> TestDatabase {
    let after = TestDatabase::create().await;
    let dump = before.pg_dump(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("dump.sql");
    std::fs::write(&file, dump).expect("a dump");
    let file = file.display().to_string();
    let said = after.run(Program::Psql, &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", &file]);
    assert!(said.success, "psql failed: {}", said.errors);
    after
}

async fn assert_survives_a_restore(sql: &str) {
    let before = database(sql).await;
    let after = restored(&before).await;
    let (one, other) =
        (schema_with_privileges(&before).await, schema_with_privileges(&after).await);
    assert_eq!(changed(&one, &other), [] as [&str; 0], "{:#?}", one.changes(&other));
    assert_eq!(one.checksum, other.checksum);
    assert_eq!(digests(&before).await, digests(&after).await);
}

#[tokio::test]
async fn a_restore_keeps_every_kind_of_object_and_all_rows() {
    assert_survives_a_restore(EVERY_KIND).await;
}

#[tokio::test]
async fn a_restore_keeps_what_is_printed_in_another_way_after_it() {
    if !stopover_testkit::needs(15, "an older one does not know all of the SQL") {
        return;
    }
    assert_survives_a_restore(SPELLINGS).await;
}
