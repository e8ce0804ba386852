//! Many runners at once: each migration is applied by one of them, and all end well.

use std::path::Path;

use crate::dice::Dice;
use crate::ground::Ground;
use crate::source::{Ledger, Source};
use crate::tool::{End, Tool, migrations};
use crate::{Complaint, after};

/// Connections that a server keeps beside those of the runners: each runner has one, and the
/// trial has a few.
const BESIDE: usize = 20;

/// Starts so many runners at once on all kinds of migrations, for every ledger.
///
/// # Errors
/// What is not as it must be.
pub async fn runners_at_once(program: &Path, seed: u64, runners: usize) -> Result<(), Complaint> {
    let ground = Ground::for_clients(runners + BESIDE).await;
    for (round, ledger) in Ledger::ALL.into_iter().enumerate() {
        let source = Source::of_all_kinds(ledger, &mut Dice::of_trial(seed, "runners", round));
        let failed = |it: Complaint| Complaint::new(format!("{}: {it}", ledger.name()));
        on_one_ledger(program, &ground, &source, runners).await.map_err(failed)?;
    }
    Ok(())
}

async fn on_one_ledger(
    program: &Path,
    ground: &Ground,
    source: &Source,
    runners: usize,
) -> Result<(), Complaint> {
    let folder = tempfile::tempdir().map_err(|error| Complaint::new(error.to_string()))?;
    let written = source.write(&migrations(folder.path()));
    written.map_err(|error| Complaint::new(error.to_string()))?;
    let database = ground.database().await;
    let tool = Tool {
        program: program.to_owned(),
        folder: folder.path().to_owned(),
        ledger: source.ledger,
        layout: source.ledger.layout(),
    };
    let url = database.url();
    let all: Result<Vec<_>, Complaint> =
        (0..runners).map(|_| tool.start(&url, &["apply"])).collect();
    let mut failed = Vec::new();
    for running in all? {
        let said = running.end().await?;
        if said.end != End::Exit(0) {
            failed.push(said.to_string());
        }
    }
    if let Some(first) = failed.first() {
        let state = after::state(&database);
        let text = format!("{} of {runners} runners failed: {first}\n{state}", failed.len());
        return Err(Complaint::new(text));
    }
    let verified = after::verify(source, &database, &tool).await;
    verified.map_err(|it| Complaint::new(format!("{it}\n{}", after::state(&database))))
}
