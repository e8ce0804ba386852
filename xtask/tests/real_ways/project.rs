//! The made-up project, written in any layout.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

/// How the files are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Pairs,
    Sqlx,
    Diesel,
}

/// Migrations in a folder that goes with the value.
#[derive(Debug)]
pub(crate) struct Project {
    folder: TempDir,
}

/// Name, up, down. The fifth cannot run in a transaction; the sixth brings its own.
const MIGRATIONS: [(&str, &str, &str); 7] = [
    (
        "customers",
        "CREATE TYPE mood AS ENUM ('glad', 'sad; or worse');
         CREATE TABLE customers (
             id bigserial PRIMARY KEY,
             email varchar(120) NOT NULL UNIQUE CHECK (length(email) > 3),
             mood mood NOT NULL DEFAULT 'glad',
             notes jsonb,
             created_at timestamptz NOT NULL DEFAULT now()
         );
         COMMENT ON TABLE customers IS 'People; who buy';",
        "DROP TABLE customers; DROP TYPE mood;",
    ),
    (
        "orders",
        "CREATE TABLE orders (
             id uuid PRIMARY KEY,
             customer_id bigint NOT NULL REFERENCES customers ON DELETE CASCADE,
             state text NOT NULL CHECK (state IN ('open', 'it''s paid', 'sent')),
             total numeric(10, 2),
             tags text[] NOT NULL DEFAULT '{}'
         ); -- the end of it",
        "DROP TABLE orders;",
    ),
    (
        "visits",
        "CREATE TABLE visits (
             customer_id bigint NOT NULL REFERENCES customers,
             at timestamptz NOT NULL,
             proof bytea CHECK (octet_length(proof) = 32)
         ) PARTITION BY RANGE (at);
         CREATE TABLE visits_all PARTITION OF visits DEFAULT;",
        "DROP TABLE visits;",
    ),
    (
        "touch",
        "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $body$
         BEGIN
             NEW.created_at := now(); -- $$ is no end; nor is this;
             RETURN NEW;
         END $body$;
         CREATE TRIGGER touched BEFORE UPDATE ON customers
             FOR EACH ROW EXECUTE FUNCTION touch();
         CREATE FUNCTION open_orders() RETURNS bigint LANGUAGE sql
         BEGIN ATOMIC
             SELECT count(*) FROM orders WHERE state = 'open';
         END;",
        "DROP FUNCTION open_orders; DROP FUNCTION touch CASCADE;",
    ),
    (
        "index",
        "CREATE INDEX CONCURRENTLY orders_by_customer ON orders (customer_id);",
        "DROP INDEX orders_by_customer;",
    ),
    (
        "lengths",
        "BEGIN;
         ALTER TABLE customers ADD COLUMN email_length int;
         UPDATE customers SET email_length = length(email);
         ALTER TABLE customers ALTER COLUMN email_length SET NOT NULL;
         COMMIT;",
        "ALTER TABLE customers DROP COLUMN email_length;",
    ),
    (
        "archive",
        "-- stopover: allow data-loss(public.orders)
         CREATE VIEW sent AS SELECT * FROM orders WHERE state = 'sent';
         CREATE TABLE archive AS TABLE orders WITH NO DATA;
         WITH moved AS (DELETE FROM orders WHERE state = 'sent' RETURNING *)
         INSERT INTO archive SELECT * FROM moved;",
        "DROP VIEW sent; DROP TABLE archive;",
    ),
];

impl Project {
    /// Writes it in the layout.
    pub(crate) fn write(layout: Layout) -> Self {
        let project = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        for (index, (name, up, down)) in MIGRATIONS.iter().enumerate() {
            let number = index + 1;
            match layout {
                Layout::Pairs => {
                    project.add(&format!("{number}_{name}.up"), up);
                    project.add(&format!("{number}_{name}.down"), down);
                }
                // sqlx needs to be told, and runs the author's own transactions alone.
                Layout::Sqlx if *name == "index" => {
                    project
                        .add(&format!("{number:04}_{name}"), &format!("-- no-transaction\n{up}"));
                }
                Layout::Sqlx => project.add(&format!("{number:04}_{name}"), up),
                Layout::Diesel => {
                    let folder = format!("2026-01-0{number}-120000_{name}");
                    fs::create_dir(project.folder().join(&folder)).expect("a folder");
                    project.add(&format!("{folder}/up"), up);
                    project.add(&format!("{folder}/down"), down);
                    if *name == "index" {
                        let file = project.folder().join(folder).join("metadata.toml");
                        fs::write(file, "run_in_transaction = false\n").expect("a file");
                    }
                }
            }
        }
        project
    }

    /// Adds a file; its name without `.sql`.
    pub(crate) fn add(&self, name: &str, sql: &str) {
        let file = self.folder().join(format!("{name}.sql"));
        fs::write(file, format!("{sql}\n")).expect("a file");
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}
