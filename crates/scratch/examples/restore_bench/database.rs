//! The database that is dumped: pgbench's tables, wide ones with text and jsonb, ten secondary
//! indexes, foreign keys, and 300 small tables.

use std::path::Path;

use stopover_scratch::binaries::{Binaries, Program};
use stopover_scratch::server::{PrivateServer, ServerOptions};
use tokio_postgres::NoTls;

use crate::Outcome;
use crate::contestants::client;

/// The plain dump, compressed as gzip does by itself.
pub(crate) const PLAIN: &str = "bench.sql.gz";
/// The same as a custom archive.
pub(crate) const ARCHIVE: &str = "bench.custom";

/// Makes the dumps in the folder, unless they are there.
pub(crate) async fn dumps(binaries: &Binaries, folder: &Path, megabytes: u32) -> Outcome<()> {
    if folder.join(PLAIN).exists() && folder.join(ARCHIVE).exists() {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    let server = PrivateServer::start(binaries, ServerOptions::default()).await?;
    let (postgres, connection) = server.config().connect(NoTls).await?;
    tokio::spawn(connection);
    for (name, value) in [("bench.mb", megabytes), ("bench.small", 300)] {
        postgres.batch_execute(&format!("SET {name} = {value}")).await?;
    }
    postgres.batch_execute(include_str!("database.sql")).await?;
    let size = postgres.query_one("SELECT pg_database_size(current_database())", &[]).await?;
    println!("a database of {} MB", size.get::<_, i64>(0) >> 20);
    for (name, arguments) in [(PLAIN, &["-Z6"][..]), (ARCHIVE, &["-Fc"])] {
        let mut dump = client(binaries, Program::PgDump, &server.config());
        dump.args(arguments)
            .args(["--no-owner", "--no-privileges"])
            .arg("--file")
            .arg(folder.join(name));
        if !dump.status()?.success() {
            return Err("pg_dump failed".into());
        }
        println!("{name}: {} MB", std::fs::metadata(folder.join(name))?.len() >> 20);
    }
    server.stop().await?;
    Ok(())
}
