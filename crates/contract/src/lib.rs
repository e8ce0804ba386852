//! What every backend must do: one suite of cases over the backend's traits and the engine.
//!
//! A backend's tests give a [`Fixture`], which makes fresh databases, and call [`suite!`]: each
//! case becomes a test of its own. What a backend cannot do is said by its [`Capabilities`], and
//! is then shown to be refused; no case is left out.
//!
//! Not for what only one backend does (WAL files, concurrent indexes): that stands beside it.
//! Everything here panics instead of returning errors, for its callers are tests.

mod between;
pub mod cases;
mod fixture;
mod stage;

pub use between::Between;
pub use fixture::{Capabilities, Fixture, Phrases, Support};
pub use stage::{Stage, numbers, told};

/// Longest wait for something that must come to pass, on a machine that has much else to do.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// Makes a test of each case, for the fixture that is named.
#[macro_export]
macro_rules! suite {
    ($fixture:ty) => {
        $crate::tests! { $fixture:
            order: versions_are_applied_in_the_order_of_their_numbers
            order: nothing_to_do_is_no_work
            order: a_gap_is_filled
            order: a_late_lower_version_is_applied_with_a_warning_or_refused_as_the_policy_says
            order: a_selection_applies_so_far_and_no_further
            drift: an_edit_is_refused_before_anything_runs
            drift: a_rename_is_refused
            drift: an_orphan_is_refused_and_passes_where_the_policy_lets_it
            drift: a_collision_is_refused
            drift: tables_without_a_history_are_refused
            drift: an_accepted_edit_is_no_drift
            drift: everything_wrong_is_told_at_once
            heals: a_poisoned_checksum_is_healed_where_the_migration_may_run_again
            heals: a_rerun_that_would_undo_a_later_migration_is_refused
            heals: a_rerun_that_would_lose_or_change_rows_is_refused
            heals: what_is_not_on_the_list_is_refused_and_nothing_is_changed
            heals: an_additive_migration_on_the_list_is_refused_by_its_proof
            heals: spellings_and_comments_are_restamped_and_nothing_is_run
            heals: sqlxs_ledger_is_healed_in_place
            heals: several_edits_are_healed_in_one_go
            heals: runners_that_start_together_heal_once
            heals: heals_are_told_and_not_done_where_the_policy_says_so
            heals: a_journal_without_scripts_learns_to_keep_them
            heals: a_rerun_that_changes_its_session_is_recorded_all_the_same
            meanwhile: rows_written_between_copy_and_rerun_are_not_lost_to_a_rebuild
            meanwhile: values_written_between_copy_and_rerun_are_not_put_back
            meanwhile: rows_that_the_copy_left_alone_are_not_lost_either
            meanwhile: a_column_added_between_copy_and_rerun_is_not_lost_to_a_rebuild
            meanwhile: a_rebuild_that_keeps_what_is_there_heals_with_what_was_written_meanwhile
            meanwhile: every_row_that_a_busy_writer_commits_is_there_after_the_heal
            meanwhile: a_row_that_is_gone_or_there_twice_gets_no_checksum
            meanwhile: a_heal_whose_row_is_gone_meanwhile_is_rolled_back
            failure: a_failing_middle_statement_leaves_nothing
            failure: the_place_of_an_error_is_told
            failure: transaction_control_in_the_middle_is_refused_before_anything_runs
            failure: a_statement_that_takes_too_long_is_ended
            failure: a_commit_is_seen_only_with_its_ledger_row
            failure: a_version_is_recorded_once
            singly: a_marked_migration_commits_statement_by_statement
            singly: a_statement_that_cannot_be_in_a_transaction_is_recognised
            singly: a_failed_one_is_dirty_and_goes_on_where_it_stopped
            singly: a_stopped_one_is_dirty_and_repaired_by_decision
            scripts: an_envelope_gives_way_to_the_runners_transaction
            scripts: an_empty_migration_is_recorded
            scripts: a_byte_order_mark_and_crlf_are_no_hindrance
            scripts: inline_copy_data_is_loaded_or_refused
            scripts: one_migration_leaves_no_trace_in_the_session_of_the_next
            waiting: a_lock_held_elsewhere_is_waited_for
            waiting: a_lock_that_stays_held_fails_and_leaves_nothing
            waiting: the_run_lock_shuts_a_second_runner_out_and_ends_with_its_session
            waiting: a_second_runner_says_who_it_waits_for_and_gives_up_in_time
            waiting: many_runners_apply_each_migration_once
            waiting: a_stop_ends_a_long_statement
            waiting: a_stop_ends_the_wait_for_a_lock
            down: the_newest_applied_are_taken_back_first
            down: a_failing_down_script_leaves_what_it_found
            down: a_missing_down_script_is_told_before_the_first_one_runs
            adoption: a_counter_is_taken_over_as_assumed_and_twice_changes_nothing
            adoption: a_dirty_counter_is_refused
            adoption: sqlxs_ledger_is_taken_over_with_its_times
            adoption: a_proof_names_the_version_that_the_counter_skipped
            adoption: an_apply_takes_a_clean_counter_over_where_it_may
            reading: status_and_plan_write_nothing
            reading: a_reader_learns_that_there_is_nothing_to_do
            reading: a_reader_can_apply_nothing
            census: a_change_of_the_schema_is_seen_and_named
            census: the_same_schema_has_the_same_checksum
            census: digests_do_not_depend_on_the_order_of_rows
            census: a_changed_value_is_seen
            census: duplicates_and_nulls_are_told_apart
            census: rows_are_counted
            census: ledger_and_journal_are_left_out
            census: a_reader_sees_the_same
            ledgers: sqlxs_ledger_is_used_in_place
            ledgers: diesels_ledger_is_used_in_place
            ledgers: several_ledgers_must_be_told_apart
            ledgers: the_other_tools_ledgers_are_used_in_place
            ledgers: a_repeatable_migration_runs_again_when_it_has_changed
        }
    };
}

/// One test for each case that is named.
#[doc(hidden)]
#[macro_export]
macro_rules! tests {
    ($fixture:ty: $($topic:ident: $case:ident)*) => {
        $(
            #[test]
            fn $case() {
                $crate::run($crate::cases::$topic::$case::<$fixture>());
            }
        )*
    };
}

/// Runs a case on a runtime of its own, as a front end does.
#[doc(hidden)]
pub fn run(case: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(case);
}
