//! Threads of the crew's own: data is pumped there, whatever runtime the restore was called on. One
//! that has a single thread, which is best for migrations, would not feed many sessions.

use tokio::runtime::{Builder, Handle, Runtime};

/// More are not needed to feed the most sessions.
const MOST: usize = 4;

/// The threads; none until they are needed, or where there can be none.
#[derive(Debug, Default)]
pub(super) struct Threads(Option<Runtime>);

impl Threads {
    /// Begins them, unless they are there: one for each session.
    pub(super) fn begin(&mut self, sessions: usize) {
        if self.0.is_none() {
            let mut builder = Builder::new_multi_thread();
            let named = builder.worker_threads(sessions.clamp(1, MOST)).thread_name("restore");
            self.0 = named.enable_all().build().ok();
        }
    }

    /// Where to spawn; `None` is the runtime that the caller is in.
    pub(super) fn handle(&self) -> Option<&Handle> {
        self.0.as_ref().map(Runtime::handle)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Waiting for its end would block the runtime that this one is dropped in.
            runtime.shutdown_background();
        }
    }
}
