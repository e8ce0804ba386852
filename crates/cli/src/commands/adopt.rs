//! `adopt`.

use stopover_backend::Stop;
use stopover_engine::{AdoptFrom, Adoption};
use stopover_model::LedgerKind;
use stopover_planner::Selection;
use stopover_report::human;

use crate::args::{AdoptArguments, Global, LimitArguments};
use crate::console::{Console, Failure};
use crate::exit::Exit;
use crate::settings::Flags;
use crate::target;

use super::rehearse::scratch_request;
use super::{flags, in_integers, load, read_source, request, usable_source};

pub(super) async fn run(
    global: &Global,
    console: &Console,
    arguments: AdoptArguments,
    stop: Stop,
) -> Result<Exit, Failure> {
    let AdoptArguments { from, table, drop_legacy, prove, source, target, lock_wait, .. } =
        &arguments;
    let from = tool(from)?;
    let mut adoption =
        Adoption { from, table: table.clone(), drop_legacy: *drop_legacy, proof: None };
    let limits = LimitArguments { lock_wait: lock_wait.clone(), ..LimitArguments::default() };
    let flags = Flags {
        scratch_db_url: arguments.scratch_url.clone(),
        pg_bin: arguments.pg_bin.clone(),
        scratch_dir: arguments.scratch_dir.clone(),
        ..flags(source.clone(), Some(target.clone()), limits)
    };
    let loaded = load(global, flags)?;
    let settings = &loaded.settings;
    // What is taken over stands in our own ledger.
    let source = in_integers(read_source(settings)?)?;
    usable_source(&source).map_err(|errors| Failure::refused(Exit::Usage, errors))?;
    let backend = target::backend(settings)?;
    let request = request(&source, settings, Selection::All, stop)?;
    let mut progress = console.progress();
    if *prove {
        let scratch = scratch_request(settings)?;
        adoption.proof = Some(backend.prove(&request, &adoption, scratch, &mut progress).await?);
    }
    let adopted = backend.adopt(&request, &adoption, &mut progress).await;
    drop(progress);
    let report = adopted?;
    console.document(&report, |detail, look| human::adopt(&report, detail, look));
    Ok(Exit::Success)
}

fn tool(name: &str) -> Result<AdoptFrom, Failure> {
    match name {
        "auto" => Ok(AdoptFrom::Auto),
        "golang-migrate" => Ok(AdoptFrom::GolangMigrate),
        _ => {
            let others = LedgerKind::ALL.into_iter().filter(|kind| *kind != LedgerKind::Stopover);
            let kind = others.clone().find(|kind| kind.name() == name);
            kind.map(AdoptFrom::Ledger).ok_or_else(|| {
                let names: Vec<&str> = others.map(LedgerKind::name).collect();
                Failure::usage(
                    format!("--from {name}: no tool whose history can be taken over"),
                    format!("choose one of: auto, golang-migrate, {}", names.join(", ")),
                )
            })
        }
    }
}
