//! SIGINT and SIGTERM: the first asks the engine to stop, the second ends the process at once.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use stopover_backend::{Stop, StopRequest, StopSignal};

use crate::exit::Exit;

/// How long the engine may take to stop. It gives a server up that does not answer a cancel request
/// within ten seconds; what is in the way of the request itself, a dead network, is given up here.
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts to listen, on a thread of its own: whatever keeps the engine's thread, a reader that does
/// not take what is written or a slow disk, a signal is heard. The engine polls or awaits what comes
/// back.
pub(crate) fn listen() -> std::io::Result<Stop> {
    let (request, stop) = Stop::channel();
    let signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || wait(signals, &request))?;
    Ok(stop)
}

fn wait(mut signals: Signals, request: &StopRequest) {
    let mut heard = signals.forever().map(|signal| match signal {
        SIGTERM => StopSignal::Terminate,
        _ => StopSignal::Interrupt,
    });
    let Some(first) = heard.next() else { return };
    request.stop(first);
    // A reader that went away (`2>&1 | head`) must not keep the second signal from being heard.
    say("stopping: cancelling what runs on the server (once more to kill at once)");
    // Without this thread, the second signal is all that ends a run that does not stop.
    let _ = thread::Builder::new().name("patience".to_owned()).spawn(move || {
        thread::sleep(PATIENCE);
        say("stopped: the server does not answer");
        end(first);
    });
    // Whichever comes second: a CI service sends SIGINT, and SIGTERM some seconds later.
    end(heard.next().unwrap_or(first));
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn end(signal: StopSignal) -> ! {
    std::process::exit(i32::from(Exit::Stopped(signal).code()))
}
