//! A copy of the target, for a proof before anything happens on the target itself.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use stopover_model::{EventSink, Finding};
use thiserror::Error;

use crate::{Stop, StopSignal};

/// A future that a trait object gives.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A copy of a database, reached as the database itself is.
pub struct TargetCopy<B> {
    /// Reaches it.
    pub backend: B,
    /// What it is, as `a copy on PostgreSQL 15.18`.
    pub described: String,
    keeper: Box<dyn CopyKeeper>,
}

/// What has to be thrown away with a copy. Dropping it does what can be done without waiting.
pub trait CopyKeeper: Send + Sync {
    /// Throws it away; what is left behind is said.
    fn discard(self: Box<Self>) -> Pending<'static, Vec<Finding>>;
}

impl<B> TargetCopy<B> {
    /// A copy that `keeper` throws away.
    pub fn new(backend: B, described: String, keeper: Box<dyn CopyKeeper>) -> Self {
        Self { backend, described, keeper }
    }

    /// The same copy, reached in another way.
    pub fn reached<C>(self, otherwise: impl FnOnce(B) -> C) -> TargetCopy<C> {
        let Self { backend, described, keeper } = self;
        TargetCopy { backend: otherwise(backend), described, keeper }
    }

    /// Throws it away.
    pub async fn discard(self) -> Vec<Finding> {
        let Self { backend, keeper, .. } = self;
        drop(backend);
        keeper.discard().await
    }
}

impl<B: fmt::Debug> fmt::Debug for TargetCopy<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetCopy")
            .field("backend", &self.backend)
            .field("described", &self.described)
            .finish_non_exhaustive()
    }
}

/// Why there is no copy.
#[derive(Debug, Clone, Error)]
pub enum CopyError {
    /// It cannot be had.
    #[error("{message}")]
    Impossible {
        /// Why.
        message: String,
        /// What to do.
        remedy: String,
    },
    /// A signal asked to stop.
    #[error("stopped by a signal")]
    Stopped(StopSignal),
}

/// Makes copies of one database. A backend that cannot do it by itself is given one of these.
pub trait Copier<B>: fmt::Debug + Send + Sync {
    /// Makes one. What the copy is made with is gone when an error comes back.
    fn copy<'a>(
        &'a self,
        stop: &'a Stop,
        sink: &'a mut dyn EventSink,
    ) -> Pending<'a, Result<TargetCopy<B>, CopyError>>;
}
