//! Whether a migration is one transaction, and what becomes of transaction control in it.

use stopover_model::{
    Boundary, DatabaseKind, Finding, Migration, PlannedStatement, SessionUse, Severity,
    StatementPlace, TransactionMark,
};
use stopover_sql::{
    Envelope, Statement, TransactionControl, TransactionNeed, chains, envelope, envelope_modes,
};

use crate::script::place;

/// What was decided of one migration.
pub(crate) struct Decision<'a> {
    pub(crate) boundary: Boundary,
    /// What stands for the file's own BEGIN, if anything has to.
    pub(crate) begin: Option<PlannedStatement>,
    /// The statements that are run: all, or those inside of the file's own BEGIN and COMMIT.
    pub(crate) kept: &'a [Statement],
    pub(crate) findings: Vec<Finding>,
}

impl<'a> Decision<'a> {
    const fn whole(boundary: Boundary, kept: &'a [Statement], findings: Vec<Finding>) -> Self {
        Self { boundary, begin: None, kept, findings }
    }
}

/// Decides by the mark, else by what the statements need.
pub(crate) fn decide<'a>(
    migration: &Migration,
    database: DatabaseKind,
    statements: &'a [Statement],
) -> Decision<'a> {
    if let TransactionMark::NoTransaction(mark) = &migration.directives.transaction {
        // The file's own BEGIN and COMMIT stay: without a transaction of ours they are the
        // author's business.
        let boundary = Boundary::NonTransactional(format!("marked `{mark}`"));
        let findings = left_open(migration, statements).into_iter().collect();
        return Decision::whole(boundary, statements, findings);
    }
    let outside: Vec<&Statement> = statements.iter().filter(|it| must_be_outside(it)).collect();
    let enveloped = envelope(statements) == Envelope::Whole;
    match (outside.as_slice(), statements) {
        ([], [_, inner @ .., _]) if enveloped => Decision {
            boundary: Boundary::Transactional,
            begin: transaction_modes(database, statements),
            kept: inner,
            findings: vec![envelope_note(migration)],
        },
        ([], _) => {
            let findings = stray_control(migration, statements, "");
            Decision::whole(Boundary::Transactional, statements, findings)
        }
        (some, _) if enveloped => {
            let findings = some.iter().map(|it| inside_envelope(migration, it)).collect();
            Decision::whole(Boundary::Transactional, statements, findings)
        }
        ([first, ..], _) => {
            let mut findings = vec![commits_singly(migration, statements, first)];
            let or = ", or mark the file `-- stopover: no-transaction` and keep it";
            findings.extend(stray_control(migration, statements, or));
            let reason = format!("line {}: {}", first.line, reason(first));
            Decision::whole(Boundary::NonTransactional(reason), statements, findings)
        }
    }
}

fn must_be_outside(statement: &Statement) -> bool {
    // PREPARE TRANSACTION and its kind are told as transaction control, not as a reason to run
    // a whole file without a transaction.
    statement.classification.transaction != TransactionNeed::Either && !controls(statement)
}

fn reason(statement: &Statement) -> &str {
    match &statement.classification.transaction {
        TransactionNeed::Outside { reason } => reason,
        TransactionNeed::Either => "it can run anywhere",
    }
}

/// Whether a statement begins or ends a transaction; savepoints do neither.
fn controls(statement: &Statement) -> bool {
    use TransactionControl as Control;
    match statement.classification.control {
        None
        | Some(
            Control::Savepoint
            | Control::ReleaseSavepoint
            | Control::RollbackTo
            | Control::SetTransaction,
        ) => false,
        Some(
            Control::Begin
            | Control::Commit
            | Control::Rollback
            | Control::PrepareTransaction
            | Control::CommitPrepared
            | Control::RollbackPrepared,
        ) => true,
    }
}

/// Transaction control in a migration whose transaction is ours.
fn stray_control(migration: &Migration, statements: &[Statement], or: &str) -> Vec<Finding> {
    let finding = |statement: &Statement| {
        let place = place(migration, statement);
        let tag = &statement.classification.tag;
        Finding::error(
            "transaction-control",
            place.clone(),
            format!(
                "{place}: {tag} inside of a migration: migration and ledger row could not be one \
                 transaction"
            ),
            format!(
                "remove it (the migration runs in a transaction by itself), or split the file{or}"
            ),
        )
    };
    statements.iter().filter(|it| controls(it)).map(finding).collect()
}

/// A transaction that the script begins and does not end: all of it would be lost with the
/// session, and the ledger row with it.
fn left_open(migration: &Migration, statements: &[Statement]) -> Option<Finding> {
    use TransactionControl::{Begin, Commit, PrepareTransaction, Rollback};
    let mut open: Option<&Statement> = None;
    for statement in statements {
        match statement.classification.control {
            Some(Begin) => open = open.or(Some(statement)),
            Some(Commit | Rollback) if chains(&statement.text) => {}
            Some(Commit | Rollback | PrepareTransaction) => open = None,
            _ => {}
        }
    }
    let place = place(migration, open?);
    Some(Finding::error(
        "transaction-control",
        place.clone(),
        format!("{place}: the transaction that begins here never ends: nothing of it would stay"),
        "add a COMMIT, or remove the BEGIN",
    ))
}

fn envelope_note(migration: &Migration) -> Finding {
    let path = &migration.up.path;
    Finding::note(
        "envelope",
        path.clone(),
        format!(
            "{path}: its own BEGIN and COMMIT are left out; the runner's transaction takes their \
             place, with the ledger row inside"
        ),
        "",
    )
}

fn inside_envelope(migration: &Migration, statement: &Statement) -> Finding {
    let place = place(migration, statement);
    Finding::error(
        "transaction-control",
        place.clone(),
        format!("{place}: {}, and the file has BEGIN … COMMIT around it", reason(statement)),
        "move the statement into a migration of its own, or remove BEGIN and COMMIT",
    )
}

/// A file without a mark runs without a transaction because of a statement in it. When there is
/// nothing else in the file that is as it should be; otherwise somebody may rely on the rest
/// being one piece.
fn commits_singly(migration: &Migration, statements: &[Statement], first: &Statement) -> Finding {
    let path = &migration.up.path;
    let is_mixed = statements.iter().any(|it| !must_be_outside(it) && !is_setting(it));
    let (severity, how, remedy) = if is_mixed {
        (
            Severity::Warning,
            "each statement of the file commits by itself",
            "split the file, so that what can be one transaction is one; or mark it \
             `-- stopover: no-transaction` to say that it is meant so",
        )
    } else {
        (Severity::Note, "the migration runs without a transaction", "")
    };
    let message = format!("{path}:{}: {}: {how}", first.line, reason(first));
    Finding::new(severity, "not-transactional", path.clone(), message, remedy)
}

/// Settings of the session leave nothing behind that could be half done.
fn is_setting(statement: &Statement) -> bool {
    matches!(statement.classification.tag.as_str(), "SET" | "RESET" | "SHOW" | "PRAGMA")
}

/// What stands for the BEGIN of an envelope: nothing, or `SET TRANSACTION` where it asks for an
/// isolation level or the like, which would otherwise be lost.
fn transaction_modes(database: DatabaseKind, statements: &[Statement]) -> Option<PlannedStatement> {
    // SQLite's modes say when its one lock is taken: a migration takes it at the beginning.
    if database == DatabaseKind::Sqlite {
        return None;
    }
    let begin = statements.first()?;
    let modes = envelope_modes(statements)?;
    Some(PlannedStatement {
        index: begin.index,
        line: begin.line,
        column: begin.column,
        range: begin.range.clone(),
        text: format!("SET TRANSACTION {modes}"),
        tag: "SET".to_owned(),
        locks: Vec::new(),
        copy_data: None,
        place: StatementPlace::Anywhere,
        session: SessionUse::Setting,
    })
}
