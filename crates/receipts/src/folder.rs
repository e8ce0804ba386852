//! Where receipts lie: a folder with one file for each plan and state of the ledger, or one file.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use stopover_model::{
    Receipt, ReceiptSeen, Receipts, ReceiptsRead, SignatureNeed, SignatureSeen, Unreadable,
};
use tempfile::NamedTempFile;

use crate::PublicKey;

/// How many receipts stay in a folder: the newest.
pub const KEPT: usize = 100;
/// A file that is larger is no receipt.
const LARGEST: u64 = 64 << 20;

/// A file or a folder, and the key that is trusted.
#[derive(Debug, Clone)]
pub struct ReceiptPlace {
    path: PathBuf,
    public_key: Option<PublicKey>,
}

impl ReceiptPlace {
    /// A folder, or a file: what is not there yet is a file where its name ends in `.json`.
    #[must_use]
    pub fn new(path: PathBuf, public_key: Option<PublicKey>) -> Self {
        Self { path, public_key }
    }

    /// Whether receipts from here must be signed.
    #[must_use]
    pub const fn signatures(&self) -> SignatureNeed {
        match self.public_key {
            Some(_) => SignatureNeed::Good,
            None => SignatureNeed::None,
        }
    }

    /// Stores a receipt, as a whole and for its owner alone; one of the same plan and ledger is
    /// replaced. Says where.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn store(&self, receipt: &Receipt) -> io::Result<PathBuf> {
        let is_file = self.path.is_file()
            || (!self.path.is_dir() && self.path.extension().is_some_and(|it| it == "json"));
        let path = if is_file { self.path.clone() } else { self.path.join(receipt.file_name()) };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        fs::create_dir_all(folder)?;
        let text = serde_json::to_string_pretty(receipt)? + "\n";
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        if !is_file {
            prune(folder, &path);
        }
        Ok(path)
    }

    /// Reads one file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn open(&self, path: &Path) -> Result<ReceiptSeen, Unreadable> {
        let shown = path.display().to_string();
        let unreadable = |why: String| Unreadable { path: shown.clone(), why };
        let text = read(path).map_err(|error| unreadable(error.to_string()))?;
        let (receipt, signed) =
            Receipt::read(&text).map_err(|error| unreadable(error.to_string()))?;
        let signature = match &self.public_key {
            Some(key) => key.verify(&receipt, &signed),
            None if receipt.signature.is_none() => SignatureSeen::Missing,
            None => SignatureSeen::NotVerified,
        };
        Ok(ReceiptSeen { path: shown, receipt, signature })
    }

    /// The files where receipts may be.
    fn files(&self) -> io::Result<Vec<PathBuf>> {
        if self.path.is_file() {
            return Ok(vec![self.path.clone()]);
        }
        let entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|it| it == "json") {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }
}

impl Receipts for ReceiptPlace {
    fn read(&self) -> ReceiptsRead {
        let place = self.path.display().to_string();
        let mut read = ReceiptsRead { place: place.clone(), ..ReceiptsRead::default() };
        match self.files() {
            Err(error) => {
                read.unreadable.push(Unreadable { path: place, why: error.to_string() });
            }
            Ok(files) => {
                for file in files {
                    match self.open(&file) {
                        Ok(seen) => read.seen.push(seen),
                        Err(unreadable) => read.unreadable.push(unreadable),
                    }
                }
            }
        }
        read
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    // A pipe would be waited for, with the run lock in hand.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is no file"));
    }
    let length = fs::File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if length as u64 > LARGEST {
        return Err(io::Error::new(ErrorKind::FileTooLarge, "it is too large for a receipt"));
    }
    Ok(text)
}

/// Removes the oldest receipts. One that cannot be removed harms nobody.
fn prune(folder: &Path, newest: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let receipts = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let path = entry.path();
        let modified = entry.metadata().and_then(|it| it.modified()).ok()?;
        (is_ours(&path) && path != newest).then_some((modified, path))
    });
    let mut receipts: Vec<(SystemTime, PathBuf)> = receipts.collect();
    receipts.sort();
    let surplus = (receipts.len() + 1).saturating_sub(KEPT);
    for (_, path) in receipts.into_iter().take(surplus) {
        let _ = fs::remove_file(path);
    }
}

/// Whether the name is one that [`Receipt::file_name`] gives.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
    let parts = name.strip_suffix(".json").and_then(|it| it.split_once('-'));
    let is_hash = |it: &str| it.len() == 16 && it.bytes().all(|it| it.is_ascii_hexdigit());
    parts.is_some_and(|(plan, ledger)| is_hash(plan) && is_hash(ledger))
}

#[cfg(test)]
pub(crate) mod samples {
    use stopover_model::report::{MigrationStatus, Verdict};
    use stopover_model::{
        DatabaseKind, Grounds, LedgerKind, LedgerState, RECEIPT_VERSION, Receipt, ReceiptSettings,
        RehearsedBackup, RehearsedMigration, Version,
    };

    /// A receipt with names that JSON has to escape, and numbers that a float would round.
    pub(crate) fn receipt() -> Receipt {
        Receipt {
            schema_version: RECEIPT_VERSION,
            tool_version: "0.1.0".to_owned(),
            rehearsed_at: "2026-11-20T12:00:00.123456789Z".parse().expect("a time"),
            verdict: Verdict::Green,
            detail: "1 migration \"applied\"\tin 3 ms, wirklich schön".to_owned(),
            grounds: Grounds {
                plan_hash: "ab".repeat(32),
                ledger: LedgerState {
                    kind: LedgerKind::Stopover,
                    hash: "cd".repeat(32),
                    history: None,
                    applied: vec![Version::Integer(1), Version::Integer(9_007_199_254_740_993)],
                },
                database: DatabaseKind::Postgres,
                server_version: "15.18".to_owned(),
            },
            migrations: vec![RehearsedMigration {
                version: Version::Integer(i64::MAX),
                name: "größer\u{1f680}".to_owned(),
                sha256: "ef".repeat(32),
                transactional: true,
                status: MigrationStatus::Applied,
                predicted_ms: Some(3),
            }],
            tables: Vec::new(),
            backup: RehearsedBackup::default(),
            schema: None,
            settings: ReceiptSettings::default(),
            signature: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::samples::receipt;
    use super::*;

    #[test]
    fn what_is_stored_is_found_again_and_a_later_rehearsal_takes_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = ReceiptPlace::new(folder.path().join("logs/receipts"), None);
        assert_eq!(place.read().seen, [], "a folder that is not there is empty");
        let path = place.store(&receipt()).expect("stored");
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        let later = Receipt { detail: "later".to_owned(), ..receipt() };
        assert_eq!(place.store(&later).expect("stored"), path);
        let mut other = receipt();
        other.grounds.ledger.hash = "12".repeat(32);
        place.store(&other).expect("stored");
        let read = place.read();
        let mut found: Vec<Receipt> = read.seen.into_iter().map(|it| it.receipt).collect();
        found.sort_by_key(|it| it.detail.clone());
        assert_eq!(found, [other, later]);
        assert_eq!(read.unreadable, []);
    }

    #[test]
    fn one_file_is_named_and_nothing_beside_it_is_looked_at() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("other.json"), "{}").expect("written");
        let path = folder.path().join("mine.json");
        let place = ReceiptPlace::new(path.clone(), None);
        assert_eq!(
            place.read(),
            ReceiptsRead { place: path.display().to_string(), ..ReceiptsRead::default() }
        );
        assert_eq!(place.store(&receipt()).expect("stored"), path);
        assert_eq!(place.read().seen.len(), 1);
    }

    #[test]
    fn files_that_are_no_receipts_are_told() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a.json"), "{\"schema_version\": 1}").expect("written");
        fs::write(folder.path().join("b.json"), [0xff, 0xfe]).expect("written");
        fs::write(folder.path().join("readme.txt"), "not looked at").expect("written");
        let read = ReceiptPlace::new(folder.path().to_owned(), None).read();
        assert_eq!((read.seen.len(), read.unreadable.len()), (0, 2));
        assert!(read.unreadable[0].why.starts_with("it is no receipt: missing field"));
    }

    #[test]
    fn a_pipe_a_folder_and_a_link_to_nothing_are_told_and_nobody_waits_for_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let made = std::process::Command::new("mkfifo").arg(path("a.json")).status();
        assert!(made.expect("mkfifo").success());
        fs::create_dir(path("b.json")).expect("a folder");
        std::os::unix::fs::symlink(path("nothing"), path("c.json")).expect("a link");
        let place = ReceiptPlace::new(path("real"), None);
        let stored = place.store(&receipt()).expect("stored");
        std::os::unix::fs::symlink(stored, path("d.json")).expect("a link");
        let read = ReceiptPlace::new(folder.path().to_owned(), None).read();
        assert_eq!((read.seen.len(), read.unreadable.len()), (1, 3), "{read:?}");
        assert_eq!(read.unreadable[0].why, "it is no file");
    }

    #[test]
    fn the_newest_hundred_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = ReceiptPlace::new(folder.path().to_owned(), None);
        fs::write(folder.path().join("mine.json"), "{}").expect("written");
        for number in 0..KEPT + 5 {
            let mut receipt = receipt();
            receipt.grounds.plan_hash = format!("{number:064x}").chars().rev().collect();
            place.store(&receipt).expect("stored");
        }
        let names = place.files().expect("files");
        assert_eq!(names.iter().filter(|it| is_ours(it)).count(), KEPT);
        assert!(names.iter().any(|it| it.ends_with("mine.json")), "what is not ours is left alone");
    }
}
