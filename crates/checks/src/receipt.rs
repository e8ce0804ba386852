//! Whether a rehearsal's receipt lets an apply begin, and whether the apply took as long as it said.
//!
//! One receipt is looked at: the one that comes nearest, and of those the newest. So a red rehearsal
//! takes the place of a green one of the same plan, and a refusal says what kept the best receipt
//! from fitting, everything at once.

mod kinship;

use std::cmp::Reverse;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use stopover_model::harness::Fact;
use stopover_model::report::{TimedMigration, Verdict};
use stopover_model::{
    Finding, Grounds, LedgerState, Plan, Receipt, ReceiptSeen, ReceiptsRead, RehearsedMigration,
    RehearsedSchema, Requirement, SignatureNeed, SignatureSeen, Step, Version, detail_list,
};

use kinship::{Kinship, bound};

/// How far the clock of the host that rehearsed may be ahead of ours.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(5);
/// A list of differences is no longer than this.
const TOLD: usize = 5;

/// What is about to be applied, and what is asked of its rehearsal.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What it was made from.
    pub grounds: &'a Grounds,
    /// The target's schema.
    pub schema: &'a Fact<RehearsedSchema>,
    /// What is required.
    pub requirement: &'a Requirement,
    /// Whether only signed receipts count.
    pub signatures: SignatureNeed,
    /// The time.
    pub now: Timestamp,
}

/// Everything that keeps the receipts from letting this plan through; no error where one does.
/// A plan without steps needs none.
#[must_use]
pub fn receipt(asked: &Asked<'_>, read: &ReceiptsRead) -> Vec<Finding> {
    if asked.plan.steps.is_empty() {
        return Vec::new();
    }
    let nearest = nearest(asked.grounds, asked.signatures, read);
    let mut findings = nearest.map_or_else(|| vec![none(read)], |seen| misfits(asked, seen));
    let is_of_its_ledger = |it: &&ReceiptSeen| ledger(asked.grounds, &it.receipt).is_none();
    let bound = nearest
        .filter(is_of_its_ledger)
        .and_then(|seen| bound(asked.grounds, seen, asked.schema))
        .filter(|it| it.is_error() || findings.is_empty());
    findings.extend(bound);
    let refuses = findings.iter().any(Finding::is_error);
    findings.extend(read.unreadable.iter().map(|it| {
        let message = format!("{} cannot be read as a receipt: {}", it.path, it.why);
        let remedy = "remove the file, or rehearse again";
        let finding = if refuses { Finding::error } else { Finding::warning };
        finding("receipt", it.path.clone(), message, remedy)
    }));
    findings
}

/// The receipt that tells how long this plan was to take: of a green rehearsal of the same plan.
#[must_use]
pub fn prediction<'a>(
    grounds: &Grounds,
    signatures: SignatureNeed,
    read: &'a ReceiptsRead,
) -> Option<&'a ReceiptSeen> {
    let seen = nearest(grounds, signatures, read)?;
    let is_of_it = seen.receipt.grounds.plan_hash == grounds.plan_hash
        && seen.receipt.verdict == Verdict::Green
        && is_believed(seen, signatures);
    is_of_it.then_some(seen)
}

/// Migrations that took more than three times as long as in the rehearsal, and over a second more.
#[must_use]
pub fn slower(migrations: &[TimedMigration]) -> Vec<Finding> {
    let finding = |it: &TimedMigration| {
        let (took, predicted) = (it.duration_ms?, it.predicted_ms?);
        if took <= 3.0 * predicted || took <= predicted + 1_000.0 {
            return None;
        }
        let (version, took, predicted) = (&it.version, seconds(took), seconds(predicted));
        Some(Finding::warning(
            "slower-than-rehearsed",
            version.to_string(),
            format!("migration {version} took {took}; {predicted} in the rehearsal"),
            "waiting for locks, other load, and slower disks are the usual reasons; \
             `rehearse --fsync` writes as durably as production does",
        ))
    };
    migrations.iter().filter_map(finding).collect()
}

fn seconds(ms: f64) -> String {
    format!("{:.1} s", ms / 1e3)
}

fn none(read: &ReceiptsRead) -> Finding {
    let place = match read.place.as_str() {
        "" => "there is no receipt".to_owned(),
        place => format!("there is no receipt in {place}"),
    };
    Finding::error(
        "receipt",
        "the plan",
        format!("a rehearsal is required (require_rehearsal), and {place}"),
        "rehearse on a backup of this database: `stopover rehearse --backup FILE`; where that was \
         done elsewhere, bring its receipt here and name it: --receipt FILE",
    )
}

/// The receipt that has most in common with what is asked, then the newest.
fn nearest<'a>(
    grounds: &Grounds,
    signatures: SignatureNeed,
    read: &'a ReceiptsRead,
) -> Option<&'a ReceiptSeen> {
    read.seen.iter().max_by_key(|it| {
        let theirs = &it.receipt.grounds;
        (
            is_believed(it, signatures),
            theirs.plan_hash == grounds.plan_hash,
            theirs.ledger.hash == grounds.ledger.hash,
            Kinship::of(&theirs.ledger, &grounds.ledger),
            it.receipt.rehearsed_at,
            // Of two that are equal, always the same one.
            Reverse(&it.path),
        )
    })
}

fn is_believed(seen: &ReceiptSeen, signatures: SignatureNeed) -> bool {
    match signatures {
        SignatureNeed::None => !matches!(seen.signature, SignatureSeen::Bad(_)),
        SignatureNeed::Good => seen.signature == SignatureSeen::Good,
    }
}

/// Everything that does not fit.
fn misfits(asked: &Asked<'_>, seen: &ReceiptSeen) -> Vec<Finding> {
    let receipt = &seen.receipt;
    let when =
        format!("the rehearsal of {}", receipt.rehearsed_at.strftime("%Y-%m-%d %H:%M:%S UTC"));
    let problems = [
        signature(seen, asked.signatures),
        plan(asked, receipt),
        ledger(asked.grounds, receipt),
        server(asked.grounds, receipt),
        verdict(receipt),
        age(asked, receipt),
        backup_age(asked.requirement, receipt),
    ];
    let finding = |problem: Problem| {
        let message = format!("{when} {}", problem.message);
        Finding::error("receipt", seen.path.clone(), message, problem.remedy)
    };
    problems.into_iter().flatten().map(finding).collect()
}

/// What does not fit, as it goes on after "the rehearsal of …".
struct Problem {
    message: String,
    remedy: &'static str,
}

impl Problem {
    fn new(message: impl Into<String>, remedy: &'static str) -> Self {
        Self { message: message.into(), remedy }
    }
}

fn signature(seen: &ReceiptSeen, need: SignatureNeed) -> Option<Problem> {
    match &seen.signature {
        SignatureSeen::Bad(why) => Some(Problem::new(
            format!("has a receipt that is not to be believed: {why}"),
            "rehearse again where the key is; find out who wrote this file",
        )),
        SignatureSeen::Missing | SignatureSeen::NotVerified if need == SignatureNeed::Good => {
            Some(Problem::new(
                "has a receipt without a signature, and receipt_public_key asks for one",
                "rehearse where the signing key is set: receipt_key, or STOPOVER_RECEIPT_KEY",
            ))
        }
        _ => None,
    }
}

fn plan(asked: &Asked<'_>, receipt: &Receipt) -> Option<Problem> {
    (receipt.grounds.plan_hash != asked.grounds.plan_hash).then(|| {
        Problem::new(
            format!("was of another plan: {}", differences(asked.plan, receipt)),
            "rehearse what is to be applied: the same files, --steps and --target",
        )
    })
}

fn differences(plan: &Plan, receipt: &Receipt) -> String {
    let rehearsed = |step: &Step| receipt.migrations.iter().find(|it| it.version == step.version);
    let mut told: Vec<String> = Vec::new();
    for step in &plan.steps {
        let version = &step.version;
        match rehearsed(step) {
            None => told.push(format!("migration {version} was not rehearsed")),
            Some(it) => told.extend(difference(step, it)),
        }
    }
    let is_planned = |it: &&RehearsedMigration| plan.steps.iter().any(|s| s.version == it.version);
    let absent = receipt.migrations.iter().filter(|it| !is_planned(it));
    told.extend(absent.map(|it| format!("migration {} is not in this plan", it.version)));
    if told.is_empty() {
        let theirs = receipt.migrations.iter().map(|it| &it.version);
        return if plan.steps.iter().map(|it| &it.version).eq(theirs) {
            "what is healed before them, a timeout, or where an interrupted one goes on has changed"
                .to_owned()
        } else {
            "the migrations come in another order".to_owned()
        };
    }
    let more = told.len().saturating_sub(TOLD);
    told.truncate(TOLD);
    let told = told.join("; ");
    if more == 0 { told } else { format!("{told}; and {more} more differences") }
}

fn difference(step: &Step, rehearsed: &RehearsedMigration) -> Option<String> {
    let version = &step.version;
    if rehearsed.sha256 != step.sha256.hex() {
        return Some(format!(
            "migration {version} was edited since, or other values are put into it"
        ));
    }
    if rehearsed.name != step.name {
        return Some(format!("migration {version} was called {} then", rehearsed.name));
    }
    if rehearsed.transactional != step.boundary.is_transactional() {
        let was = if rehearsed.transactional { "one transaction" } else { "no transaction" };
        return Some(format!("migration {version} was {was} then"));
    }
    None
}

fn ledger(grounds: &Grounds, receipt: &Receipt) -> Option<Problem> {
    let (theirs, ours) = (&receipt.grounds.ledger, &grounds.ledger);
    if theirs.hash != ours.hash {
        return Some(Problem::new(
            format!("was on a backup with another ledger than the target's: {}", gap(theirs, ours)),
            "rehearse on a backup that was made after the last change of the ledger",
        ));
    }
    (Kinship::of(theirs, ours) == Kinship::Other).then(|| {
        Problem::new(
            "was on a backup of another database: the same migrations were applied there at other \
             times",
            "rehearse on a backup of this database",
        )
    })
}

/// Which versions only one of the two has.
fn gap(theirs: &LedgerState, ours: &LedgerState) -> String {
    let only = |these: &LedgerState, those: &LedgerState| {
        let missing = |it: &&Version| those.applied.binary_search(it).is_err();
        let mut names: Vec<String> =
            these.applied.iter().filter(missing).map(ToString::to_string).collect();
        let more = names.len().saturating_sub(TOLD);
        names.truncate(TOLD);
        if more > 0 {
            names.push(format!("{more} more"));
        }
        detail_list(&names)
    };
    let (here, there) = (only(ours, theirs), only(theirs, ours));
    let parts: Vec<String> =
        [("applied here and not there", here), ("applied there and not here", there)]
            .into_iter()
            .filter(|(_, versions)| !versions.is_empty())
            .map(|(what, versions)| format!("{what}: {versions}"))
            .collect();
    if parts.is_empty() {
        return "the same versions, with another checksum or state".to_owned();
    }
    parts.join("; ")
}

fn server(grounds: &Grounds, receipt: &Receipt) -> Option<Problem> {
    let theirs = &receipt.grounds;
    if theirs.database != grounds.database {
        let message = format!("was on {}, and the target is {}", theirs.database, grounds.database);
        return Some(Problem::new(message, "rehearse on a backup of this database"));
    }
    let (there, here) = (theirs.major(), grounds.major());
    (there != here || here.is_empty()).then(|| {
        let shown = |major: &str| match major {
            "" => format!("{} of an unknown version", grounds.database),
            major => format!("{} {major}", grounds.database),
        };
        Problem::new(
            format!("ran on {}, and the target has {}", shown(&there), shown(&here)),
            "rehearse with the programs of the target's version: install them, or name their \
             folder with --pg-bin",
        )
    })
}

fn verdict(receipt: &Receipt) -> Option<Problem> {
    (receipt.verdict != Verdict::Green).then(|| {
        Problem::new(
            format!("was red: {}", receipt.detail),
            "settle what the rehearsal found, and rehearse again",
        )
    })
}

fn age(asked: &Asked<'_>, receipt: &Receipt) -> Option<Problem> {
    let age = asked.now.duration_since(receipt.rehearsed_at);
    if age < -CLOCKS_APART {
        let ahead = span(age.unsigned_abs());
        return Some(Problem::new(
            format!("lies {ahead} in the future"),
            "set the clocks of both hosts, and rehearse again",
        ));
    }
    let (age, limit) = (age.max(SignedDuration::ZERO).unsigned_abs(), asked.requirement.max_age);
    (age > limit).then(|| {
        let (age, limit) = (span(age), span(limit));
        Problem::new(
            format!("is {age} old; at most {limit} is allowed (require_rehearsal)"),
            "rehearse again, on a backup of today",
        )
    })
}

fn backup_age(requirement: &Requirement, receipt: &Receipt) -> Option<Problem> {
    let limit = requirement.backup_max_age?;
    let remedy = "rehearse on a newer backup";
    let Some(ms) = receipt.backup.age_ms else {
        return Some(Problem::new(
            "was on a backup of an unknown age, and max_age limits it",
            remedy,
        ));
    };
    let age = Duration::from_millis(ms);
    (age > limit).then(|| {
        let (age, limit) = (span(age), span(limit));
        Problem::new(
            format!(
                "was on a backup that was {age} old then; at most {limit} is allowed (max_age)"
            ),
            remedy,
        )
    })
}

/// A time as people say it: two units at most, never rounded up.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    let two = |large: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {unit}"),
        small => format!("{large} {unit} {small} {small_unit}"),
    };
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..=59 => format!("{seconds} s"),
        60..=3_599 => two(minutes, "min", seconds % 60, "s"),
        _ => two(hours, "h", minutes % 60, "min"),
    }
}

#[cfg(test)]
mod tests;
