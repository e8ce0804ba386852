//! A look at the database in a session of its own.

use stopover_backend::{Backend, Execute, Stop};

use crate::EngineError;
use crate::statement::unless_stopped;

/// Opens a session and hands it to `look`, which ends it. A stop keeps it from being opened, and
/// cancels on the server what is asked in it.
///
/// # Errors
/// Where the database cannot be reached, what `look` says, and where a signal asks to stop.
pub(crate) async fn in_own_session<B, L, T>(
    backend: &B,
    stop: &Stop,
    look: impl FnOnce(B::Session) -> L + Send,
) -> Result<T, EngineError>
where
    B: Backend,
    L: Future<Output = Result<T, EngineError>> + Send,
{
    let session = tokio::select! {
        session = backend.connect() => session?,
        signal = stop.wait() => return Err(EngineError::Stopped(signal)),
    };
    let canceller = session.canceller();
    let looking = Box::pin(look(session));
    unless_stopped(&canceller, looking, stop).await.map_err(EngineError::Stopped)?
}
