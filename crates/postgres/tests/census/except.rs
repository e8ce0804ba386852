//! What is left out, with everything that belongs to it.

use stopover_backend::{Census, CensusDepth, CensusScope, Privileges};
use stopover_model::{Schema, TableCensus};
use stopover_testkit::TestDatabase;

use super::{changed, database, run, session};

const LEDGER: &str = "CREATE SCHEMA books; \
    CREATE TABLE books.ledger (version bigserial PRIMARY KEY, name text NOT NULL CHECK (name <> ''), \
      at timestamptz DEFAULT now(), note integer GENERATED ALWAYS AS IDENTITY); \
    CREATE INDEX ledger_name ON books.ledger (name); \
    CREATE STATISTICS books.ledger_stats ON name, at FROM books.ledger; \
    COMMENT ON TABLE books.ledger IS 'x'; COMMENT ON COLUMN books.ledger.name IS 'x'; \
    COMMENT ON CONSTRAINT ledger_pkey ON books.ledger IS 'x'; \
    COMMENT ON INDEX books.ledger_name IS 'x'; \
    COMMENT ON SEQUENCE books.ledger_version_seq IS 'x'; \
    CREATE RULE keep AS ON DELETE TO books.ledger DO INSTEAD NOTHING; \
    COMMENT ON RULE keep ON books.ledger IS 'x'; \
    ALTER TABLE books.ledger ENABLE ROW LEVEL SECURITY; \
    CREATE POLICY all_of_it ON books.ledger USING (true); \
    COMMENT ON POLICY all_of_it ON books.ledger IS 'x'; \
    CREATE TRIGGER quiet BEFORE UPDATE ON books.ledger FOR EACH ROW \
      EXECUTE FUNCTION suppress_redundant_updates_trigger(); \
    COMMENT ON TRIGGER quiet ON books.ledger IS 'x'; \
    GRANT SELECT (name) ON books.ledger TO PUBLIC;";

async fn without_the_ledger(database: &TestDatabase) -> (Schema, Vec<TableCensus>) {
    let scope = CensusScope {
        except: vec![("books".to_owned(), "ledger".to_owned())],
        privileges: Privileges::Included,
    };
    let mut session = session(database).await;
    let schema = session.schema(&scope).await.expect("a schema");
    (schema, session.tables(&scope, CensusDepth::Digests).await.expect("tables"))
}

#[tokio::test]
async fn a_ledger_is_left_out_with_all_that_belongs_to_it() {
    let database = database("CREATE TABLE t (id integer); COMMENT ON TABLE t IS 'mine';").await;
    let before = without_the_ledger(&database).await;
    assert_eq!(before.1.len(), 1);
    run(&database, LEDGER).await;
    let after = without_the_ledger(&database).await;
    assert_eq!(changed(&before.0, &after.0), [] as [&str; 0]);
    assert_eq!(before.1, after.1);
}

/// What only stands beside it, or refers to it, is the user's.
#[tokio::test]
async fn what_refers_to_a_ledger_is_not_left_out() {
    let database = database(LEDGER).await;
    let before = without_the_ledger(&database).await;
    run(
        &database,
        "CREATE TABLE notes (version bigint CONSTRAINT known REFERENCES books.ledger); \
         COMMENT ON CONSTRAINT known ON notes IS 'mine'; \
         CREATE VIEW books.names AS SELECT name FROM books.ledger; \
         CREATE SEQUENCE books.own;",
    )
    .await;
    let after = without_the_ledger(&database).await;
    let found = changed(&before.0, &after.0);
    let objects: Vec<&String> =
        found.iter().filter(|it| !it.starts_with("owner ") && !it.starts_with("grants ")).collect();
    assert_eq!(
        objects,
        [
            "column public.notes.version",
            "comment table constraint known on public.notes",
            "constraint public.notes.known",
            "schema books",
            "sequence books.own",
            "table public.notes",
            "view books.names",
        ]
    );
}
