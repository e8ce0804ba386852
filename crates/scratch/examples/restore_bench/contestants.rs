//! Who restores, and into what.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use stopover_model::Silent;
use stopover_scratch::backup::{Backup, BackupPath};
use stopover_scratch::binaries::{Binaries, Program};
use stopover_scratch::restore::{RestoreTarget, restore};
use stopover_scratch::server::{Durability, PrivateServer, ServerOptions};
use tokio_postgres::{Config, NoTls};

use crate::Outcome;

/// PostgreSQL's own values of what a private server sets.
const OUT_OF_THE_BOX: [(&str, &str); 12] = [
    ("shared_buffers", "128MB"),
    ("effective_cache_size", "4GB"),
    ("work_mem", "4MB"),
    ("maintenance_work_mem", "64MB"),
    ("max_parallel_maintenance_workers", "2"),
    ("autovacuum", "on"),
    ("max_locks_per_transaction", "64"),
    ("max_wal_size", "1GB"),
    ("checkpoint_timeout", "5min"),
    ("max_worker_processes", "8"),
    ("max_parallel_workers", "8"),
    ("jit", "on"),
];

/// A server as it is when nobody has set anything.
async fn out_of_the_box(binaries: &Binaries) -> Outcome<PrivateServer> {
    let settings = OUT_OF_THE_BOX.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let options = ServerOptions {
        durability: Durability::LikeProduction,
        settings: settings.to_vec(),
        ..ServerOptions::default()
    };
    Ok(PrivateServer::start(binaries, options).await?)
}

/// Our restore into a private server; seconds.
pub(crate) async fn ours(
    binaries: &Binaries,
    dump: &Path,
    sessions: Option<usize>,
) -> Outcome<f64> {
    let server = PrivateServer::start(binaries, ServerOptions::default()).await?;
    let target = RestoreTarget {
        superuser: server.config(),
        database: "bench".to_owned(),
        pg_restore: Some(binaries.clone()),
        sessions,
        spool: Some(server.folder().to_owned()),
    };
    let backup = Backup::open(&BackupPath::of(dump))?;
    let began = Instant::now();
    restore(backup, &target, &mut Silent).await?;
    let seconds = began.elapsed().as_secs_f64();
    server.stop().await?;
    Ok(seconds)
}

/// What everybody does; seconds.
pub(crate) async fn psql(binaries: &Binaries, dump: &Path) -> Outcome<f64> {
    let server = out_of_the_box(binaries).await?;
    let began = Instant::now();
    let mut gunzip = Command::new("gunzip");
    gunzip.arg("-c").stdin(File::open(dump)?).stdout(Stdio::piped());
    let mut gunzip = gunzip.spawn()?;
    let mut psql = client(binaries, Program::Psql, &server.config());
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null"]);
    psql.stdin(gunzip.stdout.take().ok_or("no output of gunzip")?);
    let restored = psql.status()?;
    let whole = gunzip.wait()?;
    if !restored.success() || !whole.success() {
        return Err("gunzip | psql failed".into());
    }
    analyze(&server.config()).await?;
    let seconds = began.elapsed().as_secs_f64();
    server.stop().await?;
    Ok(seconds)
}

/// An archive of the same database, over two connections; seconds.
pub(crate) async fn pg_restore(binaries: &Binaries, archive: &Path) -> Outcome<f64> {
    let server = out_of_the_box(binaries).await?;
    let began = Instant::now();
    let mut command = client(binaries, Program::PgRestore, &server.config());
    command.args(["-j2", "--no-owner", "--exit-on-error", "-d", "postgres"]).arg(archive);
    if !command.status()?.success() {
        return Err("pg_restore failed".into());
    }
    analyze(&server.config()).await?;
    let seconds = began.elapsed().as_secs_f64();
    server.stop().await?;
    Ok(seconds)
}

async fn analyze(config: &Config) -> Outcome<()> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client.batch_execute("ANALYZE").await?)
}

/// One of PostgreSQL's programs, connected to the server by its environment.
pub(crate) fn client(binaries: &Binaries, program: Program, config: &Config) -> Command {
    let mut command = Command::new(binaries.path(program));
    if let Some(tokio_postgres::config::Host::Unix(folder)) = config.get_hosts().first() {
        command.env("PGHOST", folder);
    }
    let port = config.get_ports().first().copied().unwrap_or(5432);
    command
        .env("PGPORT", port.to_string())
        .env("PGUSER", config.get_user().unwrap_or_default())
        .env("PGDATABASE", "postgres")
        .env(
            "PGPASSWORD",
            String::from_utf8_lossy(config.get_password().unwrap_or_default()).as_ref(),
        );
    command
}
