//! One pending migration becomes a step: its script split, its boundary decided.

use stopover_model::{
    Checksum, Finding, LedgerKind, Migration, PlannedLock, PlannedStatement, Step,
};
use stopover_sql::{CopyFormat, Statement, statements};

use crate::boundary::{self, Decision};
use crate::enum_value;

/// What became of a migration: a step unless its script cannot be split, and what was found.
/// A step beside an error is never part of a plan.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    pub(crate) step: Option<Step>,
    pub(crate) findings: Vec<Finding>,
}

/// Plans one migration.
pub(crate) fn plan(migration: &Migration, ledger: LedgerKind, out_of_order: bool) -> Planned {
    let statements = match statements(&migration.up.text) {
        Ok(statements) => statements,
        Err(error) => {
            let place = format!("{}:{}", migration.up.path, error.line());
            let message = format!("{place}: the script cannot be read: {error}");
            let remedy = "correct the script at that line";
            let findings = vec![Finding::error("bad-script", place, message, remedy)];
            return Planned { step: None, findings };
        }
    };
    let Decision { boundary, begin, kept, mut findings } = boundary::decide(migration, &statements);
    findings.extend(binary_copies(migration, &statements));
    if statements.is_empty() {
        findings.push(empty(migration));
    }
    if boundary.is_transactional() {
        findings.extend(enum_value::used_too_early(migration, kept));
    }
    let bytes = migration.up.text.as_bytes();
    let planned = kept.iter().map(|it| planned_statement(migration, it));
    let step = Step {
        version: migration.version.clone(),
        name: migration.name.clone(),
        path: migration.up.path.clone(),
        text: migration.up.text.clone(),
        checksum: ledger.checksum(bytes),
        sha256: Checksum::sha256(bytes),
        statements: begin.into_iter().chain(planned).collect(),
        boundary,
        lock_timeout: migration.directives.lock_timeout,
        statement_timeout: migration.directives.statement_timeout,
        out_of_order,
    };
    Planned { step: Some(step), findings }
}

fn planned_statement(migration: &Migration, statement: &Statement) -> PlannedStatement {
    let lock = |claim: &stopover_sql::LockClaim| PlannedLock {
        mode: claim.mode.to_string(),
        relation: claim.relation.clone(),
    };
    let data = statement.copy_data.clone();
    PlannedStatement {
        index: statement.index,
        line: statement.line,
        column: statement.column,
        range: statement.range.clone(),
        text: statement.text.clone(),
        tag: statement.classification.tag.clone(),
        locks: statement.classification.locks.iter().map(lock).collect(),
        copy_data: data.and_then(|range| migration.up.text.get(range)).map(str::to_owned),
    }
}

/// The place of a statement, as a finding names it.
pub(crate) fn place(migration: &Migration, statement: &Statement) -> String {
    format!("{}:{}", migration.up.path, statement.line)
}

fn binary_copies(migration: &Migration, statements: &[Statement]) -> Vec<Finding> {
    let is_binary = |it: &&Statement| {
        it.classification.copy.is_some_and(|copy| copy.format == CopyFormat::Binary)
    };
    let finding = |it: &Statement| {
        let place = place(migration, it);
        Finding::error(
            "binary-copy",
            place.clone(),
            format!("{place}: COPY … FROM stdin in the binary format has no data in a text file"),
            "write the data as text or csv",
        )
    };
    statements.iter().filter(is_binary).map(finding).collect()
}

fn empty(migration: &Migration) -> Finding {
    let path = &migration.up.path;
    Finding::note(
        "empty",
        path.clone(),
        format!("{path} holds no statement: it is recorded as applied, and nothing is run"),
        "",
    )
}
