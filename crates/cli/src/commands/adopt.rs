//! `adopt`.

use stopover_backend::Stop;
use stopover_engine::{AdoptFrom, Adoption};
use stopover_model::LedgerKind;
use stopover_planner::Selection;
use stopover_report::human;

use crate::args::{AdoptArguments, Global, LimitArguments};
use crate::console::{Console, Failure};
use crate::exit::Exit;
use crate::target;

use super::{flags, load, read_source, request, usable_source};

pub(super) async fn run(
    global: &Global,
    console: &Console,
    arguments: AdoptArguments,
    stop: Stop,
) -> Result<Exit, Failure> {
    let AdoptArguments { from, table, drop_legacy, source, target, lock_wait } = arguments;
    let adoption = Adoption { from: tool(&from)?, table, drop_legacy };
    let limits = LimitArguments { lock_wait, ..LimitArguments::default() };
    let loaded = load(global, flags(source, Some(target), limits))?;
    let settings = &loaded.settings;
    let source = read_source(settings)?;
    usable_source(&source).map_err(|errors| Failure::refused(Exit::Usage, errors))?;
    let backend = target::backend(settings)?;
    let request = request(&source, settings, Selection::All, stop)?;
    let mut progress = console.progress();
    let adopted = backend.adopt(&request, &adoption, &mut progress).await;
    drop(progress);
    let report = adopted?;
    console.document(&report, |detail, look| human::adopt(&report, detail, look));
    Ok(Exit::Success)
}

fn tool(name: &str) -> Result<AdoptFrom, Failure> {
    let ledgers = [LedgerKind::Sqlx, LedgerKind::Goose, LedgerKind::Dbmate, LedgerKind::Refinery];
    match name {
        "auto" => Ok(AdoptFrom::Auto),
        "golang-migrate" => Ok(AdoptFrom::GolangMigrate),
        "diesel" | "flyway" => Err(Failure::usage(
            format!("--from {name}: its versions are no integers, which our ledger holds"),
            "stay with that ledger: it is used in place",
        )),
        _ => ledgers.into_iter().find(|kind| kind.name() == name).map_or_else(
            || {
                Err(Failure::usage(
                    format!("--from {name}: no tool whose history can be taken over"),
                    "choose one of: auto, golang-migrate, sqlx, goose, dbmate, refinery",
                ))
            },
            |kind| Ok(AdoptFrom::Ledger(kind)),
        ),
    }
}
