//! All bases: which there are, which go first, and how they go.

use std::fs;
use std::io;
use std::time::SystemTime;

use jiff::Timestamp;

use super::error::BaseError;
use super::lock::{self, Sharing};
use super::record::Record;
use super::{BASE, BUILDING, Bases, DROPPED, LOCK, TURN, USED};

/// A base, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseInfo {
    /// Its name.
    pub key: String,
    /// The backup as its user named it.
    pub backup: String,
    /// The backup's SHA-256.
    pub sha256: String,
    /// The backup's size.
    pub backup_bytes: u64,
    /// The server's version.
    pub server_version: String,
    /// When it was made.
    pub made_at: Option<Timestamp>,
    /// When it was last used.
    pub used_at: Option<Timestamp>,
    /// The size of its files.
    pub bytes: u64,
    /// Whether a rehearsal is copying it right now.
    pub in_use: bool,
}

/// What became of a base that was to be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// It is gone.
    Gone,
    /// It is in use, and stays.
    InUse,
    /// There is none.
    Unknown,
}

impl Bases {
    /// Every base, the one that was used last first. What cannot be read as a base is listed with
    /// what is known.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Vec<BaseInfo>, BaseError> {
        let names = self.names(BASE).map_err(BaseError::io("list", &self.folder))?;
        let mut bases: Vec<BaseInfo> = names.into_iter().map(|name| self.info(name)).collect();
        bases.sort_by(|a, b| b.used_at.cmp(&a.used_at).then_with(|| a.key.cmp(&b.key)));
        Ok(bases)
    }

    fn info(&self, key: String) -> BaseInfo {
        let folder = self.at(&key);
        let used_at = fs::metadata(folder.join(USED)).and_then(|it| it.modified()).ok();
        let used_at = used_at.and_then(|it: SystemTime| Timestamp::try_from(it).ok());
        let lock = lock::try_existing(&folder.join(LOCK), Sharing::Alone);
        let in_use = matches!(lock, Ok(None)) && folder.join(LOCK).exists();
        let record = Record::read(&folder).ok();
        let restoration = record.as_ref().map(|it| &it.restoration);
        BaseInfo {
            backup: record.as_ref().map_or_else(|| "?".to_owned(), |it| it.backup.clone()),
            sha256: restoration.map(|it| it.sha256.clone()).unwrap_or_default(),
            backup_bytes: restoration.map_or(0, |it| it.bytes),
            server_version: record.as_ref().map(|it| it.server_version.clone()).unwrap_or_default(),
            made_at: record.as_ref().map(|it| it.made_at),
            bytes: record.as_ref().map_or(0, |it| it.bytes),
            key,
            used_at,
            in_use,
        }
    }

    /// Throws a base away, unless it is in use.
    ///
    /// # Errors
    ///
    /// When the file system refuses.
    pub fn drop_base(&self, key: &str) -> Result<Dropped, BaseError> {
        let known = self.names(BASE).map_err(BaseError::io("list", &self.folder))?;
        if !known.iter().any(|it| it == key) {
            return Ok(Dropped::Unknown);
        }
        let folder = self.at(key);
        let failed = || BaseError::io("remove", &folder);
        // Made where somebody deleted it: without a lock nobody copies it.
        let Some(lock) = lock::try_for(&folder.join(LOCK)).map_err(failed())? else {
            return Ok(Dropped::InUse);
        };
        // It loses its name first: what is half removed must not be found.
        let gone = self.unnamed(DROPPED);
        fs::rename(&folder, &gone).map_err(failed())?;
        let removed = fs::remove_dir_all(&gone);
        drop(lock);
        removed.map_err(BaseError::io("remove", &gone))?;
        Ok(Dropped::Gone)
    }

    /// Throws away those that were not used for the longest time, until all together take at most
    /// `limit` bytes; gives the names of those that went. What killed runs left goes, too.
    ///
    /// # Errors
    ///
    /// When the file system refuses.
    pub fn prune(&self, limit: u64) -> Result<Vec<String>, BaseError> {
        let _gate = self.gate()?;
        self.clear_away().map_err(BaseError::io("clear", &self.folder))?;
        self.make_room(limit)
    }

    pub(super) fn make_room(&self, limit: u64) -> Result<Vec<String>, BaseError> {
        let bases = self.list()?;
        let mut bytes: u64 = bases.iter().map(|it| it.bytes).sum();
        let mut dropped = Vec::new();
        for base in bases.iter().rev() {
            if bytes <= limit {
                break;
            }
            if self.drop_base(&base.key)? == Dropped::Gone {
                bytes -= base.bytes;
                dropped.push(base.key.clone());
            }
        }
        Ok(dropped)
    }

    /// Removes what is half built or half removed and belongs to nobody. Only called with the gate
    /// held: what is just being begun has its lock.
    pub(super) fn clear_away(&self) -> io::Result<()> {
        for name in [self.names(BUILDING)?, self.names(DROPPED)?].concat() {
            let folder = self.at(&name);
            let lock = lock::try_existing(&folder.join(LOCK), Sharing::Alone)?;
            if lock.is_some() || !folder.join(LOCK).exists() {
                absent_is_fine(fs::remove_dir_all(&folder))?;
            }
        }
        for name in self.names(TURN)? {
            let path = self.at(&name);
            if let Some(_lock) = lock::try_existing(&path, Sharing::Alone)? {
                absent_is_fine(fs::remove_file(&path))?;
            }
        }
        Ok(())
    }
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
