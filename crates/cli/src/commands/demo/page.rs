//! What a person reads: a few lines around the reports of the three rehearsals, which are the
//! real ones.

use stopover_engine::Rehearsal;
use stopover_model::SourceSet;
use stopover_report::human::{self, Detail};
use stopover_report::{Charset, Look, units};

use crate::console::Scripts;

use super::DemoReport;
use super::backup::Made;
use super::exit;
use super::shop::{BACKUP, Change, Shown};

/// Wider lines are hard to read, narrower ones rare.
const WIDTH: usize = 80;

fn rule(look: &Look) -> String {
    let sign = match look.charset {
        Charset::Unicode => "─",
        Charset::Ascii => "-",
    };
    sign.repeat(look.width.min(WIDTH))
}

pub(super) fn beginning(_: &Look) -> String {
    "\
Stopover's demo: three changes of an example shop, each rehearsed on a copy of
the shop's production before it could do harm there.

"
    .to_owned()
}

pub(super) fn made(made: &Made) -> String {
    format!(
        "The shop's database was made on a private PostgreSQL {} server:\n\
         {} customers with {} orders. pg_dump made its backup, {BACKUP}:\n\
         {}, all in {}.\n",
        made.server_version,
        units::count(made.customers),
        units::count(made.orders),
        units::bytes(made.backup_bytes),
        units::duration(made.took.as_secs_f64() * 1e3),
    )
}

pub(super) fn change(
    number: usize,
    change: &Change,
    source: &SourceSet,
    rehearsal: &Rehearsal,
    look: &Look,
) -> String {
    let look = Look { width: look.width.min(WIDTH), ..*look };
    let line = rule(&look);
    let report = human::rehearsal(&rehearsal.report, Detail::Brief, &Scripts(source), &look);
    let report = match change.shown {
        Shown::Whole => report,
        Shown::Paragraphs(count) => {
            let paragraphs: Vec<&str> = report.split("\n\n").take(count).collect();
            format!(
                "{}\n\n[the rest of the report looks like the one above]\n",
                paragraphs.join("\n\n")
            )
        }
    };
    let code = exit(rehearsal).code();
    let meaning = if code == 0 { "the change may go on" } else { "a CI job stops the change here" };
    format!(
        "\n{line}\n{number}. {}\n   {}\n{line}\n\
         $ stopover rehearse --backup {BACKUP} --migrations {}\n\n\
         {report}\n\
         Exit code {code}: {meaning}.\n",
        change.title, change.shows, change.name,
    )
}

pub(super) fn end(report: &DemoReport, look: &Look) -> String {
    let stopover = program();
    let play = match &report.kept {
        Some(folder) => format!(
            "The shop's files are in {folder}. Change them, and rehearse again:\n\n  \
             {stopover} rehearse --backup {folder}/{BACKUP} --migrations {folder}/2-phone\n"
        ),
        None => format!(
            "Nothing of this is left on the machine. To keep the files and play with them:\n\n  \
             {stopover} demo --keep shop-demo\n"
        ),
    };
    format!(
        "\n{}\n\
         Production was not touched: it was not even needed.\n\n\
         Now with a database of your own:\n\n  \
         pg_dump -Z 6 -f backup.sql.gz postgresql://you@host/database\n  \
         {stopover} rehearse --backup backup.sql.gz --migrations migrations\n\n\
         {play}",
        rule(look),
    )
}

/// The program as it was called, so that what is shown can be typed: from a build folder it is
/// not in `PATH`.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "stopover".to_owned())
}
