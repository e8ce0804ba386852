//! Stories of sources and ledgers, with plain values.

mod boundaries;
mod drift;
mod ground;
mod heals;
mod interrupted;
mod laws;
mod passages;
mod plans;
mod proofs;
mod repeatable;
mod scripts;
mod sqlite;

use stopover_model::{
    Checksum, DatabaseKind, Directives, Facts, Finding, Fingerprints, Layout, LedgerFacts,
    LedgerKind, LedgerRow, Migration, PlainStrings, Plan, Policy, Provenance, RowState, Script,
    SourceSet, Step, TransactionMark, Version,
};

use crate::{Selection, plan};

/// A migration with a harmless statement that tells it from the others.
fn migration(version: i64) -> Migration {
    scripted(version, &format!("SELECT {version};\n"))
}

fn scripted(version: i64, text: &str) -> Migration {
    let name = format!("step_{version}");
    Migration {
        version: Version::Integer(version),
        up: Script::whole(format!("migrations/{version}_{name}.up.sql"), text),
        file: format!("{version}_{name}.up.sql"),
        name,
        down: None,
        directives: Directives::default(),
        down_directives: Directives::default(),
    }
}

fn marked(text: &str) -> Migration {
    let mut migration = scripted(1, text);
    let mark = "-- stopover: no-transaction".to_owned();
    migration.directives.transaction = TransactionMark::NoTransaction(mark);
    migration
}

fn source(migrations: Vec<Migration>) -> SourceSet {
    let findings = Vec::new();
    SourceSet { layout: Layout::Pairs, root: "migrations".to_owned(), migrations, findings }
}

fn source_of(versions: &[i64]) -> SourceSet {
    source(versions.iter().map(|&version| migration(version)).collect())
}

/// The row that applying a migration leaves in our ledger.
fn row(migration: &Migration) -> LedgerRow {
    LedgerRow {
        version: migration.version.clone(),
        name: Some(migration.name.clone()),
        applied_at: None,
        checksum: Some(Checksum::sha256(migration.up.text.as_bytes())),
        provenance: Provenance::Applied,
        state: RowState::Done,
    }
}

fn facts(rows: Vec<LedgerRow>) -> Facts {
    Facts {
        database: DatabaseKind::Postgres,
        ledger: LedgerFacts {
            kind: LedgerKind::Stopover,
            table: "stopover.applied_migrations".to_owned(),
            exists: !rows.is_empty(),
            checksums: LedgerKind::Stopover.checksums(),
            rows,
        },
        ledgers: Vec::new(),
        trackers: Vec::new(),
        user_tables: Vec::new(),
        server_version: "15.18".to_owned(),
        role: "deployer".to_owned(),
        plain_strings: PlainStrings::Standard,
        recoveries: Vec::new(),
        fingerprints: Fingerprints::NotCompared,
        edits: Vec::new(),
        healed: Vec::new(),
    }
}

fn applied(versions: &[i64]) -> Facts {
    facts(versions.iter().map(|&version| row(&migration(version))).collect())
}

fn plan_all(source: &SourceSet, facts: &Facts) -> Result<Plan, Vec<Finding>> {
    plan(source, facts, &Policy::default(), &Selection::All)
}

/// The plan's only step, for a migration on an empty database, and what was found.
fn step_of(migration: Migration) -> (Step, Vec<Finding>) {
    let mut plan = plan_all(&source(vec![migration]), &applied(&[])).unwrap();
    assert_eq!(plan.steps.len(), 1);
    (plan.steps.remove(0), plan.findings)
}

/// Why a migration has no plan.
fn problems_of(migration: Migration) -> Vec<Finding> {
    plan_all(&source(vec![migration]), &applied(&[])).unwrap_err()
}

fn versions(plan: &Plan) -> Vec<i64> {
    plan.steps.iter().filter_map(|step| step.version.as_integer()).collect()
}

fn codes(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.code.as_str()).collect()
}
