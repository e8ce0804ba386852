//! Statements that leave nothing behind that code could hide in, and errors that mean nothing.

use super::reading::Reading;
use super::{Disposition, Tolerance};

/// Which errors of a statement are known to be harmless.
pub(super) fn tolerance(reading: &Reading<'_>) -> Tolerance {
    let begins = |phrase| reading.begins(phrase);
    if begins("set") {
        Tolerance::UnknownSetting
    } else if begins("drop") || is_lone_drop(reading) || is_unlink(reading) {
        Tolerance::NothingToDrop
    } else if begins("grant") || begins("revoke") {
        Tolerance::ForeignGrant
    } else if begins("create schema public") && reading.len() == 3 {
        Tolerance::SchemaExists
    } else if begins("alter publication") {
        Tolerance::SuperuserOwner
    } else if begins("refresh materialized view") {
        Tolerance::UnreachableView
    } else {
        Tolerance::Nothing
    }
}

/// `ALTER TABLE x DROP CONSTRAINT y` or `ALTER TABLE x ALTER COLUMN y DROP DEFAULT`, as
/// `pg_dump --clean` writes them, and nothing else.
fn is_lone_drop(reading: &Reading<'_>) -> bool {
    let kinds = ["alter table", "alter foreign table"];
    let Some(kind) = kinds.into_iter().find(|kind| reading.begins(kind)) else { return false };
    let at = reading.skip(reading.skip(reading.skip(0, kind), "if exists"), "only");
    let Some(at) = reading.behind_name(at) else { return false };
    if reading.are(at, "drop constraint") {
        return reading.len() == reading.skip(at + 2, "if exists") + 1;
    }
    let column = reading.skip(at + 1, "column");
    reading.is(at, "alter")
        && reading.are(column + 1, "drop default")
        && reading.len() == column + 3
}

/// `SELECT pg_catalog.lo_unlink(…)`, with nothing else that could be a call.
fn is_unlink(reading: &Reading<'_>) -> bool {
    let calls = (0..reading.len()).filter(|&at| reading.symbol(at, "(")).count();
    reading.begins("select pg_catalog") && reading.is(3, "lo_unlink") && calls == 1
}

/// Whether a statement leaves no object behind that code could hide in.
pub(super) fn keeps_prologue(reading: &Reading<'_>, disposition: &Disposition) -> bool {
    let begins = |phrase| reading.begins(phrase);
    match disposition {
        Disposition::Extension { .. }
        | Disposition::Skip(_)
        | Disposition::Encoding(_)
        | Disposition::SearchPath
        | Disposition::Instead(..)
        | Disposition::ActAs(_) => true,
        Disposition::Elevated => begins("comment on") || begins("alter"),
        Disposition::Plain => {
            let search_path = begins("select pg_catalog") && reading.is(3, "set_config");
            let schema = begins("create schema") && is_bare_schema(reading);
            // Of what is not there yet, dropping runs nothing.
            let drop = begins("drop") || tolerance(reading) == Tolerance::NothingToDrop;
            begins("set")
                || begins("reset")
                || begins("comment on")
                || begins("create collation")
                || begins("grant")
                || begins("revoke")
                || (search_path && is_literal_call(reading))
                || schema
                || drop
        }
        _ => false,
    }
}

/// `CREATE SCHEMA [IF NOT EXISTS] [x] [AUTHORIZATION y]`, without objects in it.
fn is_bare_schema(reading: &Reading<'_>) -> bool {
    let at = reading.skip(2, "if not exists");
    let at = if reading.is(at, "authorization") { at } else { at + 1 };
    let end = if reading.is(at, "authorization") { at + 2 } else { at };
    reading.len() == end
}

/// `SELECT pg_catalog.set_config('…', '…', false)` and nothing else.
fn is_literal_call(reading: &Reading<'_>) -> bool {
    reading.len() == 11
        && reading.symbol(4, "(")
        && reading.string(5).is_some()
        && reading.symbol(6, ",")
        && reading.string(7).is_some()
        && reading.symbol(8, ",")
        && reading.symbol(10, ")")
}
