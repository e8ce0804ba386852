//! Making sure that a base is on the disk, so that it is believed after the system's next start.

use std::fs::File;
use std::io;
use std::path::Path;

use super::error::BaseError;
use super::lock::{self, Sharing};
use super::take::touch;
use super::{Bases, DATA, LOCK, SYNCED};

impl Bases {
    /// Waits until a base is on the disk, and writes that down. One that is gone needs none of it.
    pub(crate) fn make_durable(&self, name: &str) -> Result<(), BaseError> {
        let folder = self.at(name);
        let failed = || BaseError::io("write to disk", &folder);
        let lock = lock::try_existing(&folder.join(LOCK), Sharing::Shared).map_err(failed())?;
        let Some(_lock) = lock else { return Ok(()) };
        sync(&folder.join(DATA)).map_err(failed())?;
        let synced = folder.join(SYNCED);
        touch(&synced).map_err(failed())?;
        File::open(&folder).and_then(|it| it.sync_all()).map_err(failed())
    }
}

/// The whole file system at once: one pass over the disk instead of thousands of waits.
#[cfg(target_os = "linux")]
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sync(&path)?;
        } else {
            File::open(&path)?.sync_all()?;
        }
    }
    File::open(folder)?.sync_all()
}
