//! `config`.

use crate::args::{ConfigArguments, Global};
use crate::console::{Console, Failure};
use crate::exit::Exit;
use crate::settings;

use super::{flags, load};

pub(super) fn run(
    global: &Global,
    console: &Console,
    arguments: ConfigArguments,
) -> Result<Exit, Failure> {
    let loaded = load(global, flags(arguments.source, Some(arguments.target), arguments.limits))?;
    let report = settings::report(&loaded);
    console.document(&report, |_, _| report.human());
    Ok(Exit::Success)
}
