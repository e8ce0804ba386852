//! A server that says nothing any more, and a person who has had enough of it.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::timeout;

use crate::Complaint;
use crate::dice::Dice;
use crate::ground::{Ground, socket};
use crate::moment::{Messages, Moment, Phase};
use crate::proxy::{After, Proxy};
use crate::source::{Ledger, Source};
use crate::tool::{End, Tool, migrations, through};
use crate::trial::APPLY;

/// The tool gives a silent server up after twenty seconds at the latest.
const ENOUGH: Duration = Duration::from_secs(30);

/// Cuts a run off from its server without ending the connection, in a transactional migration and
/// in one without a transaction, and then interrupts it: it must end by itself, as interrupted.
///
/// # Errors
/// Where it does not.
pub async fn interrupted_in_silence(program: &Path) -> Result<(), Complaint> {
    // The first COMMIT is that of the new ledger; later ones are of the migrations.
    let (one, other) = tokio::join!(silence(program, 2), silence(program, 9));
    one.and(other)
}

async fn silence(program: &Path, commit: usize) -> Result<(), Complaint> {
    let folder = tempfile::tempdir().map_err(|error| Complaint::new(error.to_string()))?;
    let source = Source::of_all_kinds(Ledger::Stopover, &mut Dice::of_trial(1, "silence", commit));
    let written = source.write(&migrations(folder.path()));
    written.map_err(|error| Complaint::new(error.to_string()))?;
    let database = Ground::Shared.database().await;
    let tool = Tool {
        program: program.to_owned(),
        folder: folder.path().to_owned(),
        ledger: source.ledger,
        layout: source.ledger.layout(),
    };
    let moment = Moment::Message { number: commit, of: Messages::Commits, phase: Phase::Before };
    let proxy = Proxy::start(socket(&database)?, moment, After::Silence).await;
    let proxy = proxy.map_err(|error| Complaint::new(format!("no proxy: {error}")))?;
    let url = database.url();
    let url = through(&url, proxy.port())
        .ok_or_else(|| Complaint::new(format!("no URL with a host: {url}")))?;
    let running = tool.start(&url, &APPLY)?;
    if timeout(ENOUGH, proxy.moment()).await.is_err() {
        return Err(Complaint::new(format!("there was no COMMIT {commit}")));
    }
    running.signal(Signal::SIGINT);
    if timeout(ENOUGH, running.over()).await.is_err() {
        let text = format!("interrupted at COMMIT {commit}, the tool waits for a silent server");
        return Err(Complaint::new(text));
    }
    let said = running.end().await?;
    if said.end != End::Exit(130) {
        return Err(Complaint::new(format!("interrupted at COMMIT {commit}:\n{said}")));
    }
    Ok(())
}
