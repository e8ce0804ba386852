//! Prepared empty data folders: copying one is several times faster than initdb.
//!
//! ```text
//! <cache>/lock                  locked by whoever is building
//! <cache>/empty-15-<16 hex>/    complete: it came here by a rename
//!     data/
//!     contents                  the system's boot; count of files and their bytes
//! <cache>/building-<16 hex>/    half built; removed by the next builder
//! ```
//!
//! The key holds everything that initdb's result depends on. Nothing is forced to disk, which took
//! longer than all the rest: instead a folder that was kept before the system's last start is not
//! believed, for a power cut may have left it with holes. A cache is a convenience: when it
//! cannot be used, the server starts without it and a note says why.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use sha2::{Digest, Sha256};

use super::folder::{private_folder, spread};
use super::machine::boot_id;
use super::options::ServerOptions;
use super::tree::{self, Contents};
use super::user::ServerUser;
use crate::binaries::Binaries;

/// Changes when what is kept changes.
const FORMAT: &str = "1";

/// How the names of folders begin that are not, or no longer, templates.
pub(super) const HALF_BUILT: &str = "building-";

/// How the names of templates begin.
pub(super) const EMPTY: &str = "empty-";

/// One kept data folder, there or not.
#[derive(Debug)]
pub(crate) struct Template {
    cache: PathBuf,
    name: String,
}

impl Template {
    /// The template for these binaries and options.
    pub(crate) fn new(cache: &Path, binaries: &Binaries, options: &ServerOptions) -> Self {
        let locales = options.locales().join(" ");
        let folder = binaries.folder().to_string_lossy();
        let user = geteuid().as_raw().to_string();
        let parts =
            [FORMAT, binaries.version().text(), &*folder, &options.encoding, &locales, &user];
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part);
            digest.update([0]);
        }
        let digest = digest.finalize();
        let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let name = format!("{EMPTY}{}-{hex}", binaries.version().major());
        Self { cache: cache.to_owned(), name }
    }

    fn folder(&self) -> PathBuf {
        self.cache.join(&self.name)
    }

    /// Copies the template into an empty data folder of the server's user. False when there is
    /// none, or when something was deleted from it (it is thrown away then).
    pub(crate) fn copy_to(&self, data: &Path, user: &ServerUser) -> io::Result<bool> {
        let folder = self.folder();
        let Some(recorded) = self.recorded() else { return Ok(false) };
        if !belongs_to_us(&self.cache)? {
            return Ok(false);
        }
        if tree::copy(&folder.join("data"), data, user)? == recorded {
            return Ok(true);
        }
        tree::empty(data)?;
        fs::rename(folder, self.half_built())?;
        Ok(false)
    }

    /// What the template holds, if it is there and was made since the system started.
    fn recorded(&self) -> Option<Contents> {
        let text = fs::read_to_string(self.folder().join("contents")).ok()?;
        let (boot, contents) = text.split_once('\n')?;
        if boot_id()? != boot {
            return None;
        }
        Contents::parse(contents)
    }

    fn half_built(&self) -> PathBuf {
        self.cache.join(format!("{HALF_BUILT}{:016x}", rand::random::<u64>()))
    }

    /// Keeps a copy of a fresh data folder that no server has run on. When another process is
    /// building, or was first, that one's copy is kept.
    pub(crate) fn keep(&self, data: &Path) -> io::Result<()> {
        fs::DirBuilder::new().mode(0o700).recursive(true).create(&self.cache)?;
        if !belongs_to_us(&self.cache)? {
            let cause = "the cache folder belongs to another user or is open to others";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, cause));
        }
        let Some(_lock) = self.lock()? else { return Ok(()) };
        self.remove_half_built()?;
        if self.recorded().is_some() {
            return Ok(());
        }
        let Some(boot) = boot_id() else { return Err(io::ErrorKind::Unsupported.into()) };
        spread(&self.cache);
        let building = self.half_built();
        private_folder(&building)?;
        private_folder(&building.join("data"))?;
        let built = self.build(data, &building, &boot);
        if built.is_err() {
            fs::remove_dir_all(&building)?;
        }
        built
    }

    fn build(&self, data: &Path, building: &Path, boot: &str) -> io::Result<()> {
        let contents = tree::copy(data, &building.join("data"), &ServerUser::Own)?;
        fs::write(building.join("contents"), format!("{boot}\n{contents}"))?;
        if self.folder().exists() {
            fs::rename(self.folder(), self.half_built())?;
        }
        fs::rename(building, self.folder())
    }

    fn lock(&self) -> io::Result<Option<File>> {
        let path = self.cache.join("lock");
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// Only called with the lock: nobody else is building.
    fn remove_half_built(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.cache)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(HALF_BUILT) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

/// What others could have put there must not become a server of ours.
fn belongs_to_us(cache: &Path) -> io::Result<bool> {
    let facts = fs::symlink_metadata(cache)?;
    Ok(facts.is_dir() && facts.uid() == geteuid().as_raw() && facts.mode() & 0o022 == 0)
}
