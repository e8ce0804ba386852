//! What stands in the way of a plan, besides drift and the scripts themselves.

use std::cmp::Reverse;

use stopover_model::report::Drift;
use stopover_model::{
    ChecksumKind, Facts, Finding, LedgerKind, OutOfOrder, Policy, SourceSet, Version, VersionWidth,
};

use crate::Selection;
use crate::comparison::Comparison;
use crate::drift;

/// Errors first, then warnings, then notes; within each, the order in which they were found.
pub(crate) fn sort(findings: &mut [Finding]) {
    findings.sort_by_key(|finding| Reverse(finding.severity));
}

/// What the source says of itself, without what is drift.
pub(crate) fn of_source(source: &SourceSet) -> Vec<Finding> {
    let mut findings: Vec<_> =
        source.findings.iter().filter(|it| !drift::is_collision(it)).cloned().collect();
    findings.sort_by(|a, b| (&a.subject, &a.code).cmp(&(&b.subject, &b.code)));
    findings
}

/// A drift as a finding, as bad as the policy says.
pub(crate) fn of_drift(drift: Drift, facts: &Facts) -> Finding {
    let subject =
        drift.version.as_ref().map_or_else(|| facts.ledger.table.clone(), Version::to_string);
    Finding::new(drift.severity, drift.kind.code(), subject, drift.message, drift.remedy)
}

/// A ledger that cannot hold the versions of the source.
pub(crate) fn of_ledger(source: &SourceSet, facts: &Facts) -> Option<Finding> {
    let ledger = &facts.ledger;
    let alien = source.migrations.iter().map(|it| &it.version).filter(|it| !ledger.kind.holds(it));
    let Some(version) = alien.min() else { return too_wide(source, facts) };
    let right = match version {
        Version::Text(_) => "diesel",
        Version::Dotted(_) | Version::Repeatable(_) => "flyway",
        Version::Integer(_) => "stopover, or the tool's own",
    };
    let holds = match ledger.kind {
        LedgerKind::Diesel => "texts",
        LedgerKind::Flyway => "dotted numbers",
        LedgerKind::Stopover
        | LedgerKind::Sqlx
        | LedgerKind::Goose
        | LedgerKind::Dbmate
        | LedgerKind::Refinery => "integers",
    };
    Some(Finding::error(
        "ledger-version",
        ledger.table.clone(),
        format!(
            "the ledger {} ({}) holds versions that are {holds}, and cannot hold {version}, as the \
             layout {} has them",
            ledger.table, ledger.kind, source.layout
        ),
        match (ledger.kind, version) {
            // A set-up right after `adopt`: both ledgers are there.
            (LedgerKind::Stopover, Version::Text(_) | Version::Dotted(_)) => format!(
                "name the ledger that goes with this source (--ledger {right}), or, where its \
                 history was taken over, set ledger = \"stopover\" in stopover.toml"
            ),
            _ => format!("name the ledger that goes with this source: --ledger {right}"),
        },
    ))
}

/// refinery's column is `int4` unless refinery is built to make it `int8`.
fn too_wide(source: &SourceSet, facts: &Facts) -> Option<Finding> {
    let ledger = &facts.ledger;
    if ledger.checksums != ChecksumKind::Sip13(VersionWidth::Int4) {
        return None;
    }
    let versions = source.migrations.iter().filter_map(|it| it.version.as_integer());
    let version = versions.filter(|&it| i32::try_from(it).is_err()).min()?;
    Some(Finding::error(
        "ledger-version",
        ledger.table.clone(),
        format!(
            "the ledger {} (refinery) holds versions up to {}, and cannot hold {version}",
            ledger.table,
            i32::MAX
        ),
        "use --ledger stopover; or let a refinery that is built with int8-versions make its table, \
         whose versions are wider, before the first apply",
    ))
}

/// Pending migrations below the highest applied one, where the policy has something to say.
pub(crate) fn out_of_order(comparison: &Comparison<'_>, policy: &Policy) -> Vec<Finding> {
    let Some(highest) = comparison.highest else { return Vec::new() };
    let late = comparison.pending.iter().filter(|pending| pending.out_of_order);
    let finding = |version: &Version| {
        let subject = version.to_string();
        let message = format!("migration {version} is out of order: {highest} is already applied");
        match policy.out_of_order {
            OutOfOrder::Allow => None,
            OutOfOrder::Warn => Some(Finding::warning(
                "out-of-order",
                subject,
                message,
                "an apply runs it all the same: check that it does not depend on a state that is gone",
            )),
            OutOfOrder::Refuse => Some(Finding::error(
                "out-of-order",
                subject,
                message,
                format!(
                    "give it a version above {highest}, or set policy.out_of_order = \"warn\" in \
                     stopover.toml"
                ),
            )),
        }
    };
    late.filter_map(|pending| finding(&pending.migration.version)).collect()
}

/// A last version that the source does not have.
pub(crate) fn of_selection(source: &SourceSet, selection: &Selection) -> Option<Finding> {
    let Selection::UpTo(last) = selection else { return None };
    if source.migrations.iter().any(|it| it.version == *last) {
        return None;
    }
    let highest = source.migrations.iter().map(|it| &it.version).max();
    let hint = highest.map_or_else(String::new, |it| format!("; the highest is {it}"));
    Some(Finding::error(
        "unknown-version",
        last.to_string(),
        format!("there is no migration {last} in {}", source.root),
        format!("name the version of a migration that is there{hint}"),
    ))
}
