//! Executes one statement, as the policy has decided.

use std::pin::pin;

use futures_util::StreamExt;
use stopover_model::sqlstate;
use stopover_postgres::literal::identifier;
use tokio_postgres::SimpleQueryMessage;

use super::{Loader, Transaction};
use crate::restore::complaint::{excerpt, refuse, unreadable_encoding};
use crate::restore::encoding::Encoding;
use crate::restore::error::RestoreError;
use crate::restore::policy::{Disposition, Judgement, Note};
use crate::restore::reader::Statement;

impl Loader<'_> {
    pub(super) async fn execute(
        &mut self,
        statement: &Statement,
        text: &str,
        judgement: &Judgement,
    ) -> Result<(), Obstacle> {
        match &judgement.disposition {
            Disposition::Plain => self.as_acting(text).await?,
            Disposition::Elevated if self.transaction == Transaction::Open => {
                self.simple(text).await?;
            }
            Disposition::PlainElseElevated => self.else_elevated(text).await?,
            Disposition::SearchPath => {
                self.simple(text).await?;
                self.keeper.elevated.client.execute(text, &[]).await?;
            }
            Disposition::Encoding(name) => {
                let unreadable = || unreadable_encoding(statement.line, name);
                self.encoding = Encoding::of(name).ok_or_else(unreadable)?;
            }
            Disposition::ActAs(role) => self.act_as(role.as_deref()).await?,
            Disposition::Instead(other, note) => {
                self.notes.note(*note, &excerpt(text));
                self.simple(other).await?;
            }
            Disposition::Skip(note) => self.notes.note(*note, &excerpt(text)),
            Disposition::Refuse(refusal) => {
                let what = refuse(*refusal, text);
                return Err(RestoreError::Refused { line: statement.line, what }.into());
            }
            others => self.as_superuser(text, others).await?,
        }
        Ok(())
    }

    /// What only the superuser's session can do.
    async fn as_superuser(
        &mut self,
        text: &str,
        disposition: &Disposition,
    ) -> Result<(), tokio_postgres::Error> {
        match disposition {
            Disposition::OperatorClass(identity) => {
                self.keeper.create_operator_class(text, identity).await
            }
            Disposition::Extension { name, schema } => {
                self.keeper.create_extension(name, schema.as_deref()).await
            }
            Disposition::EventTrigger(name) => {
                self.keeper.create_event_trigger(text, name).await?;
                self.notes.note(Note::EventTrigger, name);
                Ok(())
            }
            Disposition::Wrapper { name, options } => {
                self.keeper.create_wrapper(name, options).await
            }
            _ => self.keeper.elevated.client.execute(text, &[]).await.map(drop),
        }
    }

    /// Executes a statement in the restoring role's session; what it returns is not kept.
    async fn simple(&mut self, text: &str) -> Result<(), tokio_postgres::Error> {
        let mut answers = pin!(self.session.client.simple_query_raw(text).await?);
        let mut rows = 0;
        while let Some(answer) = answers.next().await {
            if let SimpleQueryMessage::CommandComplete(count) = answer? {
                rows = count;
            }
        }
        if text.starts_with("INSERT ") {
            self.rows += rows;
        }
        Ok(())
    }

    async fn else_elevated(&mut self, text: &str) -> Result<(), tokio_postgres::Error> {
        match self.simple(text).await {
            Err(error)
                if self.transaction == Transaction::None
                    && error
                        .code()
                        .is_some_and(|it| it.code() == sqlstate::INSUFFICIENT_PRIVILEGE) =>
            {
                self.keeper.elevated.client.execute(text, &[]).await.map(drop)
            }
            other => other,
        }
    }

    /// `SET SESSION AUTHORIZATION` needs a superuser. What the dump creates until the next one
    /// belongs to that role: it is created as the restoring role, which may, and then given away.
    pub(super) async fn act_as(&mut self, role: Option<&str>) -> Result<(), RestoreError> {
        if let Some(before) = self.acting_as.take() {
            self.keeper.give_all_to(&before).await?;
        }
        self.acting_as = role.map(str::to_owned);
        Ok(())
    }

    /// Who grants something is written down with it, so that is done as the role itself.
    async fn as_acting(&mut self, text: &str) -> Result<(), tokio_postgres::Error> {
        let grants = text.starts_with("GRANT ") || text.starts_with("REVOKE ");
        let Some(role) = self.acting_as.as_deref().filter(|_| grants) else {
            return self.simple(text).await;
        };
        let role = format!("SET ROLE {}", identifier(role));
        self.simple(&role).await?;
        let result = self.simple(text).await;
        self.simple("RESET ROLE").await?;
        result
    }
}

/// What stands in a statement's way.
pub(super) enum Obstacle {
    /// The server's error, which may be a known one.
    Error(tokio_postgres::Error),
    /// The restore is red.
    Red(Box<RestoreError>),
}

impl From<RestoreError> for Obstacle {
    fn from(error: RestoreError) -> Self {
        Self::Red(Box::new(error))
    }
}

impl From<tokio_postgres::Error> for Obstacle {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Error(error)
    }
}
