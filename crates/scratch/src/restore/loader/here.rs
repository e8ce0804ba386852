//! Loads a table's data with the session that keeps the order: where a table's own code might see
//! what others are loading, within a transaction of the dump's, and for whatever is not known.

use std::pin::{Pin, pin};

use bytes::Bytes;
use futures_util::SinkExt;
use tokio::sync::mpsc::Receiver;
use tokio_postgres::CopyInSink;

use super::{Loader, Speech};
use crate::restore::complaint::sql_error;
use crate::restore::error::RestoreError;
use crate::restore::reader::{Job, Statement};

impl Loader<'_> {
    /// Loads the data of one COPY when everything before it is done.
    pub(super) async fn copy_here(
        &mut self,
        statement: &Statement,
        text: &str,
        table: Option<String>,
        jobs: &mut Receiver<Job>,
    ) -> Result<(), RestoreError> {
        self.settle().await?;
        let failed = |error: &tokio_postgres::Error| sql_error(statement, text, error);
        // The statement is in UTF-8 now, its data is in the dump's encoding.
        let prepared = self.session.client.prepare(text).await;
        let prepared = prepared.map_err(|error| failed(&error))?;
        self.speak(Speech::Dump).await?;
        let copy = self.session.client.copy_in::<_, Bytes>(&prepared).await;
        let mut copy = pin!(copy.map_err(|error| failed(&error))?);
        let whole = self.send_rows(copy.as_mut(), table.as_ref(), jobs).await;
        match whole {
            Some(Ok(()) | Err(_)) => {
                // After an error the end is asked for as well: it has the server's own words.
                copy.finish().await.map_err(|error| failed(&error))?;
            }
            // The reader broke off; not finishing the COPY undoes it.
            None => return Ok(()),
        }
        self.speak(Speech::Utf8).await
    }

    /// Sends rows until the data ends; `None` when the reader stops before.
    async fn send_rows(
        &mut self,
        mut copy: Pin<&mut CopyInSink<Bytes>>,
        table: Option<&String>,
        jobs: &mut Receiver<Job>,
    ) -> Option<Result<(), tokio_postgres::Error>> {
        loop {
            match jobs.recv().await? {
                Job::Rows { bytes, rows, .. } => {
                    self.rows += rows;
                    self.tell(table);
                    if let Err(error) = copy.as_mut().feed(bytes).await {
                        return Some(Err(error));
                    }
                }
                Job::CopyEnd => return Some(Ok(())),
                Job::Statement(_) | Job::Copy { .. } => return None,
            }
        }
    }
}
