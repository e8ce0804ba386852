//! `backup` and `verify`.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use stopover_backend::{Backed, BackupFailure, CensusDepth, Stop};
use stopover_backup::{LATEST, UnpackedFile, is_sqlite, read_manifest, verify};
use stopover_model::Finding;
use stopover_model::report::{BackupDocument, BackupManifest, Verdict, Verification, VerifyReport};
use stopover_report::human;
use stopover_scratch::provider::{PostgresScratch, ScratchRequest};

use crate::args::{
    BackupArguments, Global, LimitArguments, MakeBackupArguments, SourceArguments, VerifyArguments,
};
use crate::console::{Console, Failure};
use crate::exit::Exit;
use crate::settings::{Flags, Settings};
use crate::target;

use super::{flags, load};

/// The flags of a backup, over those of the command.
pub(super) fn backup_flags(backup: BackupArguments, flags: Flags) -> Flags {
    Flags {
        backup_dir: backup.backup_dir,
        backup_format: backup.backup_format,
        backup_compress: backup.backup_compress,
        backup_schema: (!backup.backup_schema.is_empty()).then_some(backup.backup_schema),
        backup_keep: backup.backup_keep,
        backup_command: backup.backup_command,
        prove_backup: backup.prove_backup.then_some(true),
        digest: backup.digest.then_some(true),
        pg_bin: backup.pg_bin,
        ..flags
    }
}

pub(super) async fn run(
    global: &Global,
    console: &Console,
    arguments: MakeBackupArguments,
    stop: Stop,
) -> Result<Exit, Failure> {
    let limits = LimitArguments { lock_wait: arguments.lock_wait, ..LimitArguments::default() };
    let flags = flags(SourceArguments::default(), Some(arguments.target), limits);
    let loaded = load(global, backup_flags(arguments.backup, flags))?;
    let settings = &loaded.settings;
    let database = target::backend(settings)?;
    let maker = database.backups(settings)?;
    let mut document = BackupDocument::begun(Timestamp::now(), database.describe());
    let mut progress = console.progress();
    let made = maker.make(&stop, &mut progress).await;
    drop(progress);
    let exit = match made {
        Ok(Backed { made, findings }) => {
            let (removed, findings) =
                findings.into_iter().partition::<Vec<Finding>, _>(|it| it.code == "backup-removed");
            document.backup = made;
            document.removed = removed.into_iter().map(|it| it.subject).collect();
            document.findings = findings;
            Exit::Success
        }
        Err(BackupFailure::Stopped(signal)) => return Ok(Exit::Stopped(signal)),
        Err(BackupFailure::Impossible { message, remedy, findings }) if findings.is_empty() => {
            return Err(Failure::unable(message, remedy));
        }
        Err(BackupFailure::Impossible { findings, .. }) => {
            document.findings = findings;
            Exit::Red
        }
    };
    console.document(&document, |detail, look| human::backup(&document, detail, look));
    Ok(exit)
}

pub(super) async fn run_verify(
    global: &Global,
    console: &Console,
    arguments: VerifyArguments,
    stop: Stop,
) -> Result<Exit, Failure> {
    let VerifyArguments { file, digest, restore_only, scratch_url, pg_bin, scratch_dir } =
        arguments;
    let flags = Flags { scratch_db_url: scratch_url, pg_bin, scratch_dir, ..Flags::default() };
    let loaded = load(global, flags)?;
    let settings = &loaded.settings;
    let timestamp = Timestamp::now();
    let file = named(&file, settings)?;
    let failed =
        |error: stopover_backup::BackupError| Failure::unable(error.to_string(), error.remedy());
    let manifest = read_manifest(&file).map_err(failed)?;
    let depth = if digest { CensusDepth::Digests } else { CensusDepth::Rows };
    let asked = Asked { file: &file, manifest: manifest.as_ref(), depth, settings };
    let verification = match asked.verified(console, &stop).await {
        Ok(verification) => verification,
        Err(signal) => return Ok(Exit::Stopped(signal)),
    };
    let verification = match (manifest.is_some(), restore_only) {
        (false, false) => incomparable(verification, &file),
        _ => verification,
    };
    let report = VerifyReport::of(timestamp, verification);
    console.document(&report, |detail, look| human::verify(&report, detail, look));
    Ok(match report.verification.verdict {
        Verdict::Green => Exit::Success,
        Verdict::Red => Exit::Red,
    })
}

/// What is verified.
struct Asked<'a> {
    file: &'a Path,
    manifest: Option<&'a BackupManifest>,
    depth: CensusDepth,
    settings: &'a Settings,
}

impl Asked<'_> {
    async fn verified(
        &self,
        console: &Console,
        stop: &Stop,
    ) -> Result<Verification, stopover_backend::StopSignal> {
        let mut progress = console.progress();
        let request = target::scratch_settings(self.settings);
        if self.file.is_file() && is_sqlite(self.file) {
            let mut scratch = UnpackedFile::new(self.file.to_owned(), request.folder);
            return verify(&mut scratch, self.manifest, self.depth, stop, &mut progress).await;
        }
        // A base would not show that the file restores.
        let backup = Some(self.file.to_owned());
        let mut scratch = PostgresScratch::new(ScratchRequest { backup, bases: None, ..request });
        verify(&mut scratch, self.manifest, self.depth, stop, &mut progress).await
    }
}

/// Without a manifest nothing says whether all is there.
fn incomparable(mut verification: Verification, file: &Path) -> Verification {
    verification.findings.push(Finding::error(
        "no-manifest",
        file.display().to_string(),
        "nothing beside it says what the source held: there is nothing to compare with",
        "make backups with `stopover backup`, or say --restore-only: whether it restores is all \
         that is seen then",
    ));
    verification.judged()
}

/// `latest` is what the pointer names.
fn named(file: &Path, settings: &Settings) -> Result<PathBuf, Failure> {
    if file != Path::new("latest") {
        return Ok(file.to_owned());
    }
    let pointer = settings.backup_dir.join(LATEST);
    let text = std::fs::read_to_string(&pointer).map_err(|error| {
        Failure::usage(
            format!("{} cannot be read: {error}", pointer.display()),
            "make a backup first: stopover backup",
        )
    })?;
    Ok(PathBuf::from(text.lines().next().unwrap_or_default()))
}
