//! Where Stopover's migrations come from: folders in the layout of each tool.
//!
//! This room reads a folder and says what is in it: migrations, ascending by version, and every
//! problem at once. It knows names, bytes, directives and settings of each layout; it does not
//! know SQL beyond the comments at a file's head, no database, and it judges nothing against a
//! ledger: that is the planner's work.

mod assembly;
mod create;
mod directives;
mod duration;
mod error;
mod folder;
mod head;
mod layouts;
mod names;
mod script;
#[cfg(test)]
mod stories;

use std::path::Path;

use stopover_model::{Layout, SourceSet};

pub use create::{NewMigration, Numbering, Reversibility, create};
pub use duration::{DurationError, parse_duration};
pub use error::SourceError;

use folder::Folder;

/// Reads the source in the folder `path`: by `layout` where one is given, else by the only
/// layout that the folder's names fit.
///
/// What is wrong with single files is in the findings of the set that comes back, all at once:
///
/// | code | severity | what |
/// | --- | --- | --- |
/// | `collision` | error | files of one version; the subject is the version |
/// | `bad-name` | error | an SQL file or a migration folder whose name does not parse |
/// | `down-without-up`, `missing-up` | error | half of a migration |
/// | `unreadable`, `not-utf8`, `nul-byte` | error | bytes that cannot be had, or not be sent |
/// | `unknown-directive`, `bad-directive` | error | `-- stopover: …` or `metadata.toml` |
/// | `unsupported-layout` | error | a file in the format of a tool that is not read yet |
/// | `name-mismatch`, `unset-transaction` | warning | a slip that changes nothing by itself |
/// | `not-a-migration` | note | a file or folder that is not read |
///
/// # Errors
/// When nothing can be read at all: see [`SourceError`].
pub fn read_folder(path: &Path, layout: Option<Layout>) -> Result<SourceSet, SourceError> {
    let folder = Folder::open(path)?;
    let layout = layouts::choose(&folder, layout)?;
    let sorted = layouts::sort(layout, &folder);
    let mut findings = sorted.findings;
    let (migrations, problems) = assembly::assemble(layout, sorted.candidates);
    findings.extend(problems);
    Ok(SourceSet { layout, root: path.display().to_string(), migrations, findings })
}
