//! Everything but the backup that a base depends on: when one of it changes, the base is another.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use sha2::{Digest as _, Sha256};
use stopover_model::TOOL_VERSION;

use super::hash::hex;
use crate::binaries::{Binaries, Program};
use crate::server::ServerOptions;

/// Raised whenever the restore's result, or what is kept of it, becomes another.
pub(super) const FORMAT: u32 = 1;

/// Where C libraries are: theirs is the order of texts, which indexes are built by.
const LIBRARIES: [&str; 4] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"];

/// What a base was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setup {
    name: String,
    pub(super) major: u32,
    pub(super) server_version: String,
}

impl Setup {
    /// `pg_restore` is given for archives, which it turns into SQL.
    pub(crate) fn new(
        binaries: &Binaries,
        pg_restore: Option<&Binaries>,
        options: &ServerOptions,
    ) -> Self {
        let server = binaries.version();
        let parts = [
            FORMAT.to_string(),
            TOOL_VERSION.to_owned(),
            std::env::consts::ARCH.to_owned(),
            geteuid().as_raw().to_string(),
            server.text().to_owned(),
            binaries.folder().to_string_lossy().into_owned(),
            stamp(&binaries.path(Program::Postgres)),
            pg_restore.map(|it| it.version().text().to_owned()).unwrap_or_default(),
            options.encoding.clone(),
            options.locales().join(" "),
            system(),
        ];
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part);
            digest.update([0]);
        }
        let name = hex(&digest.finalize())[..32].to_owned();
        Self { name, major: server.major(), server_version: server.number().to_owned() }
    }

    /// One of no real server's.
    #[cfg(test)]
    pub(super) fn fake(name: &str) -> Self {
        let server_version = "15.18".to_owned();
        Self { name: name.to_owned(), major: 15, server_version }
    }

    /// 32 hex digits.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The name of the base of a backup.
    pub(crate) fn base(&self, sha256: &str) -> String {
        let digest = Sha256::digest(format!("{} {sha256}", self.name));
        format!("base-{}-{}", self.major, &hex(&digest)[..16])
    }
}

/// The system's release and its C library. An upgrade may order texts in another way, and an index
/// that was built before would be wrong.
fn system() -> String {
    let mut text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    for library in LIBRARIES.iter().flat_map(|folder| libraries(Path::new(folder))) {
        text.push_str(&stamp(&library));
    }
    text
}

/// `libc.so.6` or musl in the folder or one below.
fn libraries(folder: &Path) -> Vec<PathBuf> {
    let is_library = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name == "libc.so.6" || name.starts_with("ld-musl-")
    };
    let entries = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path()).collect()
    };
    let here = entries(folder);
    // Below, only the folders of an architecture: `x86_64-linux-gnu`.
    let triples = here.iter().filter(|it| it.to_string_lossy().contains("-linux-"));
    let below: Vec<PathBuf> =
        triples.map(|it| it.join("libc.so.6")).filter(|it| it.exists()).collect();
    let mut found: Vec<PathBuf> = here.into_iter().filter(is_library).chain(below).collect();
    found.sort();
    found
}

/// Another file of the same name has another stamp.
fn stamp(path: &Path) -> String {
    match fs::metadata(path) {
        Ok(facts) => format!("{} {} {}\n", path.display(), facts.len(), facts.mtime()),
        Err(_) => String::new(),
    }
}
