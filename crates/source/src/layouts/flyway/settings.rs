//! A script's settings, in a file beside it: `V1__name.sql.conf`.
//!
//! After `SqlScriptMetadata.java`. `executeInTransaction` and `placeholderReplacement` are
//! honoured; an encoding other than UTF-8 and a condition of execution cannot be, and are errors.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use stopover_model::{Finding, TransactionMark};

use super::super::Placeholders;
use crate::folder::Folder;
use crate::names;

const KNOWN: &str = "the settings are executeInTransaction, encoding, placeholderReplacement and \
                     shouldExecute, each as name=value";

/// What a script's settings say.
pub(super) struct Settings {
    pub(super) transaction: TransactionMark,
    pub(super) placeholders: Placeholders,
}

/// Reads the settings of the script at `script`.
pub(super) fn read(folder: &Folder<'_>, script: &Path, findings: &mut Vec<Finding>) -> Settings {
    let mut path = script.as_os_str().to_owned();
    path.push(".conf");
    let path = PathBuf::from(path);
    let mut settings =
        Settings { transaction: TransactionMark::Unmarked, placeholders: Placeholders::Replaced };
    let shown = path.display().to_string();
    let text = match folder.store.read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => return settings,
        Err(error) => {
            findings.push(names::unreadable(&shown, &error.to_string()));
            return settings;
        }
    };
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Err(reason) = settings.take(line) {
            let place = format!("{shown}:{}", index + 1);
            let message = format!("{place}: {reason}");
            findings.push(Finding::error("bad-directive", place, message, KNOWN));
        }
    }
    settings
}

impl Settings {
    fn take(&mut self, line: &str) -> Result<(), String> {
        let (name, value) = line.split_once('=').ok_or("there is no `=`")?;
        let (name, value) = (name.trim(), value.trim());
        match name {
            "executeInTransaction" => {
                if !boolean(name, value)? {
                    let mark = format!(".conf: {name}=false");
                    self.transaction = TransactionMark::NoTransaction(mark);
                }
            }
            "placeholderReplacement" => {
                if !boolean(name, value)? {
                    self.placeholders = Placeholders::Kept;
                }
            }
            "encoding" if is_utf8(value) => {}
            "encoding" => {
                return Err(format!("scripts are read as UTF-8 here, and cannot be in {value}"));
            }
            "shouldExecute" if value.eq_ignore_ascii_case("true") => {}
            "shouldExecute" => {
                return Err(
                    "a migration that runs on a condition cannot be planned: shouldExecute \
                            is not supported"
                        .to_owned(),
                );
            }
            _ => return Err(format!("{name:?} is no setting of a script")),
        }
        Ok(())
    }
}

fn boolean(name: &str, value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{name} must be true or false, not {value:?}")),
    }
}

fn is_utf8(encoding: &str) -> bool {
    ["UTF-8", "UTF8", "US-ASCII"].iter().any(|it| it.eq_ignore_ascii_case(encoding))
}
