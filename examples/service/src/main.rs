//! A small service that migrates its own database when it boots.
//!
//! It listens at once, so that an orchestrator sees it live, and says 503 until the database is up
//! to date. It serves nothing on a database that it does not know to be right: where the
//! migrations cannot be applied, it says why in one line and ends.

mod health;

use std::future::Future;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use stopover::{Runner, Stop, StopRequest, StopSignal};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::health::Applied;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> anyhow::Result<()> {
    let url =
        std::env::var("DATABASE_URL").context("set DATABASE_URL to the service's database")?;
    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be caught")?;

    let listener = TcpListener::bind(&address)
        .await
        .with_context(|| format!("cannot listen on {address}: set LISTEN to another address"))?;
    println!("listening on {}", listener.local_addr()?);

    let applied: Applied = Arc::new(OnceLock::new());
    let (stop_request, stop) = Stop::channel();
    let migrating = migrate(&url, stop, &applied);
    let (quit, quitting) = tokio::sync::oneshot::channel::<()>();
    let server = axum::serve(listener, health::routes(Arc::clone(&applied)))
        .with_graceful_shutdown(async { quitting.await.unwrap_or_default() });
    let boot = async {
        if migrate_until(migrating, &mut terminate, &stop_request).await? {
            terminate.recv().await;
        }
        // Requests that are being answered are answered to their end.
        let _ = quit.send(());
        Ok(())
    };
    let serving = async { server.await.context("the server ended") };
    tokio::try_join!(boot, serving)?;
    Ok(())
}

/// Applies what is pending, and says what is applied.
async fn migrate(url: &str, stop: Stop, applied: &Applied) -> Result<(), stopover::Error> {
    let runner = Runner::new(url)?.embedded(stopover::embed!("migrations")).stop(stop);
    let report = runner.run().await?;
    let versions = report.ledger.iter().map(|it| it.version.to_string()).collect();
    // Only set here, and only once.
    let _ = applied.set(versions);
    Ok(())
}

/// Waits for the migrations; a SIGTERM stops them. Whether to go on serving.
async fn migrate_until(
    migrating: impl Future<Output = Result<(), stopover::Error>>,
    terminate: &mut Signal,
    stop: &StopRequest,
) -> anyhow::Result<bool> {
    let mut migrating = std::pin::pin!(migrating);
    let ended = tokio::select! {
        ended = &mut migrating => ended,
        _ = terminate.recv() => {
            stop.stop(StopSignal::Terminate);
            // What the server is doing is cancelled and rolled back before the process ends.
            match migrating.await {
                Ok(()) | Err(stopover::Error::Stopped { .. }) => return Ok(false),
                Err(error) => Err(error),
            }
        }
    };
    ended.map(|()| true).context("the database cannot be migrated")
}
