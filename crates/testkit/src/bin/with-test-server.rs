//! Runs a command whose tests all share one server: `with-test-server cargo nextest run`.

use std::process::{Command, ExitCode};

use stopover_testkit::{SERVER_VARIABLE, TestServer};

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: with-test-server COMMAND [ARGUMENT]...");
        return ExitCode::from(5);
    };
    let server = TestServer::start().await;
    let status = Command::new(&program).args(arguments).env(SERVER_VARIABLE, server.url()).status();
    server.stop().await;
    match status {
        Ok(status) => {
            ExitCode::from(status.code().and_then(|code| code.try_into().ok()).unwrap_or(1))
        }
        Err(error) => {
            eprintln!("cannot run {}: {error}", program.display());
            ExitCode::from(7)
        }
    }
}
