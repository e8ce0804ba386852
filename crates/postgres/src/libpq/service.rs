//! The connection service file: sections of options by name.

use std::path::PathBuf;

use crate::target::TargetError;

use super::Surroundings;

/// The options of a service: of the user's file, else of the system's.
pub(super) fn read(
    name: &str,
    around: &Surroundings<'_>,
) -> Result<Vec<(String, String)>, TargetError> {
    let files = files(around);
    for file in &files {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        if let Some(options) = section(&text, name) {
            return Ok(options);
        }
    }
    let looked: Vec<String> = files.iter().map(|it| it.display().to_string()).collect();
    let looked = if looked.is_empty() { "no file".to_owned() } else { looked.join(", ") };
    Err(TargetError { reason: format!("the service `{name}` is not defined (in {looked})") })
}

fn files(around: &Surroundings<'_>) -> Vec<PathBuf> {
    let own = around
        .set("PGSERVICEFILE")
        .map(PathBuf::from)
        .or_else(|| around.home().map(|home| home.join(".pg_service.conf")));
    let system = around.set("PGSYSCONFDIR").map(PathBuf::from);
    let system = system.unwrap_or_else(|| PathBuf::from("/etc/postgresql-common"));
    own.into_iter().chain([system.join("pg_service.conf")]).collect()
}

/// `key=value` lines of `[name]`; the first section of that name counts.
fn section(text: &str, name: &str) -> Option<Vec<(String, String)>> {
    let mut lines = text.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#'));
    lines.find(|line| {
        line.strip_prefix('[').and_then(|it| it.strip_suffix(']')).is_some_and(|it| it == name)
    })?;
    let options = lines.take_while(|line| !line.starts_with('['));
    let pair = |line: &str| {
        line.split_once('=').map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
    };
    Some(options.filter_map(pair).collect())
}
