//! What a session does with a table's data.
//!
//! Frozen (`COPY … FREEZE`): the rows are visible to all at once, so that nobody marks them so
//! later, and with minimal WAL nothing goes there. The server demands that the same transaction
//! has emptied the table, which locks all others out. The table is empty anyway: that was looked
//! at before.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::CopyInSink;

use super::feed::{Feed, Part, Pulled, Seat};
use super::lines::Lines;
use crate::restore::complaint::sql_error;
use crate::restore::error::RestoreError;
use crate::restore::reader::Statement;
use crate::restore::session::Session;

/// A table's data and how it is loaded.
#[derive(Debug)]
pub(in crate::restore) struct Load {
    pub(in crate::restore) feed: Feed,
    /// The COPY, for errors.
    pub(in crate::restore) statement: Statement,
    /// Its text in UTF-8.
    pub(in crate::restore) text: String,
    /// How to empty the table and then load it frozen, where that is possible.
    pub(in crate::restore) frozen: Option<Frozen>,
    /// Whether several sessions may load it.
    pub(in crate::restore) splits: bool,
    /// What the session's encoding must be for the data, unless it is the driver's.
    pub(in crate::restore) encoding: Option<String>,
}

/// Statements that load a table frozen.
#[derive(Debug)]
pub(in crate::restore) struct Frozen {
    pub(in crate::restore) truncate: String,
    pub(in crate::restore) copy: String,
}

/// How a session takes part in a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::restore) enum Role {
    /// The first, and frozen where possible.
    Frozen,
    /// The first, for little data: emptying a table takes longer than marking its rows.
    Plain,
    /// One that joins.
    Helper,
}

/// How a COPY ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Complete,
    Shared,
    Broken,
}

/// Loads with one session.
pub(super) async fn load(
    session: &Session,
    seat: Seat,
    load: &Arc<Load>,
    role: Role,
) -> Result<(), RestoreError> {
    let loading = Loading { session, seat, load };
    match (role, &load.frozen) {
        (Role::Frozen, Some(frozen)) => return loading.frozen(frozen).await,
        (Role::Frozen | Role::Plain, _) => load.feed.open(),
        (Role::Helper, _) => load.feed.opened().await,
    }
    loading.copy(&load.text, Part::Among).await.map(drop)
}

struct Loading<'a> {
    session: &'a Session,
    seat: Seat,
    load: &'a Load,
}

impl Loading<'_> {
    async fn frozen(&self, frozen: &Frozen) -> Result<(), RestoreError> {
        const DOING: &str = "emptying a table before it is loaded";
        self.session.run(DOING, "BEGIN").await?;
        let emptied = self.session.run(DOING, &frozen.truncate).await;
        if let Err(RestoreError::Server { .. }) = emptied {
            // Whatever it was, the table is loaded as it is.
            self.session.run(DOING, "ROLLBACK").await?;
            self.load.feed.open();
            return self.copy(&self.load.text, Part::Among).await.map(drop);
        }
        emptied?;
        // Who joins now waits for this transaction's lock.
        self.load.feed.open();
        let ending = self.copy(&frozen.copy, Part::Alone).await?;
        let end = if ending == Ending::Broken { "ROLLBACK" } else { "COMMIT" };
        let ended = self.session.client.batch_execute(end).await;
        ended.map_err(|error| sql_error(&self.load.statement, &self.load.text, &error))?;
        match ending {
            Ending::Shared => self.copy(&self.load.text, Part::Among).await.map(drop),
            Ending::Complete | Ending::Broken => Ok(()),
        }
    }

    /// One COPY, as long as there is data for this session.
    async fn copy(&self, text: &str, part: Part) -> Result<Ending, RestoreError> {
        let statement = &self.load.statement;
        let failed = |error: &tokio_postgres::Error| sql_error(statement, text, error);
        // The statement is in UTF-8, its data is in the dump's encoding.
        let prepared = self.session.client.prepare(text).await;
        let prepared = prepared.map_err(|error| failed(&error))?;
        let doing = "changing the encoding";
        if let Some(name) = &self.load.encoding {
            self.session.run(doing, &format!("SET client_encoding = '{name}'")).await?;
        }
        let copy = self.session.client.copy_in::<_, Bytes>(&prepared).await;
        let mut copy = pin!(copy.map_err(|error| failed(&error))?);
        let mut lines = Lines::default();
        let ending = self.send(copy.as_mut(), part, &mut lines).await?;
        if ending == Ending::Broken {
            // Not finishing the COPY undoes it.
            return Ok(ending);
        }
        copy.finish().await.map_err(|error| {
            let mut error = failed(&error);
            if let RestoreError::Sql { error, .. } = &mut error {
                lines.place(error);
            }
            error
        })?;
        if self.load.encoding.is_some() {
            self.session.run(doing, "SET client_encoding = 'UTF8'").await?;
        }
        Ok(ending)
    }

    /// Sends blocks until there are none for this session. After an error the COPY is to be
    /// finished as well: its end has the server's own words.
    async fn send(
        &self,
        mut copy: Pin<&mut CopyInSink<Bytes>>,
        part: Part,
        lines: &mut Lines,
    ) -> Result<Ending, RestoreError> {
        loop {
            match self.load.feed.pull(self.seat, part).await {
                Pulled::Block(block) => {
                    lines.note(block.line, block.lines);
                    let (bytes, share) = block.data.take().await.map_err(unreadable)?;
                    let sent = copy.as_mut().feed(bytes).await;
                    drop(share);
                    if sent.is_err() {
                        return Ok(Ending::Complete);
                    }
                }
                Pulled::Shared => return Ok(Ending::Shared),
                Pulled::End => return Ok(Ending::Complete),
                Pulled::Broken => return Ok(Ending::Broken),
            }
        }
    }
}

/// Data that was written aside, and is not there any more.
fn unreadable(source: io::Error) -> RestoreError {
    RestoreError::Io { what: "reading data that was written aside".to_owned(), source }
}
