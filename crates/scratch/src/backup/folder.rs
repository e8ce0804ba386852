//! Directory archives (`pg_dump -Fd`): a folder with a `toc.dat`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::BackupError;
use super::raw::{Digest, Progress, hex};

/// The file that makes a folder a directory archive.
pub(super) const TABLE_OF_CONTENTS: &str = "toc.dat";

/// The archive's files, sorted by name, with the size of all.
pub(super) fn list(folder: &Path) -> Result<(Vec<PathBuf>, u64), BackupError> {
    let failed = |source| unreadable(folder, source);
    let mut files = Vec::new();
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let facts =
            fs::metadata(entry.path()).map_err(|source| unreadable(&entry.path(), source))?;
        if facts.is_file() {
            bytes += facts.len();
            files.push(entry.path());
        }
    }
    files.sort();
    Ok((files, bytes))
}

/// The archive's identity: SHA-256 over `<hex hash of a file>  <file name>\n` for each file in the
/// order of names; that is, the hash of what `sha256sum *` prints in the folder.
///
/// # Errors
///
/// A file that cannot be read.
pub(crate) fn hash(files: &[PathBuf], progress: &Progress) -> Result<Digest, BackupError> {
    let mut all = Sha256::new();
    let mut bytes = 0;
    let mut buffer = vec![0; 256 * 1024];
    for path in files {
        let (sum, length) =
            hash_file(path, &mut buffer, progress).map_err(|source| unreadable(path, source))?;
        let name = path.file_name().unwrap_or_default();
        all.update(sum);
        all.update("  ");
        all.update(name.as_encoded_bytes());
        all.update("\n");
        bytes += length;
    }
    Ok(Digest { sha256: hex(&all.finalize()), bytes })
}

fn hash_file(path: &Path, buffer: &mut [u8], progress: &Progress) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut sum = Sha256::new();
    let mut length = 0;
    loop {
        match file.read(buffer) {
            Ok(0) => return Ok((hex(&sum.finalize()), length)),
            Ok(read) => {
                sum.update(&buffer[..read]);
                progress.add(read);
                length += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

pub(super) fn unreadable(path: &Path, source: io::Error) -> BackupError {
    BackupError::Unreadable { path: path.display().to_string(), at: 0, source }
}
