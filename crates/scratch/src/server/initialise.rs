//! An empty data folder, made by initdb.
//!
//! It is anonymous: its superuser has a fixed name and no password, and only this process' user
//! may connect as it (peer authentication: the kernel says who is at the other end of the
//! socket). So it can be kept and copied; each server gets a name and a password of its own at
//! its first connection ([`super::identity`]), and no password is ever written to a file.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::ExitStatus;

use super::ServerError;
use super::folder::ScratchFolder;
use super::options::ServerOptions;
use super::user::ServerUser;
use crate::binaries::{Binaries, Program};
use crate::watch::{Guard, Guarded, StopSignal};

/// The superuser's name between initdb and the first connection.
pub(crate) const ANONYMOUS: &str = "stopover_anonymous";

/// How much of initdb's messages is told.
const TOLD_LINES: usize = 20;

/// Fills the folder's data folder.
pub(crate) fn initialise(
    binaries: &Binaries,
    options: &ServerOptions,
    folder: &ScratchFolder,
    user: &ServerUser,
) -> Result<(), ServerError> {
    let log = folder.path().join("initdb.log");
    let mut failure = None;
    for locale in options.locales() {
        let (status, said) = run(binaries, &options.encoding, locale, folder, user, &log)?;
        if status.success() {
            return Ok(());
        }
        let unknown_locale = said.contains("invalid locale");
        failure = Some(failed(binaries, user, status, said));
        if !unknown_locale {
            break;
        }
    }
    failure.map_or(Ok(()), Err)
}

fn run(
    binaries: &Binaries,
    encoding: &str,
    locale: &str,
    folder: &ScratchFolder,
    user: &ServerUser,
    log: &Path,
) -> Result<(ExitStatus, String), ServerError> {
    let data = folder.data();
    let guarded = Guarded {
        program: binaries.path(Program::Initdb),
        arguments: arguments(binaries.version().major(), encoding, locale, data),
        environment: &[],
        signal: StopSignal::Kill,
        user,
        data,
        log: folder.open_log(log)?,
    };
    let watch = |source| ServerError::Watch { source };
    let status = Guard::start(guarded, folder.cleaner()).and_then(Guard::wait).map_err(watch)?;
    let said = super::tail(log, TOLD_LINES);
    fs::remove_file(log).map_err(ServerError::folder(log, "remove"))?;
    Ok((status, said))
}

fn arguments(major: u32, encoding: &str, locale: &str, data: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["--pgdata".into(), data.into()];
    let mut flags = vec![
        format!("--username={ANONYMOUS}"),
        // Replaced before the server starts; these only keep initdb from warning.
        "--auth-local=peer".to_owned(),
        "--auth-host=reject".to_owned(),
        format!("--encoding={encoding}"),
        format!("--locale={locale}"),
        "--lc-messages=C".to_owned(),
    ];
    if major >= 10 {
        flags.push("--no-sync".to_owned());
    }
    if major >= 18 {
        // On by default since 18, and paid for by every page that is written.
        flags.push("--no-data-checksums".to_owned());
    }
    arguments.extend(flags.into_iter().map(OsString::from));
    arguments
}

/// A shell ends with 126 or 127 when it could not run the program at all.
pub(crate) fn failed(
    binaries: &Binaries,
    user: &ServerUser,
    status: ExitStatus,
    said: String,
) -> ServerError {
    match (status.code(), user) {
        (Some(126 | 127), ServerUser::Unprivileged { name, .. }) => ServerError::ProgramClosed {
            program: binaries.path(Program::Initdb),
            user: name.clone(),
            said,
        },
        _ => ServerError::Initdb { status, said },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_those_that_the_version_knows() {
        let flags = |major| {
            let arguments = arguments(major, "UTF8", "C", Path::new("/d"));
            arguments.into_iter().map(|flag| flag.into_string().unwrap()).collect::<Vec<_>>()
        };
        assert!(!flags(9).contains(&"--no-sync".to_owned()));
        assert!(flags(15).contains(&"--no-sync".to_owned()));
        assert!(!flags(17).contains(&"--no-data-checksums".to_owned()));
        assert!(flags(18).contains(&"--no-data-checksums".to_owned()));
    }
}
