//! One pending migration becomes a step: its script split, its boundary decided.

use stopover_model::{
    Checksum, DatabaseKind, Facts, Finding, Migration, PlannedLock, PlannedStatement, SessionUse,
    StatementPlace, Step,
};
use stopover_sql::{
    CopyFormat, Dialect, SessionTrace, Statement, TokenKind, TransactionNeed, session_trace, tokens,
};

use crate::boundary::{self, Decision};
use crate::comparison::Pending;
use crate::passages::{self, Unreadable};
use crate::{enum_value, foreign_keys, ground, other_files};

/// What became of a migration: a step unless its script cannot be split, and what was found.
/// A step beside an error is never part of a plan.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    pub(crate) step: Option<Step>,
    pub(crate) findings: Vec<Finding>,
}

/// Plans one pending migration, from where it was interrupted if it was.
pub(crate) fn resumed(pending: &Pending<'_>, facts: &Facts) -> Planned {
    let mut planned = plan(pending.migration, facts, pending.out_of_order);
    if let (Some(step), Some((_, resume))) = (&mut planned.step, pending.resumed) {
        step.resume = Some(resume.clone());
    }
    planned
}

/// Plans one migration.
pub(crate) fn plan(migration: &Migration, facts: &Facts, out_of_order: bool) -> Planned {
    let statements = match passages::statements(&migration.up, dialect(facts.database)) {
        Ok(statements) => statements,
        Err(errors) => {
            let findings = errors.iter().map(|it| bad_script(migration, it)).collect();
            return Planned { step: None, findings };
        }
    };
    let Decision { boundary, begin, kept, mut findings } =
        boundary::decide(migration, facts.database, &statements);
    findings.extend(binary_copies(migration, &statements));
    findings.extend(copies_to_nobody(migration, &statements));
    if statements.is_empty() {
        findings.push(empty(migration));
    }
    if boundary.is_transactional() && facts.database == DatabaseKind::Postgres {
        findings.extend(enum_value::used_too_early(migration, kept));
    }
    findings.extend(foreign_keys::problems(migration, facts.database, &boundary, kept));
    findings.extend(ground::problems(migration, facts, &boundary, &statements));
    findings.extend(other_files::named(migration, facts.database, kept));
    let planned = kept.iter().map(|it| planned_statement(migration, it));
    let step = Step {
        version: migration.version.clone(),
        name: migration.name.clone(),
        path: migration.up.path.clone(),
        file: migration.file.clone(),
        text: migration.up.text.clone(),
        checksum: facts.ledger.checksums.of(migration.fingerprinted()),
        sha256: sha256(migration, kept),
        statements: begin.into_iter().chain(planned).collect(),
        boundary,
        lock_timeout: migration.directives.lock_timeout,
        statement_timeout: migration.directives.statement_timeout,
        foreign_keys: migration.directives.foreign_keys,
        out_of_order,
        resume: None,
    };
    Planned { step: Some(step), findings }
}

fn bad_script(migration: &Migration, error: &Unreadable) -> Finding {
    let place = format!("{}:{}", migration.up.path, error.line);
    let message = format!("{place}: {}", error.reason);
    let remedy = "correct the script at that line; nothing of the plan is run before";
    Finding::error("bad-script", place, message, remedy)
}

/// Of the file's bytes; where values are put into it, of what is sent as well: two plans with one
/// hash do the same.
fn sha256(migration: &Migration, statements: &[Statement]) -> Checksum {
    let mut bytes = migration.up.text.clone().into_bytes();
    if migration.up.is_substituted() {
        for statement in statements {
            bytes.push(0);
            bytes.extend_from_slice(statement.text.as_bytes());
        }
    }
    Checksum::sha256(&bytes)
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
        place: match statement.classification.transaction {
            TransactionNeed::Either => StatementPlace::Anywhere,
            TransactionNeed::Outside { .. } => StatementPlace::OutsideOnly,
        },
        session: match session_trace(&statement.text) {
            None => SessionUse::Nothing,
            Some(SessionTrace::Setting) => SessionUse::Setting,
            Some(SessionTrace::Object(what)) => SessionUse::Object(what),
        },
    }
}

/// How a database's scripts are read.
pub(crate) fn dialect(database: DatabaseKind) -> Dialect {
    match database {
        DatabaseKind::Postgres => Dialect::Postgres,
        DatabaseKind::Sqlite => Dialect::Sqlite,
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

/// `COPY … TO stdout`: the server would send rows in a form that ends the session, for a
/// migration has nobody to take them.
fn copies_to_nobody(migration: &Migration, statements: &[Statement]) -> Vec<Finding> {
    let finding = |it: &Statement| {
        let place = place(migration, it);
        Finding::error(
            "copy-to-stdout",
            place.clone(),
            format!("{place}: COPY … TO stdout: nobody reads the rows of a migration"),
            "remove the statement, or keep the rows in a table: CREATE TABLE … AS",
        )
    };
    statements.iter().filter(|it| goes_to_stdout(it)).map(finding).collect()
}

fn goes_to_stdout(statement: &Statement) -> bool {
    if statement.classification.tag != "COPY" {
        return false;
    }
    let mut depth = 0_usize;
    let mut after_to = false;
    for token in tokens(&statement.text).filter(|it| !it.kind.is_trivia()) {
        match token.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        let is =
            |word: &str| token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case(word);
        // The grammar takes either name of the client's stream (`copy_file_name` in `gram.y`).
        if after_to && (is("STDOUT") || is("STDIN")) {
            return true;
        }
        after_to = depth == 0 && is("TO");
    }
    false
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
