//! The proof of a backup: it is restored in a scratch, and compared with what the source held in the
//! backup's moment, table by table and object by object.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use stopover_backend::{
    Backend, Census, CensusDepth, CensusScope, PrepareStage, Prepared, ScratchProvider, Stop,
    StopSignal,
};
use stopover_model::report::{BackupManifest, SourceCensus, Verdict, Verification, VerifiedTable};
use stopover_model::{EventSink, Finding, Schema, SchemaChange, TableCensus, redact_urls};

use crate::error::BackupError;
use crate::shelf::{Slot, manifest_of};

/// Kinds of objects that a scratch disarms: event triggers are disabled, foreign-data wrappers lose
/// their functions, and what only a superuser may make is left out.
const DISARMED: [&str; 4] =
    ["event trigger", "foreign-data wrapper", "foreign server", "publication"];

/// How many differences of the schema are told one by one.
const TOLD: usize = 20;

/// The manifest beside a backup; `None` where there is none.
///
/// # Errors
/// When it is there and cannot be read.
pub fn read_manifest(backup: &Path) -> Result<Option<BackupManifest>, BackupError> {
    let path = manifest_of(backup);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&path, &error.to_string())),
    };
    serde_json::from_str(&text).map(Some).map_err(|it| unreadable(&path, &it.to_string()))
}

fn unreadable(path: &Path, reason: &str) -> BackupError {
    BackupError::Settings {
        message: format!("the manifest {} cannot be read: {reason}", path.display()),
        remedy: "correct its permissions, or remove it and say --restore-only".to_owned(),
    }
}

/// Restores what `scratch` provides, compares it with the manifest, and throws it away. Without a
/// manifest it is only restored.
///
/// # Errors
/// Only for a signal; everything else is a finding.
pub async fn verify<P: ScratchProvider>(
    scratch: &mut P,
    manifest: Option<&BackupManifest>,
    depth: CensusDepth,
    stop: &Stop,
    sink: &mut dyn EventSink,
) -> Result<Verification, StopSignal> {
    let began = Instant::now();
    let mut found = Verification::begun();
    let prepared = scratch.prepare(stop, sink).await;
    let compared = match prepared {
        Ok(prepared) => {
            let comparing = compare(prepared, manifest, depth, &mut found);
            tokio::select! {
                () = comparing => Ok(()),
                signal = stop.wait() => Err(signal),
            }
        }
        Err(error) => {
            found.backup = error.backup;
            found.scratch = error.scratch;
            let ended = match error.stage {
                PrepareStage::Stopped(signal) => Err(signal),
                _ => Ok(()),
            };
            let message = format!("it does not restore: {}", redact_urls(&error.message));
            let subject = found.backup.path.clone();
            found.findings.push(Finding::error("not-restored", subject, message, error.remedy));
            ended
        }
    };
    found.findings.extend(scratch.discard().await);
    compared?;
    found.duration_ms = began.elapsed().as_secs_f64() * 1e3;
    Ok(found.judged())
}

async fn compare<B: Backend>(
    prepared: Prepared<B>,
    manifest: Option<&BackupManifest>,
    depth: CensusDepth,
    found: &mut Verification,
) {
    let Prepared { backend, auditor, backup, scratch, findings, .. } = prepared;
    found.backup = backup;
    found.findings.extend(findings);
    let reader = auditor.unwrap_or(backend);
    let version = scratch.server_version.clone();
    found.scratch = Some(scratch);
    let restored = async {
        let mut session = reader.connect().await?;
        let scope = CensusScope::default();
        let tables = session.tables(&scope, depth).await?;
        let schema = session.schema(&scope).await?;
        Ok::<_, stopover_backend::BackendError>(SourceCensus { tables, schema })
    };
    let restored = match restored.await {
        Ok(restored) => restored,
        Err(error) => {
            let message = format!("what was restored cannot be read: {error}");
            let remedy = "run the command again";
            found.findings.push(Finding::error("not-read", "the scratch", message, remedy));
            return;
        }
    };
    found.schema_to = Some(restored.schema.checksum.clone());
    match manifest {
        None => alone(found, &restored),
        Some(manifest) => with_source(found, &restored, manifest, depth, &version),
    }
}

/// Nothing to compare with: what is there is told.
fn alone(found: &mut Verification, restored: &SourceCensus) {
    let one = |it: &TableCensus| VerifiedTable {
        relation: it.relation.clone(),
        rows_from: None,
        rows_to: Some(it.rows),
        digest_equal: None,
    };
    found.tables = restored.tables.iter().map(one).collect();
}

fn with_source(
    found: &mut Verification,
    restored: &SourceCensus,
    manifest: &BackupManifest,
    depth: CensusDepth,
    version: &str,
) {
    same_file(found, manifest);
    let Some(source) = &manifest.source else {
        found.findings.push(Finding::error(
            "not-counted",
            "the manifest",
            "what the source held was not counted when the backup was made",
            "make a backup with a role that may read every table",
        ));
        return;
    };
    found.tables = tables(&source.tables, &restored.tables);
    let mut findings: Vec<Finding> = found.tables.iter().filter_map(table_finding).collect();
    let digested = |tables: &[TableCensus]| tables.iter().all(|it| it.digest.is_some());
    if depth == CensusDepth::Digests && !digested(&source.tables) {
        findings.push(Finding::error(
            "not-digested",
            "the manifest",
            "it has no digests of the source's rows to compare with",
            "make the backup with --digest, or verify without it",
        ));
    }
    found.schema_from = Some(source.schema.checksum.clone());
    if manifest.schemas.is_empty() {
        let versions = (manifest.backup.server_version.as_deref(), version);
        findings.extend(schema_findings(&source.schema, &restored.schema, versions));
    } else {
        findings.push(Finding::note(
            "schema-not-compared",
            "the schema",
            "a backup of some schemas is compared by its tables alone",
            "",
        ));
    }
    found.findings.extend(findings);
}

/// The file's bytes must be those that were written.
fn same_file(found: &mut Verification, manifest: &BackupManifest) {
    if let (Some(read), Some(written)) = (&found.backup.sha256, &manifest.backup.sha256)
        && read != written
    {
        found.findings.push(Finding::error(
            "checksum",
            found.backup.path.clone(),
            format!("its SHA-256 is {read}, and was {written} when it was written"),
            "somebody changed the file, or the disk did: take another backup",
        ));
    }
}

/// Every table of either side, sorted by name.
fn tables(source: &[TableCensus], restored: &[TableCensus]) -> Vec<VerifiedTable> {
    type Both<'a> = (Option<&'a TableCensus>, Option<&'a TableCensus>);
    let mut seen: BTreeMap<&str, Both<'_>> = BTreeMap::new();
    for table in source {
        seen.entry(&table.relation).or_default().0 = Some(table);
    }
    for table in restored {
        seen.entry(&table.relation).or_default().1 = Some(table);
    }
    let digests = |from: Option<&TableCensus>, to: Option<&TableCensus>| {
        let (from, to) = (from?.digest.as_ref()?, to?.digest.as_ref()?);
        Some(from == to)
    };
    seen.into_iter()
        .map(|(relation, (from, to))| VerifiedTable {
            relation: relation.to_owned(),
            rows_from: from.map(|it| it.rows),
            rows_to: to.map(|it| it.rows),
            digest_equal: digests(from, to),
        })
        .collect()
}

fn table_finding(table: &VerifiedTable) -> Option<Finding> {
    let (code, message) = match (table.rows_from, table.rows_to) {
        (Some(from), None) => ("table-missing", format!("it had {from} rows, and is not restored")),
        (None, Some(_)) => ("table-added", "it is restored, and was not in the source".to_owned()),
        (Some(from), Some(to)) if from != to => {
            ("rows-differ", format!("the source had {from} rows, the restored backup has {to}"))
        }
        _ if table.digest_equal == Some(false) => {
            ("digest-differs", "its rows are as many, and not the same".to_owned())
        }
        _ => return None,
    };
    let remedy = "do not rely on this backup; make another one, and see what pg_dump says";
    Some(Finding::error(code, table.relation.clone(), message, remedy))
}

/// Differences of the schema. Of another major version they may be only in how it is printed.
fn schema_findings(
    source: &Schema,
    restored: &Schema,
    (from, to): (Option<&str>, &str),
) -> Vec<Finding> {
    if source.checksum == restored.checksum {
        return Vec::new();
    }
    let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
    let other = from.is_some_and(|from| major(from) != major(to));
    let changes = source.changes(restored);
    let (disarmed, real): (Vec<_>, Vec<_>) = changes.iter().partition(|it| is_disarmed(it));
    let mut findings: Vec<Finding> = real
        .iter()
        .take(TOLD)
        .map(|change| {
            let what = match (&change.before, &change.after) {
                (Some(_), None) => "is not restored",
                (None, Some(_)) => "is restored, and was not in the source",
                _ => "is restored, and not as it was",
            };
            let subject = format!("{} {}", change.kind, change.identity);
            let message = format!("it {what}");
            let remedy = "compare them: stopover schema --diff DATABASE BACKUP";
            if other {
                Finding::warning("schema-differs", subject, message, remedy)
            } else {
                Finding::error("schema-differs", subject, message, remedy)
            }
        })
        .collect();
    if real.len() > TOLD {
        let message = format!("{} more objects are not the same", real.len() - TOLD);
        findings.push(Finding::warning("schema-differs", "the schema", message, ""));
    }
    if !disarmed.is_empty() {
        let message = format!(
            "{} objects were disarmed or left out in the scratch, and were not compared",
            disarmed.len()
        );
        findings.push(Finding::note("schema-disarmed", "the scratch", message, ""));
    }
    findings
}

fn is_disarmed(change: &SchemaChange) -> bool {
    DISARMED.iter().any(|kind| {
        change.kind == *kind
            || (change.kind == "comment" && change.identity.starts_with(&format!("{kind} ")))
    })
}

/// The proof of a backup that was just written.
pub(crate) async fn prove<P: ScratchProvider>(
    scratch: &mut P,
    manifest: &BackupManifest,
    depth: CensusDepth,
    stop: &Stop,
    sink: &mut dyn EventSink,
) -> Result<Verification, BackupError> {
    let verified = verify(scratch, Some(manifest), depth, stop, sink).await;
    verified.map_err(BackupError::Stopped)
}

/// What a proof came to.
pub(crate) struct Proven {
    green: bool,
    findings: Vec<Finding>,
}

impl Proven {
    pub(crate) fn of(verification: Verification) -> Self {
        Self { green: verification.verdict == Verdict::Green, findings: verification.findings }
    }
}

/// A backup that is not proven is kept for a look, and never taken for one.
pub(crate) fn conclude(
    slot: Slot,
    manifest: &mut BackupManifest,
    findings: &mut Vec<Finding>,
    proven: Proven,
) -> Result<Slot, BackupError> {
    manifest.backup.proven = Some(proven.green);
    if proven.green {
        findings.extend(proven.findings);
        return Ok(slot);
    }
    let path = slot.finish_unproven()?.display().to_string();
    let first = proven.findings.iter().find(|it| it.is_error());
    let first = first.map_or_else(String::new, |it| format!("{}: {}", it.subject, it.message));
    Err(BackupError::NotProven { path, first, findings: proven.findings })
}
