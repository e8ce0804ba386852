//! The command line as its users meet it: every test runs the tool itself.
//!
//! Most are [scenarios](scenario): text files under `tests/scenarios`. What needs time, signals or
//! many processes is told in Rust.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod around;
mod backups;
mod bases;
mod carry;
mod ci;
mod crashes;
mod data_loss;
mod documents;
mod down;
mod file_crashes;
mod forms;
mod harness;
mod heals;
mod help;
mod kept_census;
mod place;
mod pooling;
mod program;
mod receipts;
mod rehearsals;
mod round_trips;
mod runners;
mod scenario;
mod schema;
mod secrets;
mod signals;
mod whole_way;

/// One test for each scenario, so that each is named, counted and run apart.
macro_rules! scenarios {
    ($($name:ident)*) => {
        mod scenarios {
            $(#[test] fn $name() { crate::scenario::play(stringify!($name)); })*

            /// A file that nobody plays would prove nothing.
            #[test]
            fn every_scenario_is_played() {
                let mut there: Vec<String> = std::fs::read_dir(crate::scenario::folder())
                    .unwrap()
                    .map(|it| it.unwrap().path().file_stem().unwrap().display().to_string())
                    .collect();
                there.sort();
                let mut played = vec![$(stringify!($name)),*];
                played.sort_unstable();
                assert_eq!(played, there);
            }
        }
    };
}

scenarios! {
    adopt
    adopt_diesel
    adopt_proven
    adopt_skipped
    adopt_sqlx
    adopt_unreadable_counter
    auto_adopt
    bad_arguments
    bad_rehearsal
    bad_settings
    bad_source
    bad_target
    between_migrations
    collision
    concurrently
    diesel_ledger
    dirty
    dump_as_migration
    edited
    empty_ledger
    everything_at_once
    failing_concurrently
    failing_on_data
    failing_statement
    golang_migrate
    heal_again
    heal_off
    heal_spellings
    heal_sqlite
    heal_sqlx
    heal_trap
    heal_unproven
    late_version
    lint
    lock_timeout
    new
    orphans
    other_file_sqlite
    postflight
    preflight
    psql_commands
    read_only_role
    rebuilt_sqlite
    recover_dirty
    recover_dirty_sqlite
    recover_dirty_refused
    rollback_counts
    renamed
    repair
    require_rehearsal
    require_rehearsal_sqlite
    resumes
    rollback
    run_lock
    schema
    scripts_of_every_kind
    selection
    several_ledgers
    sqlite
    sqlx_ledger
    transaction_control
    whole_way
}
