//! The database that is dumped, and the migrations that are rehearsed on it: pgbench's tables, wide
//! ones with text and jsonb, ten secondary indexes, foreign keys, and 300 small tables.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::bench::server::Server;

/// One of each kind: a column, an index, a table with a key, a check of all rows, an update.
const MIGRATIONS: [&str; 5] = [
    "ALTER TABLE app.orders ADD COLUMN channel text NOT NULL DEFAULT 'web';\n",
    "CREATE INDEX orders_total ON app.orders (total);\n",
    "CREATE TABLE app.refunds (id bigint PRIMARY KEY, \
     order_id bigint NOT NULL REFERENCES app.orders, made_at timestamptz NOT NULL);\n",
    "ALTER TABLE app.customers ALTER COLUMN data SET NOT NULL;\n",
    "UPDATE app.customers SET name = upper(name) WHERE id % 10 = 0;\n",
];

/// Tables that it has besides the small ones.
const LARGE: usize = 7;
const SMALL: usize = 300;

/// Dumps of it.
pub(super) struct Dumps {
    /// Plain, and compressed as gzip does by itself.
    pub(super) plain: PathBuf,
    /// The same database as an archive.
    pub(super) archive: PathBuf,
    /// The database's own size.
    pub(super) megabytes: usize,
}

impl Dumps {
    /// Takes those in the folder, or makes them there.
    pub(super) fn take(folder: &Path, megabytes: u32, server: &Server) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let size = folder.join(format!("{megabytes}.size"));
        let (plain, archive) = (size.with_extension("sql.gz"), size.with_extension("custom"));
        if !size.exists() {
            let made = make(server, megabytes, &plain, &archive)?;
            // Last: it says that the others are whole.
            fs::write(&size, made.to_string())?;
        }
        let megabytes = fs::read_to_string(&size)?.trim().parse().context("its size")?;
        Ok(Self { plain, archive, megabytes })
    }
}

fn make(server: &Server, megabytes: u32, plain: &Path, archive: &Path) -> anyhow::Result<usize> {
    let database = "origin";
    eprintln!("a database of about {megabytes} MB, and its dumps …");
    let bytes = fill(server, database, megabytes, plain.parent().unwrap_or(Path::new(".")))?;
    for (form, path) in [("-Z6", plain), ("-Fc", archive)] {
        let mut dump = server.client("pg_dump", database);
        run(dump.args([form, "--no-owner", "--no-privileges", "--file"]), path)?;
    }
    server.drop(database)?;
    Ok(bytes >> 20)
}

/// Makes the database, and gives its size in bytes; `folder` is for a script that is gone again.
pub(in crate::bench) fn fill(
    server: &Server,
    database: &str,
    megabytes: u32,
    folder: &Path,
) -> anyhow::Result<usize> {
    server.create(database, None)?;
    let script = folder.join("database.make");
    let settings = format!("SET bench.mb = {megabytes};\nSET bench.small = {SMALL};\n");
    fs::write(&script, format!("{settings}{}", include_str!("database.sql")))?;
    let mut psql = server.client("psql", database);
    run(psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"]), &script)?;
    fs::remove_file(script)?;
    server.number(database, "SELECT pg_database_size(current_database())")
}

fn run(command: &mut Command, file: &Path) -> anyhow::Result<()> {
    let ended = command.arg(file).status();
    let name = command.get_program().display();
    ensure!(ended.with_context(|| format!("no {name}"))?.success(), "{name} failed");
    Ok(())
}

/// The migrations as sqlx's files.
pub(super) fn migrations() -> Vec<String> {
    MIGRATIONS.map(str::to_owned).to_vec()
}

/// Sees that everything is there, and that all migrations were applied.
pub(super) fn must_be_whole(server: &Server, database: &str) -> anyhow::Result<()> {
    let tables = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE c.relkind = 'r' AND n.nspname IN ('app', 'public') \
                      AND c.relname NOT IN ('_sqlx_migrations', 'refunds')";
    let there = server.number(database, tables)?;
    ensure!(there == LARGE + SMALL, "{there} tables instead of {}", LARGE + SMALL);
    let new = "SELECT count(*) FROM pg_class WHERE relname IN ('orders_total', 'refunds')";
    ensure!(server.number(database, new)? == 2, "the migrations were not applied");
    Ok(())
}
