//! The whole cache folder, for those who want to see and to clear it: bases and prepared empty
//! data folders.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use stopover_model::report::{BaseEntry, TemplateEntry};

use crate::base::{BaseError, BaseInfo, Bases, Dropped};
use crate::server::templates::Templates;

/// Folders in the cache folder.
const BASES: &str = "bases";
const TEMPLATES: &str = "templates";

/// Why the cache cannot be handled.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// There is nothing of that name.
    #[error("nothing in the cache is named {key}")]
    Unknown {
        /// The name.
        key: String,
    },
    /// About bases.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// About prepared data folders.
    #[error("the prepared data folders in {} cannot be handled: {source}", folder.display())]
    Template {
        /// Where.
        folder: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl CacheError {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "",
            Self::Base(error) => error.remedy(),
            Self::Template { .. } => "see whether the folder is yours, and may be written",
        }
    }
}

/// What became of what was to be thrown away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gone {
    /// It is gone.
    pub dropped: Vec<String>,
    /// It is in use, and stays.
    pub in_use: Vec<String>,
}

/// A cache folder.
#[derive(Debug)]
pub struct Cache {
    bases: Option<Bases>,
    templates: Templates,
}

impl Cache {
    /// Opens the folder, which need not be there.
    ///
    /// # Errors
    ///
    /// When others could have put something there.
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        let bases = Bases::open(&folder.join(BASES))?;
        Ok(Self { bases, templates: Templates::of(&folder.join(TEMPLATES)) })
    }

    /// The bases, the one that was used last first.
    ///
    /// # Errors
    ///
    /// When their folder cannot be read.
    pub fn bases(&self) -> Result<Vec<BaseEntry>, CacheError> {
        let listed = self.bases.as_ref().map(Bases::list).transpose()?;
        Ok(listed.unwrap_or_default().into_iter().map(entry).collect())
    }

    /// Prepared empty data folders.
    ///
    /// # Errors
    ///
    /// When their folder cannot be read.
    pub fn templates(&self) -> Result<Vec<TemplateEntry>, CacheError> {
        self.templates.list().map_err(|source| self.of_templates(source))
    }

    /// Throws one away.
    ///
    /// # Errors
    ///
    /// When there is none of that name, or the file system refuses.
    pub fn drop_one(&self, key: &str) -> Result<Gone, CacheError> {
        let mut gone = Gone::default();
        let base = self.bases.as_ref().map(|it| it.drop_base(key)).transpose()?;
        match base.unwrap_or(Dropped::Unknown) {
            Dropped::Gone => gone.dropped.push(key.to_owned()),
            Dropped::InUse => gone.in_use.push(key.to_owned()),
            Dropped::Unknown => {
                let removed = self.templates.remove(key).map_err(|it| self.of_templates(it))?;
                if !removed {
                    return Err(CacheError::Unknown { key: key.to_owned() });
                }
                gone.dropped.push(key.to_owned());
            }
        }
        Ok(gone)
    }

    /// Throws all away that is not in use.
    ///
    /// # Errors
    ///
    /// When the file system refuses.
    pub fn drop_all(&self) -> Result<Gone, CacheError> {
        let mut gone = Gone::default();
        for base in self.bases()? {
            match self.drop_one(&base.key) {
                Ok(one) => {
                    gone.dropped.extend(one.dropped);
                    gone.in_use.extend(one.in_use);
                }
                // Somebody else was faster.
                Err(CacheError::Unknown { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(bases) = &self.bases {
            // What killed runs left.
            bases.prune(u64::MAX)?;
        }
        for template in self.templates()? {
            if self.templates.remove(&template.key).map_err(|it| self.of_templates(it))? {
                gone.dropped.push(template.key);
            }
        }
        Ok(gone)
    }

    /// Throws bases away until the limit, in bytes, holds; the ones that were not used for the
    /// longest time go first.
    ///
    /// # Errors
    ///
    /// When the file system refuses.
    pub fn prune(&self, limit: u64) -> Result<Gone, CacheError> {
        let dropped = self.bases.as_ref().map(|it| it.prune(limit)).transpose()?;
        Ok(Gone { dropped: dropped.unwrap_or_default(), in_use: Vec::new() })
    }

    fn of_templates(&self, source: io::Error) -> CacheError {
        CacheError::Template { folder: self.templates.folder().to_owned(), source }
    }
}

fn entry(it: BaseInfo) -> BaseEntry {
    let readable = it.made_at.is_some();
    BaseEntry {
        key: it.key,
        backup: it.backup,
        backup_sha256: readable.then_some(it.sha256),
        backup_bytes: readable.then_some(it.backup_bytes),
        server_version: readable.then_some(it.server_version),
        made_at: it.made_at,
        used_at: it.used_at,
        bytes: it.bytes,
        in_use: it.in_use,
    }
}

/// When a file was last written to.
pub(crate) fn written_at(path: &Path) -> Option<Timestamp> {
    let time = fs::metadata(path).and_then(|it| it.modified()).ok()?;
    Timestamp::try_from(time).ok()
}
