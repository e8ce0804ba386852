//! A backend whose copies are followed by something that happens to the database itself.

use std::pin::Pin;
use std::sync::Arc;

use stopover_backend::{Backend, BackendError, CopyError, Stop, TargetCopy};
use stopover_model::EventSink;

/// What happens.
type Event = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Reaches what `B` reaches; as soon as a copy is made, and before anything is proven on it,
/// something happens.
pub struct Between<B> {
    backend: B,
    event: Event,
}

impl<B: Backend> Between<B> {
    /// `event` happens after each copy.
    pub fn new<E, F>(backend: B, event: E) -> Self
    where
        E: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self { backend, event: Arc::new(move || Box::pin(event())) }
    }
}

impl<B: Backend + 'static> Backend for Between<B> {
    type Session = B::Session;

    async fn connect(&self) -> Result<B::Session, BackendError> {
        self.backend.connect().await
    }

    async fn prove_pinned(&self, session: &mut B::Session) -> Result<(), BackendError> {
        self.backend.prove_pinned(session).await
    }

    async fn copy(
        &self,
        stop: &Stop,
        sink: &mut dyn EventSink,
    ) -> Result<TargetCopy<Self>, CopyError> {
        let copy = self.backend.copy(stop, sink).await?;
        (self.event)().await;
        let event = Arc::clone(&self.event);
        Ok(copy.reached(|backend| Self { backend, event }))
    }
}
