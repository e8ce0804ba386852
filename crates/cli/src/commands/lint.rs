//! `lint`.

use stopover_lint::{Choice, condensed};
use stopover_model::report::LintReport;
use stopover_model::{Finding, Migration, SourceSet};
use stopover_report::human;

use crate::args::{Global, LimitArguments, LintArguments};
use crate::console::{Console, Failure};
use crate::exit::Exit;
use crate::settings::Settings;

use super::{flags, load, read_source, usable_source};

pub(super) fn run(
    global: &Global,
    console: &Console,
    arguments: LintArguments,
) -> Result<Exit, Failure> {
    let flags = flags(arguments.source, None, LimitArguments::default());
    let mut loaded = load(global, flags)?;
    let lint = &mut loaded.settings.lint;
    lint.on.extend(arguments.on);
    lint.off.extend(arguments.off);
    lint.deny.extend(arguments.deny);
    lint.since = arguments.since.or(lint.since.take());
    lint.postgres = arguments.postgres.or(lint.postgres.take());
    let settings = &loaded.settings;
    let url = settings.database_url.as_deref().unwrap_or_default();
    if url.trim_start().starts_with("sqlite:") {
        let message = "the linter's rules are PostgreSQL's, and the target is an SQLite file";
        return Err(Failure::usage(message, "leave DATABASE_URL and --database-url out"));
    }
    let source = read_source(settings)?;
    usable_source(&source).map_err(|errors| Failure::refused(Exit::Usage, errors))?;
    let choice = choice(settings)?;
    let chosen = chosen(settings, &source)?;
    let findings: Vec<Finding> =
        chosen.iter().flat_map(|it| stopover_lint::lint(it, &choice)).collect();
    let red = findings.iter().any(Finding::is_error);
    let rules = choice.rules().map(str::to_owned).collect();
    let report = LintReport::of(chosen.len(), rules, findings);
    console.document(&report, |_, look| human::lint(&report, look));
    Ok(if red { Exit::Red } else { Exit::Success })
}

/// What the linter says in `ci`: of a rule that has much to say, one finding.
pub(super) fn in_ci(settings: &Settings, source: &SourceSet) -> Result<Vec<Finding>, Failure> {
    let choice = choice(settings)?;
    let found = chosen(settings, source)?.iter().flat_map(|it| stopover_lint::lint(it, &choice));
    Ok(condensed(found.collect()))
}

fn choice(settings: &Settings) -> Result<Choice, Failure> {
    let lint = &settings.lint;
    Choice::new(&lint.on, &lint.off, &lint.deny, lint.postgres.as_deref())
        .map_err(|error| Failure::usage(error.to_string(), "docs/lint.md lists the rules"))
}

/// The migrations after the version of the settings.
fn chosen<'s>(settings: &Settings, source: &'s SourceSet) -> Result<&'s [Migration], Failure> {
    let Some(since) = &settings.lint.since else { return Ok(&source.migrations) };
    let is_it = |it: &Migration| it.version.to_string() == *since;
    match source.migrations.iter().position(is_it) {
        Some(at) => Ok(&source.migrations[at + 1..]),
        None => Err(Failure::usage(
            format!("`lint.since`: there is no migration of version {since} in {}", source.root),
            "name a version of the source: what comes after it is looked at",
        )),
    }
}
