//! `receipt keygen` and `receipt verify`.

use std::path::Path;

use stopover_model::report::{KeyReport, ReceiptReport, SCHEMA_VERSION};
use stopover_model::{Finding, Receipt, SignatureSeen, TOOL_VERSION};
use stopover_receipts::SigningKey;
use stopover_report::human;

use crate::args::{Global, ReceiptCommand};
use crate::console::{Console, Failure};
use crate::exit::Exit;
use crate::settings::{Flags, Settings};

use super::load;

pub(super) fn run(
    global: &Global,
    console: &Console,
    command: ReceiptCommand,
) -> Result<Exit, Failure> {
    match command {
        ReceiptCommand::Keygen { file } => keygen(console, &file),
        ReceiptCommand::Verify { file, public_key } => verify(global, console, &file, public_key),
    }
}

/// Stores the receipt of a rehearsal, for an apply that requires one: with the reports, whose folder
/// is `logs`, or where the settings say. Without either it is not stored.
pub(super) fn keep(
    console: &Console,
    settings: &Settings,
    receipt: Option<&Receipt>,
    logs: Option<&Path>,
) -> Result<(), Failure> {
    let Some(receipt) = receipt.filter(|_| logs.is_some() || settings.receipt.is_some()) else {
        return Ok(());
    };
    let place = settings.receipt_place(None);
    let path = place.store(receipt).map_err(|error| {
        Failure::unable(
            format!("the receipt cannot be written: {error}"),
            "set receipt to a file or a folder that may be written: --receipt FILE",
        )
    })?;
    console.remark(&format!("receipt: {}", path.display()));
    Ok(())
}

fn keygen(console: &Console, file: &Path) -> Result<Exit, Failure> {
    let key = SigningKey::generate(file)
        .map_err(|error| Failure::unable(error.to_string(), "name a file that is not there yet"))?;
    let report = KeyReport {
        schema_version: SCHEMA_VERSION,
        tool_version: TOOL_VERSION.to_owned(),
        path: file.display().to_string(),
        public_key: key.public().to_string(),
    };
    console.document(&report, |_, _| format!("{}\n", report.public_key));
    console.remark(&format!(
        "the signing key is in {}: name it where rehearsals are held (receipt_key), and the public \
         key where migrations are applied (receipt_public_key)",
        file.display()
    ));
    Ok(Exit::Success)
}

fn verify(
    global: &Global,
    console: &Console,
    file: &Path,
    receipt_public_key: Option<String>,
) -> Result<Exit, Failure> {
    let loaded = load(global, Flags { receipt_public_key, ..Flags::default() })?;
    let Some(key) = loaded.settings.receipt_public_key()? else {
        return Err(Failure::usage(
            "there is no public key to verify it with",
            "give --public-key, or set receipt_public_key",
        ));
    };
    let opened = loaded.settings.receipt_place(Some(key)).open(file);
    let seen = opened.map_err(|it| {
        Failure::usage(format!("{}: {}", it.path, it.why), "name a receipt that `rehearse` wrote")
    })?;
    let problem = match &seen.signature {
        SignatureSeen::Good => None,
        SignatureSeen::Bad(why) => Some(why.clone()),
        SignatureSeen::Missing | SignatureSeen::NotVerified => Some("it is not signed".to_owned()),
    };
    let finding = |why: String| {
        let remedy = "do not rely on it: rehearse again where the signing key is";
        Finding::error("receipt", seen.path.clone(), why, remedy)
    };
    let report = ReceiptReport::of(&seen, problem.map(finding).into_iter().collect());
    console.document(&report, |_, look| human::receipt(&report, look));
    Ok(if report.findings.is_empty() { Exit::Success } else { Exit::Preflight })
}
