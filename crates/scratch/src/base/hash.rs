//! The hash of a backup, and the memory of it: hashing 2 GB takes a second or more, and most
//! backups do not change.
//!
//! A file counts as unchanged as long as device, inode, size, time of the last write and time of
//! the last change of its inode are the same. The last one (ctime) is the kernel's own: every
//! write moves it, and no program can set it back. The risk that is left, and accepted: somebody
//! who sets the system's clock back, or writes to the disk past the file system. Two nearer ones
//! are closed: a file that was written to within the last seconds is not remembered, because the
//! clock of file systems is coarse; and on file systems that get their times from elsewhere
//! (network, FUSE) nothing is remembered at all.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use crate::backup::{Progress, hash_folder};

/// Bytes read at a time.
const READ_BYTES: usize = 512 << 10;

/// How long ago the last write must be, in nanoseconds: file systems round their times, some to
/// two seconds.
const SETTLED: i128 = 3_000_000_000;

/// What a backup on disk looks like from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    path: PathBuf,
    /// A directory archive's files; empty for a file.
    parts: Vec<PathBuf>,
    text: String,
    /// The newest time in it.
    newest: i128,
    /// Its size.
    pub(crate) bytes: u64,
    local: bool,
}

impl Facts {
    /// Looks at a backup; `None` for what is neither a file nor a folder of files, and has to be
    /// read as it comes.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let facts = fs::metadata(path).ok()?;
        let mut found = Self {
            path: fs::canonicalize(path).ok()?,
            parts: Vec::new(),
            text: String::new(),
            newest: 0,
            bytes: 0,
            local: is_local(path),
        };
        if facts.is_file() {
            found.add("", &facts);
            return Some(found);
        }
        let mut parts: Vec<PathBuf> = fs::read_dir(path)
            .ok()?
            .map(|it| it.map(|it| it.path()))
            .collect::<Result<_, _>>()
            .ok()?;
        parts.retain(|it| it.is_file());
        parts.sort();
        for part in &parts {
            found.add(&part.file_name()?.to_string_lossy(), &fs::metadata(part).ok()?);
        }
        found.parts = parts;
        (!found.parts.is_empty()).then_some(found)
    }

    /// As if it had been written long ago, on a file system that keeps its own times.
    #[cfg(test)]
    pub(super) fn as_if_settled(&self) -> Self {
        Self { newest: 0, local: true, ..self.clone() }
    }

    /// Whether the backup still looks as it did.
    pub(crate) fn still_hold(&self) -> bool {
        Self::of(&self.path).as_ref() == Some(self)
    }

    fn add(&mut self, name: &str, facts: &Metadata) {
        let modified = super::listing::modified(facts);
        let changed = i128::from(facts.ctime()) * 1_000_000_000 + i128::from(facts.ctime_nsec());
        let (device, inode, bytes) = (facts.dev(), facts.ino(), facts.len());
        self.text.push_str(&format!("{device} {inode} {bytes} {modified} {changed} {name}\n"));
        self.newest = self.newest.max(modified).max(changed);
        self.bytes += bytes;
    }

    /// Names this state of this backup: 32 hex digits.
    pub(crate) fn name(&self) -> String {
        let path = self.path.as_os_str().as_encoded_bytes();
        hex(&Sha256::digest([path, b"\n", self.text.as_bytes()].concat()))[..32].to_owned()
    }

    /// Whether a change that comes after `now` would show.
    pub(crate) fn would_show_changes(&self, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |it| it.as_nanos());
        self.local && i128::try_from(now).is_ok_and(|now| now - self.newest > SETTLED)
    }

    /// Reads and hashes everything.
    pub(crate) fn hash(&self) -> io::Result<String> {
        if !self.parts.is_empty() {
            let digest = hash_folder(&self.parts, &Progress::default());
            return digest.map(|it| it.sha256).map_err(io::Error::other);
        }
        let mut file = File::open(&self.path)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(hex(&hash.finalize())),
                Ok(read) => hash.update(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Lower-case hex digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the file system keeps its own times. Magic numbers of statfs(2).
#[cfg(target_os = "linux")]
fn is_local(path: &Path) -> bool {
    const EXT: u64 = 0xef53;
    const XFS: u64 = 0x5846_5342;
    const BTRFS: u64 = 0x9123_683e;
    const TMPFS: u64 = 0x0102_1994;
    const F2FS: u64 = 0xf2f5_2010;
    const ZFS: u64 = 0x2fc1_2fc1;
    const OVERLAY: u64 = 0x794c_7630;
    let known = [EXT, XFS, BTRFS, TMPFS, F2FS, ZFS, OVERLAY];
    // The number has 32 bits; its type differs from machine to machine.
    rustix::fs::statfs(path).is_ok_and(|it| known.contains(&(it.f_type as u64 & 0xffff_ffff)))
}

#[cfg(not(target_os = "linux"))]
fn is_local(_path: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_is_hashed_as_sha256sum_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.sql");
        fs::write(&path, "abc").unwrap();
        let hash = Facts::of(&path).unwrap().hash().unwrap();
        assert_eq!(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_changed_file_has_other_facts_even_with_size_and_time_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.sql");
        fs::write(&path, "one").unwrap();
        let before = Facts::of(&path).unwrap();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(Facts::of(&path).unwrap(), before);
        std::thread::sleep(Duration::from_millis(20));
        fs::write(&path, "two").unwrap();
        File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), time);
        assert_ne!(Facts::of(&path).unwrap().name(), before.name());
    }

    #[test]
    fn a_file_of_this_moment_is_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.sql");
        fs::write(&path, "one").unwrap();
        let facts = Facts::of(&path).unwrap();
        assert!(!facts.would_show_changes(SystemTime::now()));
        let later = SystemTime::now() + Duration::from_secs(10);
        assert_eq!(facts.would_show_changes(later), facts.local);
    }

    #[test]
    fn a_folder_is_its_files() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Facts::of(folder.path()).is_none(), "empty");
        fs::write(folder.path().join("toc.dat"), "PGDMP").unwrap();
        let one = Facts::of(folder.path()).unwrap();
        fs::write(folder.path().join("3001.dat.gz"), "x").unwrap();
        let two = Facts::of(folder.path()).unwrap();
        assert_ne!(one.name(), two.name());
        assert_eq!((one.bytes, two.bytes), (5, 6));
    }
}
