//! The census of a base, kept beside its files: written by the first rehearsal that took it, and
//! read by every later one.
//!
//! The first line names the format, the base and the hash of all the rest. It is written under
//! another name and renamed, so that nobody reads half of it; what a crash or a hand has cut or
//! changed shows by the hash. A base that has none, or that of another base or format, gets one.

use std::fs;
use std::io;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};
use stopover_backend::{BaseCensus, CensusShelf, Recalled};

use super::hash::hex;
use super::lock::{self, Sharing};
use super::record::Record;
use super::take::write_whole;
use super::{Bases, LOCK};

/// The file with it.
const CENSUS: &str = "census";

/// Raised whenever what is counted, how it is counted or how a schema is written becomes another.
const FORMAT: u32 = 1;

/// Keeps the census of one base: not of another one that has its name later.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    folder: PathBuf,
    identity: String,
}

impl Shelf {
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(CENSUS)
    }

    pub(crate) fn new(bases: &Bases, name: &str, identity: String) -> Self {
        Self { folder: bases.at(name), identity }
    }

    fn head(&self, body: &str) -> String {
        format!("{} {}", self.kind(), hex(&Sha256::digest(body)))
    }

    fn kind(&self) -> String {
        format!("census {FORMAT} of {}", self.identity)
    }
}

impl CensusShelf for Shelf {
    fn recall(&self) -> Recalled {
        let text = match fs::read(self.path()) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Recalled::Nothing,
            Err(error) => return Recalled::Spoilt(format!("it cannot be read: {error}")),
        };
        let spoilt = |what: &str| Recalled::Spoilt(what.to_owned());
        let text = String::from_utf8(text).ok();
        let Some((head, body)) = text.as_deref().and_then(|it| it.split_once('\n')) else {
            return spoilt("it breaks off, or is no text");
        };
        let Some((kind, hash)) = head.rsplit_once(' ') else {
            return spoilt("its first line says not what it is");
        };
        if hash != hex(&Sha256::digest(body)) {
            return spoilt("it is not what was written");
        }
        if kind != self.kind() {
            return Recalled::Nothing;
        }
        match serde_json::from_str(body) {
            Ok(census) => Recalled::Census(Box::new(census)),
            Err(error) => Recalled::Spoilt(format!("it cannot be understood: {error}")),
        }
    }

    fn keep(&self, census: &BaseCensus) -> Result<(), String> {
        // Held against those who throw bases away.
        let lock = lock::try_existing(&self.folder.join(LOCK), Sharing::Shared);
        let Some(_lock) = lock.map_err(|it| it.to_string())? else {
            return Err("the base is gone".to_owned());
        };
        if Record::read(&self.folder)?.identity() != self.identity {
            return Err("the base was made anew".to_owned());
        }
        let body = serde_json::to_string(census).map_err(|it| it.to_string())?;
        let text = format!("{}\n{body}", self.head(&body));
        write_whole(&self.path(), &text).map_err(|it| it.to_string())
    }
}
