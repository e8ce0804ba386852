//! SIGINT and SIGTERM: the first asks the engine to stop, the second ends the process at once.

use stopover_backend::{Stop, StopRequest, StopSignal};
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Exit;

/// Starts to listen. The engine polls or awaits what comes back.
pub(crate) fn listen() -> std::io::Result<Stop> {
    let (request, stop) = Stop::channel();
    watch(SignalKind::interrupt(), StopSignal::Interrupt, request.clone())?;
    watch(SignalKind::terminate(), StopSignal::Terminate, request)?;
    Ok(stop)
}

fn watch(kind: SignalKind, stop: StopSignal, request: StopRequest) -> std::io::Result<()> {
    let mut stream = signal(kind)?;
    tokio::spawn(async move {
        if stream.recv().await.is_some() {
            eprintln!("stopping: cancelling what runs on the server (once more to kill at once)");
            request.stop(stop);
        }
        if stream.recv().await.is_some() {
            std::process::exit(i32::from(Exit::Stopped(stop).code()));
        }
    });
    Ok(())
}
