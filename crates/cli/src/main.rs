//! `stopover`: arguments and settings → one request → one call → an exit code.
//!
//! No loop of its own over migrations, no judgement: those are the engine's and the planner's.

mod args;
mod commands;
mod console;
mod exit;
mod forms;
mod log;
mod reports;
mod settings;
mod signals;
mod target;

use std::io::Write;
use std::process::ExitCode;

use stopover_model::redact_urls;
use stopover_report::{Colour, Look};
use tokio::runtime::{Builder, Runtime};

use crate::args::{Arguments, Command};
use crate::exit::Exit;

fn main() -> ExitCode {
    let arguments = match Arguments::typed() {
        Ok(arguments) => arguments,
        Err(error) => return refused_arguments(&error),
    };
    start_log(arguments.global.verbose);
    let exit = match runtime(&arguments.command) {
        Ok(runtime) => {
            let exit = runtime.block_on(commands::run(arguments));
            // What is open is closed by the end of the process. Closed now, each connection would
            // wake its server process, which then has the core that our own threads end on: a run
            // with nothing to do took a tenth longer.
            std::mem::forget(runtime);
            exit
        }
        Err(error) => {
            eprintln!("error: the runtime does not start: {error}");
            Exit::Unable
        }
    };
    exit.into()
}

/// One thread for what talks with one database: each answer would else be handed from one to the
/// other, and a run with nothing to do consists of little else. (A restore's sessions have threads of
/// their own.) Others have more to do at once.
fn runtime(command: &Command) -> std::io::Result<Runtime> {
    let mut builder = match command {
        Command::Backup(_)
        | Command::Verify(_)
        | Command::Scratch(_)
        | Command::Demo(_)
        | Command::Adopt(_) => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    builder.worker_threads(2).enable_all().build()
}

/// `--help` and `--version` are no errors; everything else that clap refuses is exit code 5.
fn refused_arguments(error: &clap::Error) -> ExitCode {
    // A closed pipe (`stopover --help | head -1`) is nothing to report.
    if !error.use_stderr() {
        let _ = error.print();
        return Exit::Success.into();
    }
    let text = error.render();
    let text = match Look::of_stderr().colour {
        Colour::Always => text.ansi().to_string(),
        Colour::Never => text.to_string(),
    };
    // The refused argument is quoted, and may be a URL with a password.
    let _ = std::io::stderr().write_all(redact_urls(&text).as_bytes());
    Exit::Usage.into()
}

/// Diagnostics of the libraries, on standard error: `-vv` shows debug lines, `RUST_LOG` decides
/// in detail. The SQL driver is kept at warnings: its debug lines hold parameters.
fn start_log(verbose: u8) {
    let default = match verbose {
        0 | 1 => "warn",
        2 => {
            "warn,stopover=debug,stopover_engine=debug,stopover_postgres=debug,stopover_scratch=debug"
        }
        _ => "debug,tokio_postgres=warn,rustls=warn",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .finish();
    // Only fails where a subscriber is set already, and nobody else sets one.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
