//! The names of Flyway's files: prefix, version, two underscores, description, `.sql`.
//!
//! After `ResourceNameParser.java`, `CoreResourceTypeProvider.java` and `Event.java`. The longest
//! prefix counts first, so that `beforeMigrate.sql` is a callback. What Flyway passes over with a
//! line in its log (`validateMigrationNaming` is off by default) is an error here.

use stopover_model::DottedVersion;

use crate::folder::Entry;

const ENDING: &str = ".sql";
const SEPARATOR: &str = "__";
/// Width of the ledger's column: `version VARCHAR(50)`.
const VERSION_LIMIT: usize = 50;

/// What a file is, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// `V1_2__name.sql`
    Versioned(DottedVersion, String),
    /// `U1_2__name.sql`: takes a version back.
    Undo(DottedVersion, String),
    /// `R__name.sql`
    Repeatable(String),
    /// `B1_2__name.sql`: stands for all versions up to its own.
    Baseline(DottedVersion),
    /// `afterMigrate.sql` and the like.
    Callback(Event),
}

/// When Flyway runs a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Event {
    /// Its name: how the file's begins.
    pub(super) name: &'static str,
    /// Whether `flyway migrate` comes to it when nothing goes wrong.
    pub(super) is_of_migrate: bool,
}

const OF_MIGRATE: [&str; 14] = [
    "afterConnect",
    "afterEachMigrate",
    "afterEachMigrateStatement",
    "afterMigrate",
    "afterMigrateApplied",
    "afterMigrateOperationFinish",
    "afterVersioned",
    "beforeConnect",
    "beforeCreateSchema",
    "beforeEachMigrate",
    "beforeEachMigrateStatement",
    "beforeMigrate",
    "beforeRepeatables",
    "createSchema",
];

const OF_OTHERS: [&str; 28] = [
    "afterBaseline",
    "afterBaselineError",
    "afterClean",
    "afterCleanError",
    "afterEachMigrateError",
    "afterEachMigrateStatementError",
    "afterEachUndo",
    "afterEachUndoError",
    "afterEachUndoStatement",
    "afterEachUndoStatementError",
    "afterInfo",
    "afterInfoError",
    "afterInfoOperationFinish",
    "afterMigrateError",
    "afterRepair",
    "afterRepairError",
    "afterUndo",
    "afterUndoError",
    "afterValidate",
    "afterValidateError",
    "beforeBaseline",
    "beforeClean",
    "beforeEachUndo",
    "beforeEachUndoStatement",
    "beforeInfo",
    "beforeRepair",
    "beforeUndo",
    "beforeValidate",
];

/// Reads the name of a visible SQL file; `None` where it is none.
pub(super) fn read(entry: &Entry) -> Option<Result<Named, String>> {
    let shown = entry.shown_name();
    let at = shown.len().checked_sub(ENDING.len())?;
    let is_sql = shown.get(at..).is_some_and(|ending| ending.eq_ignore_ascii_case(ENDING));
    if entry.is_hidden() || !is_sql {
        return None;
    }
    let Some(name) = entry.name.to_str() else {
        return Some(Err("the name is not UTF-8".to_owned()));
    };
    Some(parse(&name[..at]))
}

fn parse(stem: &str) -> Result<Named, String> {
    let before = stem.split_once(SEPARATOR).map_or(stem, |(before, _)| before);
    if let Some(event) = event(before) {
        return Ok(Named::Callback(event));
    }
    let rest = stem.get(1..).unwrap_or_default();
    let (version, name) = rest.split_once(SEPARATOR).unwrap_or((rest, ""));
    match stem.chars().next() {
        Some('V') => Ok(Named::Versioned(dotted(version)?, name.to_owned())),
        Some('U') => Ok(Named::Undo(dotted(version)?, name.to_owned())),
        Some('B') => Ok(Named::Baseline(dotted(version)?)),
        Some('R') if version.is_empty() && !name.is_empty() => {
            Ok(Named::Repeatable(name.to_owned()))
        }
        Some('R') => {
            Err("a repeatable migration has no version and is named R__name.sql".to_owned())
        }
        _ => Err("it must start with V, U or R, or be named like a callback".to_owned()),
    }
}

fn event(name: &str) -> Option<Event> {
    let of_migrate = OF_MIGRATE.into_iter().find(|it| *it == name);
    let event = |is_of_migrate| move |name| Event { name, is_of_migrate };
    of_migrate
        .map(event(true))
        .or_else(|| OF_OTHERS.into_iter().find(|it| *it == name).map(event(false)))
}

fn dotted(version: &str) -> Result<DottedVersion, String> {
    let parsed = DottedVersion::parse(version)
        .ok_or_else(|| format!("{version:?} is no version: numbers with dots or underscores"))?;
    if version.len() > VERSION_LIMIT {
        let length = version.len();
        return Err(format!(
            "the version has {length} characters, Flyway's ledger holds {VERSION_LIMIT}"
        ));
    }
    Ok(parsed)
}

/// The language of a migration that is no SQL, where the file's name is one's.
pub(super) fn language(entry: &Entry) -> Option<&'static str> {
    let (stem, ending) = entry.name.to_str()?.rsplit_once('.')?;
    let language = match ending {
        "java" | "class" => "Java",
        "kt" => "Kotlin",
        "groovy" => "Groovy",
        "py" => "Python",
        "sh" | "bash" => "a shell's language",
        "ps1" => "PowerShell",
        "bat" | "cmd" => "Windows' command language",
        _ => return None,
    };
    let is_ones = matches!(parse(stem), Ok(named) if !matches!(named, Named::Baseline(_)));
    (is_ones && !entry.is_hidden()).then_some(language)
}
