//! SIGINT and SIGTERM: the first asks the engine to stop, the second ends the process at once.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use stopover_backend::{Stop, StopSignal};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;

/// How long the engine may take to stop. It gives a server up that does not answer a cancel request
/// within ten seconds; what is in the way of the request itself, a dead network, is given up here.
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts to listen, on a thread of its own: whatever keeps the engine's thread, a reader that does
/// not take what is written or a slow disk, a signal is heard. The engine polls or awaits what comes
/// back.
pub(crate) fn listen() -> std::io::Result<Stop> {
    let (request, stop) = Stop::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let within = runtime.enter();
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terminations = signal(SignalKind::terminate())?;
    drop(within);
    let listening = async move {
        let first = next(&mut interrupts, &mut terminations).await;
        request.stop(first);
        // A reader that went away (`2>&1 | head`) must not keep the second signal from being heard.
        let _ = writeln!(
            std::io::stderr(),
            "stopping: cancelling what runs on the server (once more to kill at once)"
        );
        // Whichever comes second: a CI service sends SIGINT, and SIGTERM some seconds later.
        let last = tokio::select! {
            second = next(&mut interrupts, &mut terminations) => second,
            () = tokio::time::sleep(PATIENCE) => {
                let _ = writeln!(std::io::stderr(), "stopped: the server does not answer");
                first
            }
        };
        std::process::exit(i32::from(Exit::Stopped(last).code()));
    };
    let listen = move || runtime.block_on(listening);
    thread::Builder::new().name("signals".to_owned()).spawn(listen)?;
    Ok(stop)
}

async fn next(interrupts: &mut Signal, terminations: &mut Signal) -> StopSignal {
    tokio::select! {
        Some(()) = interrupts.recv() => StopSignal::Interrupt,
        Some(()) = terminations.recv() => StopSignal::Terminate,
        else => std::future::pending().await,
    }
}
