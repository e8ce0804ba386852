//! Where binaries are looked for, and which of them are taken.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::{
    BINARIES_VARIABLE, Binaries, BinariesError, Choice, NewerMajor, Program, SERVER_PROGRAMS,
    ServerVersion, install_command,
};

/// Folders where packages put server binaries; `*` stands for any part of one name.
const USUAL_FOLDERS: [&str; 10] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/usr/lib/postgresql*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/usr/local/pgsql/bin",
    "/usr/local/pgsql*/bin",
];

/// Where to look, strongest first. The fields are open so that a caller, or a test, can look at
/// places of its own.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// `--pg-bin`: when set, nothing else is looked at.
    pub explicit: Option<PathBuf>,
    /// `STOPOVER_PG_BIN`: when set, nothing weaker is looked at.
    pub variable: Option<PathBuf>,
    /// The folders of `PATH`, in order.
    pub path: Vec<PathBuf>,
    /// Other folders, `*` allowed within a name.
    pub usual: Vec<PathBuf>,
}

impl Search {
    /// The usual search: the flag, then the environment, then where packages put them.
    pub fn from_environment(explicit: Option<PathBuf>) -> Self {
        let path = env::var_os("PATH").unwrap_or_default();
        Self {
            explicit,
            variable: env::var_os(BINARIES_VARIABLE)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from),
            path: env::split_paths(&path).filter(|folder| folder.is_absolute()).collect(),
            usual: USUAL_FOLDERS.iter().map(PathBuf::from).collect(),
        }
    }

    /// Every set of binaries, strongest place first, each folder once.
    ///
    /// A folder of the general search whose `postgres` cannot tell its version is passed over:
    /// one broken installation must not hide a good one. A folder that was named is not.
    pub fn all(&self) -> Result<Vec<Binaries>, BinariesError> {
        if let Some(folder) = &self.explicit {
            return in_named_folder(folder, "--pg-bin").map(|binaries| vec![binaries]);
        }
        if let Some(folder) = &self.variable {
            return in_named_folder(folder, BINARIES_VARIABLE).map(|binaries| vec![binaries]);
        }
        let mut found: Vec<Binaries> = Vec::new();
        for folder in self.candidates().iter().filter_map(|folder| server_folder(folder)) {
            if found.iter().any(|binaries| binaries.folder == folder) {
                continue;
            }
            if let Ok(binaries) = with_version(folder) {
                found.push(binaries);
            }
        }
        Ok(found)
    }

    /// Chooses the wanted major version, else the nearest newer one, never an older one: an older
    /// server cannot be trusted to read what a newer one wrote. Without a wish: the newest.
    /// `programs` must be there besides the server's own.
    pub fn choose(
        &self,
        wanted: Option<u32>,
        programs: &[Program],
    ) -> Result<Choice, BinariesError> {
        let all = self.all()?;
        if all.is_empty() {
            let searched = self.path.iter().chain(&self.usual).cloned().collect();
            return Err(BinariesError::NoBinaries { searched, install: install_command(wanted) });
        }
        let ranked = rank(&all, wanted);
        let Some(best) = ranked.first() else {
            return Err(only_older(&all, wanted.unwrap_or_default()));
        };
        let complete = ranked.iter().find(|one| programs.iter().all(|&program| one.has(program)));
        let Some(binaries) = complete else {
            return Err(BinariesError::ProgramsMissing {
                folder: best.folder.clone(),
                missing: programs.iter().copied().filter(|&program| !best.has(program)).collect(),
                install: install_command(Some(best.version.major())),
            });
        };
        let taken = binaries.version.major();
        let warning =
            wanted.filter(|&wanted| wanted != taken).map(|wanted| NewerMajor { wanted, taken });
        Ok(Choice { binaries: (*binaries).clone(), warning })
    }

    pub(super) fn candidates(&self) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        let mut real = Vec::new();
        for folder in &self.path {
            // Many a PATH names a folder twice, by way of a link (/bin and /usr/bin).
            let Ok(target) = fs::canonicalize(folder) else { continue };
            if real.contains(&target) {
                continue;
            }
            real.push(target);
            folders.push(folder.clone());
            // A distribution's PATH often holds only the client's wrappers and pg_config, which
            // knows where the server's programs are.
            let config = folder.join("pg_config");
            if is_program(&config) {
                folders.extend(folder_by_config(&config));
            }
        }
        folders.extend(self.usual.iter().flat_map(|pattern| expand(pattern)));
        let mut once: Vec<PathBuf> = Vec::with_capacity(folders.len());
        for folder in folders {
            if !once.contains(&folder) {
                once.push(folder);
            }
        }
        once
    }
}

/// Those that are new enough, best first; the search's order decides between equals.
fn rank(all: &[Binaries], wanted: Option<u32>) -> Vec<&Binaries> {
    let mut ranked: Vec<&Binaries> = all
        .iter()
        .filter(|binaries| wanted.is_none_or(|wanted| binaries.version.major() >= wanted))
        .collect();
    match wanted {
        Some(_) => ranked.sort_by_key(|binaries| binaries.version.major()),
        None => ranked.sort_by_key(|binaries| std::cmp::Reverse(binaries.version.major())),
    }
    ranked
}

fn only_older(all: &[Binaries], wanted: u32) -> BinariesError {
    let mut here: Vec<u32> = all.iter().map(|binaries| binaries.version.major()).collect();
    here.sort_unstable();
    here.dedup();
    BinariesError::OnlyOlder { wanted, here, install: install_command(Some(wanted)) }
}

pub(super) fn in_named_folder(
    folder: &Path,
    named_by: &'static str,
) -> Result<Binaries, BinariesError> {
    match server_folder(folder) {
        Some(folder) => with_version(folder),
        None => Err(BinariesError::NotThere {
            folder: folder.to_owned(),
            named_by,
            missing: SERVER_PROGRAMS
                .into_iter()
                .filter(|program| !is_program(&folder.join(program.file_name())))
                .collect(),
        }),
    }
}

/// The folder that really holds the server: `initdb` finds its share files relative to where it
/// is, so a folder of symbolic links is followed. A wrapper script stays where it is.
fn server_folder(folder: &Path) -> Option<PathBuf> {
    if !holds_server(folder) {
        return None;
    }
    let folder = fs::canonicalize(folder).ok()?;
    let real = fs::canonicalize(folder.join(Program::Postgres.file_name())).ok()?;
    let target = real.parent()?;
    let is_server = real.file_name() == Some(OsStr::new("postgres")) && holds_server(target);
    Some(if is_server { target.to_owned() } else { folder })
}

fn holds_server(folder: &Path) -> bool {
    SERVER_PROGRAMS.iter().all(|program| is_program(&folder.join(program.file_name())))
}

/// Whether this is a file that somebody may execute.
pub(super) fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

fn with_version(folder: PathBuf) -> Result<Binaries, BinariesError> {
    let program = folder.join(Program::Postgres.file_name());
    let output = match said(Command::new(&program).arg("--version")) {
        Ok(output) => output,
        Err(source) => {
            let said = "it could not be run".to_owned();
            return Err(BinariesError::NoVersion { program, said, source: Some(source) });
        }
    };
    let line = String::from_utf8_lossy(&output.stdout);
    if let Some(version) = ServerVersion::parse(&line) {
        return Ok(Binaries::new(folder, version));
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let said = [line.trim(), errors.trim()].join(" ").trim().chars().take(500).collect();
    Err(BinariesError::NoVersion { program, said, source: None })
}

fn folder_by_config(config: &Path) -> Option<PathBuf> {
    let output = said(Command::new(config).arg("--bindir")).ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    let folder = PathBuf::from(folder.trim());
    folder.is_absolute().then_some(folder)
}

pub(super) fn said(command: &mut Command) -> io::Result<Output> {
    command.stdin(Stdio::null()).env("LC_ALL", "C").output()
}

/// The folders that fit a pattern with `*` inside names, those with higher numbers first.
fn expand(pattern: &Path) -> Vec<PathBuf> {
    let mut folders = vec![PathBuf::new()];
    for part in pattern.components() {
        let name = part.as_os_str().to_string_lossy();
        folders = match name.split_once('*') {
            None => folders.iter().map(|folder| folder.join(part)).collect(),
            Some((start, end)) => {
                folders.iter().flat_map(|folder| fitting(folder, start, end)).collect()
            }
        };
    }
    folders.retain(|folder| folder.is_dir());
    folders
}

fn fitting(folder: &Path, start: &str, end: &str) -> Vec<PathBuf> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| {
            name.strip_prefix(start).is_some_and(|rest| rest.len() >= end.len())
                && name.ends_with(end)
        })
        .collect();
    let number = |name: &String| name.trim_start_matches(start).parse::<u32>().unwrap_or_default();
    names.sort_by(|a, b| number(b).cmp(&number(a)).then_with(|| a.cmp(b)));
    names.iter().map(|name| folder.join(name)).collect()
}
