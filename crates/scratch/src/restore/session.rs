//! Connections to the scratch server.

use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};

use super::error::RestoreError;

/// A connection whose end can be awaited: roles and databases are dropped only after their last
/// session is gone.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Client,
    driver: JoinHandle<Result<(), tokio_postgres::Error>>,
}

impl Session {
    pub(super) async fn open(config: &Config) -> Result<Self, RestoreError> {
        let connected = config.connect(NoTls).await;
        let (client, connection) =
            connected.map_err(|error| RestoreError::of_server("connecting", &error))?;
        Ok(Self { client, driver: tokio::spawn(connection) })
    }

    /// Executes statements of our own.
    pub(super) async fn run(&self, doing: &'static str, sql: &str) -> Result<(), RestoreError> {
        self.client.batch_execute(sql).await.map_err(|error| RestoreError::of_server(doing, &error))
    }

    /// The first column of a query of our own.
    pub(super) async fn names(
        &self,
        doing: &'static str,
        sql: &str,
    ) -> Result<Vec<String>, RestoreError> {
        let rows = self.client.query(sql, &[]).await;
        let rows = rows.map_err(|error| RestoreError::of_server(doing, &error))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Ends the session and waits until the server's side knows.
    pub(super) async fn close(self) {
        drop(self.client);
        // However it ended, it has ended.
        let _ = self.driver.await;
    }
}
