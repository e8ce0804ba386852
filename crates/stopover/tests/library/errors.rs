//! Errors that a caller can match on, and that a person can act on.

use std::error::Error as _;
use std::num::NonZeroU32;

use stopover::{DriftKind, Error, Runner};
use stopover_testkit::TestDatabase;

use crate::{File, SHOP, versions};

#[tokio::test]
async fn an_edited_migration_is_refused_with_every_reason() {
    let file = File::fresh();
    file.runner().embedded(SHOP).run().await.unwrap();
    let edited = file.runner().embedded(
        const {
            &[
                ("0001_clients.up.sql", SHOP.files()[1].1),
                ("0002_emails_once.up.sql", b"CREATE INDEX customers_email ON customers (email);"),
            ]
        },
    );
    let error = edited.run().await.unwrap_err();
    let Error::Refused { findings } = &error else { panic!("{error:?}") };
    let mut codes: Vec<&str> = findings.iter().map(|it| it.code.as_str()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["modified", "renamed"]);
    let text = error.to_string();
    assert!(text.starts_with("no migration was run: "), "{text}");
    assert!(text.contains("(and 1 more)"), "{text}");
    let status = edited.status().await.unwrap();
    assert!(status.drift.iter().any(|it| it.kind == DriftKind::Modified));
}

#[tokio::test]
async fn a_file_that_is_no_migration_is_refused_before_anything_is_connected() {
    let runner = Runner::new("postgresql://nobody@127.0.0.1:1/nowhere").unwrap();
    let error = runner
        .embedded(
            const { &[("1_a.up.sql", b"SELECT 1;".as_slice()), ("2_b.down.sql", b"".as_slice())] },
        )
        .run()
        .await
        .unwrap_err();
    let Error::Refused { findings } = &error else { panic!("{error:?}") };
    assert!(findings.iter().any(|it| it.code == "down-without-up"), "{findings:?}");
}

#[tokio::test]
async fn a_migration_that_fails_says_where_and_why_and_what_stands() {
    let database = TestDatabase::create().await;
    let runner = Runner::new(&database.url()).unwrap();
    let error = runner
        .embedded(
            const {
                &[
                    ("1_people.sql", b"CREATE TABLE people (email text);".as_slice()),
                    (
                        "2_unique.sql",
                        b"INSERT INTO people VALUES ('a@b'), ('a@b');\n\
                  CREATE UNIQUE INDEX people_email ON people (email);"
                            .as_slice(),
                    ),
                    ("3_never.sql", b"SELECT 1;".as_slice()),
                ]
            },
        )
        .run()
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("migration 2 (unique) failed at migrations/2_unique.sql:2:1: could not create unique index"),
        "{text}"
    );
    assert!(text.contains("Key (email)=(a@b) is duplicated; nothing of it is left"), "{text}");
    let Error::MigrationFailed { version, statement, error, applied, rolled_back, cause, .. } =
        error
    else {
        panic!("{text}")
    };
    assert_eq!((vec![version], statement.map(NonZeroU32::get)), (versions(&[2]), Some(2)));
    assert_eq!(error.sqlstate.as_deref(), Some("23505"));
    assert_eq!(applied, versions(&[1]));
    assert!(rolled_back);
    assert_eq!(cause.fields().table.as_deref(), Some("people"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable_and_no_password_is_shown() {
    let runner = Runner::new("postgresql://app:s3cret@127.0.0.1:1/shop").unwrap();
    assert!(!format!("{runner:?}").contains("s3cret"));
    let error = runner.embedded(SHOP).run().await.unwrap_err();
    let Error::Unreachable { target, .. } = &error else { panic!("{error:?}") };
    assert!(target.contains("127.0.0.1"), "{target}");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
}

#[test]
fn a_url_that_cannot_be_used_says_what_to_write() {
    for url in ["", "mysql://app:s3cret@host/db", "sqlite::memory:", "sqlite:a.db?mode=fast"] {
        let error = Runner::new(url).unwrap_err();
        assert!(matches!(error, Error::Url { .. }), "{url}: {error:?}");
        assert!(error.to_string().contains("; write "), "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_the_sources_error() {
    let file = File::fresh();
    let error = file.runner().folder("no/such/folder").run().await.unwrap_err();
    assert!(matches!(error, Error::Source(_)), "{error:?}");
    assert!(error.source().is_none(), "a folder that is not there is said by the sentence");
    assert!(error.to_string().contains("no/such/folder"), "{error}");
}

#[test]
fn what_the_sentence_leaves_out_is_its_source() {
    use std::io::{Error as IoError, ErrorKind};
    let error = stopover::SourceError::NotReadable {
        path: "migrations".into(),
        source: IoError::from(ErrorKind::PermissionDenied),
    };
    let error = Error::from(error);
    let source = error.source().and_then(|it| it.downcast_ref::<IoError>()).unwrap();
    assert_eq!(source.kind(), ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn a_role_that_may_not_make_the_ledger_is_told_so() {
    let database = TestDatabase::create().await;
    let role = database.database().replace("test_", "weak_");
    database.psql(&format!("create role {role} login password 'pw'"));
    let weak = Runner::new(&database.as_role(&role, "pw").url()).unwrap();
    let error = weak.embedded(SHOP).run().await.unwrap_err();
    database.psql(&format!("drop role {role}"));
    let Error::Ledger { cause, .. } = &error else { panic!("{error:?}") };
    assert_eq!(cause.fields().sqlstate.as_deref(), Some("42501"));
    assert!(error.to_string().contains("permission denied"), "{error}");
}
