//! Where Stopover's migrations come from: folders in the layout of each tool.
//!
//! This room reads a folder, on disk or embedded in a binary, and says what is in it: migrations, ascending by version, and every
//! problem at once. It knows names, bytes, directives and settings of each layout; it does not
//! know SQL beyond the comments at a file's head, no database, and it judges nothing against a
//! ledger: that is the planner's work.

mod assembly;
mod create;
mod directives;
mod duration;
mod environment;
mod error;
mod folder;
mod head;
mod history;
mod layouts;
mod lines;
mod names;
mod script;
#[cfg(test)]
mod stories;

use std::path::Path;

use stopover_model::{Layout, SourceSet};

pub use create::{NewMigration, Numbering, Reversibility, create};
pub use duration::{DurationError, parse_duration};
pub use environment::Environment;
pub use error::SourceError;
pub use history::GitHistory;

use assembly::{Assembler, Maker};
use folder::{Folder, Store};

/// Reads the source in the folder `path`: by `layout` where one is given, else by the only
/// layout that the folder's names (and the first file's marks) fit.
///
/// What is wrong with single files is in the findings of the set that comes back, all at once:
///
/// | code | severity | what |
/// | --- | --- | --- |
/// | `collision` | error | files of one version; the subject is the version |
/// | `bad-name` | error | an SQL file or a migration folder whose name does not parse |
/// | `down-without-up`, `missing-up` | error | half of a migration |
/// | `unreadable`, `not-utf8`, `nul-byte` | error | bytes that cannot be had, or not be sent |
/// | `unknown-directive`, `bad-directive` | error | `-- stopover: …`, an option of a mark, or settings beside a script |
/// | `bad-parts` | error | a file whose up and down parts cannot be told apart |
/// | `bad-substitution` | error | a value of the environment that is asked for and not set |
/// | `placeholder` | error | `${…}` in a script that Flyway would put a value into |
/// | `not-sql` | error | a migration in another language |
/// | `other-layout` | error | a file with the marks of another tool |
/// | `callback` | error, note | SQL that Flyway runs around migrations |
/// | `baseline-migration` | error, warning | a `B` file of Flyway's |
/// | `name-mismatch`, `unset-transaction`, `missing-down`, `mark-in-text` | warning | a slip that changes nothing by itself |
/// | `not-a-migration` | note | a file or folder that is not read |
///
/// Values that scripts ask for (goose's `ENVSUB`) come from the process's environment.
///
/// # Errors
/// When nothing can be read at all: see [`SourceError`].
pub fn read_folder(path: &Path, layout: Option<Layout>) -> Result<SourceSet, SourceError> {
    read_folder_with(path, layout, &environment::of_process)
}

/// As [`read_folder`], with values from `environment`.
///
/// # Errors
/// When nothing can be read at all: see [`SourceError`].
pub fn read_folder_with(
    path: &Path,
    layout: Option<Layout>,
    environment: Environment<'_>,
) -> Result<SourceSet, SourceError> {
    read(Store::Disk, path, layout, environment)
}

/// Reads a source that is embedded in a binary: `files` are paths below its root, with `/`, and
/// what they hold. `name` stands for the root where a file is named to a person.
///
/// # Errors
/// When nothing can be read at all: see [`SourceError`].
pub fn read_embedded(
    name: &str,
    files: &[(&str, &[u8])],
    layout: Option<Layout>,
    environment: Environment<'_>,
) -> Result<SourceSet, SourceError> {
    let root = Path::new(name);
    read(Store::Embedded { root, files }, root, layout, environment)
}

fn read(
    store: Store<'_>,
    path: &Path,
    layout: Option<Layout>,
    environment: Environment<'_>,
) -> Result<SourceSet, SourceError> {
    let mut folder = Folder::open(store, path)?;
    let layout = layouts::choose(&folder, layout)?;
    let sorted = layouts::sort(layout, &folder);
    // What is needed of them is in the candidates: a long history's names lie in memory once.
    folder.entries = Vec::new();
    let findings = sorted.findings;
    let maker = Maker { folder: &folder, layout, environment };
    let mut assembler = Assembler { maker, findings };
    let migrations = assembler.assemble(sorted.candidates);
    let findings = assembler.findings;
    Ok(SourceSet { layout, root: path.display().to_string(), migrations, findings })
}
