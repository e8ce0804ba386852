//! A server that rests: stopped in order, so that its data folder can be copied, and started again.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, io};

use nix::sys::signal::{Signal, kill};
use tokio_postgres::NoTls;

use super::tuning::Stage;
use super::{Durability, Launched, PrivateServer, ServerError, configure};
use crate::binaries::Binaries;
use crate::sweep::processes;

/// How long a shutdown may take: it writes all that is in shared memory, at most 2 GiB.
const SHUTDOWN: Duration = Duration::from_mins(5);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// What a stopped cluster needs to be started again.
#[derive(Debug)]
pub(crate) struct Settled {
    /// The oldest file of the write-ahead log that it needs; `None`: not known.
    pub(crate) log_file: Option<String>,
}

impl PrivateServer {
    /// Makes the superuser anonymous and takes all passwords. Nothing can connect from then on until
    /// [`PrivateServer::resume`]; on an error all is as before.
    pub(crate) async fn make_anonymous(&self) -> Result<Settled, ServerError> {
        let refused = |log: String| move |source| ServerError::SetUp { log, source };
        let (client, connection) =
            self.config().connect(NoTls).await.map_err(refused(self.log_tail(20)))?;
        let driver = tokio::spawn(connection);
        let settled = async {
            client.batch_execute("SET search_path = pg_catalog").await?;
            client.batch_execute("CHECKPOINT").await?;
            let log_file = self.log_file(&client).await?;
            // In one transaction, and last.
            self.identity.give_back(&client).await?;
            Ok(log_file)
        };
        let settled = settled.await.map_err(refused(self.log_tail(20)));
        drop(client);
        // However it ended, it has ended.
        let _ = driver.await;
        Ok(Settled { log_file: settled? })
    }

    /// Starts the server again, for migrations, with the name and the password that it had.
    pub(crate) async fn resume(&mut self, binaries: &Binaries) -> Result<(), ServerError> {
        self.configure_for_migrations()?;
        self.start_again(binaries).await?;
        let taken = self.identity.take(self.socket_folder(), self.port()).await;
        taken.map_err(|source| ServerError::SetUp { log: self.log_tail(20), source })
    }

    /// The restore is over: migrations get the settings that are right for them, which takes a
    /// restart. (A server that writes durably would take long for that, and writes all WAL anyway.)
    pub(crate) async fn turn_to_migrations(
        &mut self,
        binaries: &Binaries,
    ) -> Result<(), ServerError> {
        if self.durability() == Durability::LikeProduction {
            return Ok(());
        }
        let began = Instant::now();
        self.shut_down().await?;
        self.configure_for_migrations()?;
        self.start_again(binaries).await?;
        tracing::debug!(took = ?began.elapsed(), "the server was restarted for migrations");
        Ok(())
    }

    fn configure_for_migrations(&self) -> Result<(), ServerError> {
        let Launched { folder, port, .. } = &self.launched;
        let files = database_files(folder.data())
            .map_err(ServerError::folder(&folder.data().join("base"), "read"))?;
        let stage = Stage::Migrations { files };
        configure(self.version.major(), &self.options, folder, *port, stage)
    }

    /// Functions and folder of the log have these names since PostgreSQL 10.
    async fn log_file(
        &self,
        client: &tokio_postgres::Client,
    ) -> Result<Option<String>, tokio_postgres::Error> {
        if self.version.major() < 10 {
            return Ok(None);
        }
        let sql = "SELECT pg_walfile_name(pg_current_wal_insert_lsn())";
        client.query_one(sql, &[]).await.map(|row| Some(row.get(0)))
    }

    /// PostgreSQL's fast shutdown: sessions are ended, everything is written.
    pub(crate) async fn shut_down(&mut self) -> Result<(), ServerError> {
        let not_settled = |said: String| ServerError::NotSettled { said };
        let Some(pid) = processes::written_pid(self.data_folder()) else {
            return Err(not_settled("it has no process any more".to_owned()));
        };
        kill(pid, Signal::SIGINT).map_err(|error| not_settled(error.to_string()))?;
        let began = Instant::now();
        loop {
            let ended = self.launched.guard.ended().map_err(|source| ServerError::Watch { source });
            match ended? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    return Err(not_settled(format!("{status}: {}", self.log_tail(20))));
                }
                None if began.elapsed() > SHUTDOWN => {
                    let limit = SHUTDOWN.as_secs();
                    return Err(not_settled(format!(
                        "not within {limit} s: {}",
                        self.log_tail(20)
                    )));
                }
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

/// How many files the databases have: at least one for each table.
fn database_files(data: &Path) -> io::Result<u64> {
    let mut count = 0;
    for database in fs::read_dir(data.join("base"))? {
        count += fs::read_dir(database?.path())?.count() as u64;
    }
    Ok(count)
}
