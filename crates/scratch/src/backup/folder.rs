//! Directory archives (`pg_dump -Fd`): a folder with a `toc.dat`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::BackupError;
use super::codec::Codec;
use super::decode::{Halt, decode};
use super::raw::{Digest, Progress, Raw, hex};

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
/// On the way it is proven that table data is whole, as far as pg_restore does not do that itself:
/// from an uncompressed file that was cut at a row's end, pg_restore makes a script in which the
/// statements after it look like rows. (An uncompressed large object has no end that could be
/// missed.)
///
/// # Errors
///
/// A file that cannot be read, or that is not whole.
pub(crate) fn hash(files: &[PathBuf], progress: &Progress) -> Result<Digest, BackupError> {
    let mut all = Sha256::new();
    let mut bytes = 0;
    for path in files {
        let one = hash_file(path, progress)?;
        let name = path.file_name().unwrap_or_default();
        all.update(one.sha256);
        all.update("  ");
        all.update(name.as_encoded_bytes());
        all.update("\n");
        bytes += one.bytes;
    }
    Ok(Digest { sha256: hex(&all.finalize()), bytes })
}

/// How table data ends: of COPY, of INSERTs, of INSERTs for an empty table.
const DATA_ENDS: [&[u8]; 2] = [b"\\.\n\n\n", b";\n\n\n"];
const NO_INSERTS: &[u8] = b"\n\n";

fn hash_file(path: &Path, progress: &Progress) -> Result<Digest, BackupError> {
    let file = File::open(path).map_err(|source| unreadable(path, source))?;
    let mut raw = Raw::new(Box::new(file), progress.clone());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let shown = path.display().to_string();
    let (data, codec) = kind(&name);
    let mut tail = Vec::new();
    let mut keep_tail = |chunk: Bytes| {
        tail.extend_from_slice(&chunk[chunk.len().saturating_sub(8)..]);
        tail.drain(..tail.len().saturating_sub(8));
        Ok(())
    };
    match decode(&mut raw, codec, &shown, &mut keep_tail) {
        // Nobody refuses a chunk here.
        Ok(()) | Err(Halt::Unwanted) => {}
        Err(Halt::Failed(error)) => return Err(error),
    }
    let digest = raw.finish().map_err(|source| unreadable(path, source))?;
    let whole = DATA_ENDS.iter().any(|end| tail.ends_with(end)) || tail == NO_INSERTS;
    if data == Data::Table && !whole {
        let what = "the table's data has no end".to_owned();
        return Err(BackupError::Truncated { path: shown, at: digest.bytes, what });
    }
    Ok(digest)
}

/// Whether a file's end can tell that it is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Data {
    /// A table's data, with a proper end.
    Table,
    /// Something else, or something that pg_restore itself checks.
    Other,
}

/// What a file is, by the name that pg_dump gives it, and how it is to be read to check it.
/// pg_restore checks the end of a gzip stream itself.
fn kind(name: &str) -> (Data, Codec) {
    let (stem, codec) = match name.rsplit_once('.') {
        Some((stem, "zst")) => (stem, Codec::Zstd),
        Some((stem, "lz4")) => (stem, Codec::Lz4),
        _ => (name, Codec::Plain),
    };
    let number = stem.strip_suffix(".dat").unwrap_or_default();
    let table = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (if table { Data::Table } else { Data::Other }, codec)
}

pub(super) fn unreadable(path: &Path, source: io::Error) -> BackupError {
    BackupError::Unreadable { path: path.display().to_string(), at: 0, source }
}
