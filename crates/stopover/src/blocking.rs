//! The same without a runtime: each call makes a small one of its own.

use std::future::Future;

use stopover_model::report::{PlanReport, StatusReport};
use tokio::runtime::{Builder, Handle};

use crate::{Error, Report, Runner};

impl Runner {
    /// [`Runner::run`] for programs that are not asynchronous.
    ///
    /// # Errors
    /// As [`Runner::run`]; [`Error::WithinRuntime`] where this thread belongs to a tokio runtime,
    /// which must not be blocked.
    pub fn run_blocking(&self) -> Result<Report, Error> {
        block_on(self.run())
    }

    /// [`Runner::status`] for programs that are not asynchronous.
    ///
    /// # Errors
    /// As [`Runner::status`] and [`Runner::run_blocking`].
    pub fn status_blocking(&self) -> Result<StatusReport, Error> {
        block_on(self.status())
    }

    /// [`Runner::plan`] for programs that are not asynchronous.
    ///
    /// # Errors
    /// As [`Runner::plan`] and [`Runner::run_blocking`].
    pub fn plan_blocking(&self) -> Result<PlanReport, Error> {
        block_on(self.plan())
    }
}

fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    if Handle::try_current().is_ok() {
        return Err(Error::WithinRuntime);
    }
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    runtime.block_on(work)
}
