//! All prepared empty data folders, for those who want to see and to clear them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use stopover_model::report::TemplateEntry;

use super::template::{EMPTY, HALF_BUILT};
use super::tree::Contents;
use crate::cache::written_at;

/// The folder with them, there or not.
#[derive(Debug)]
pub(crate) struct Templates {
    folder: PathBuf,
}

impl Templates {
    pub(crate) fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every one of them, by name.
    pub(crate) fn list(&self) -> io::Result<Vec<TemplateEntry>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut list = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Ok(key) = entry.file_name().into_string() else { continue };
            if key.starts_with(EMPTY) {
                let contents = entry.path().join("contents");
                let text = fs::read_to_string(&contents).unwrap_or_default();
                let counted = text.split_once('\n').and_then(|(_, it)| Contents::parse(it));
                let bytes = counted.map_or(0, Contents::bytes);
                list.push(TemplateEntry { key, bytes, made_at: written_at(&contents) });
            }
        }
        list.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(list)
    }

    /// Removes one; false: there is none. Whoever copies it at this moment sees that files are
    /// missing, and goes on without it.
    pub(crate) fn remove(&self, key: &str) -> io::Result<bool> {
        if !self.list()?.iter().any(|it| it.key == key) {
            return Ok(false);
        }
        let gone = self.folder.join(format!("{HALF_BUILT}{:016x}", rand::random::<u64>()));
        match fs::rename(self.folder.join(key), &gone) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other?,
        }
        match fs::remove_dir_all(&gone) {
            // A builder clears such folders away.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            other => other.map(|()| true),
        }
    }
}
