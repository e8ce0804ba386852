//! Whether the backup of a rehearsal was of the database that is migrated: what the ledgers tell,
//! and what the schemas tell where the ledgers do not.

use stopover_model::harness::Fact;
use stopover_model::{Apart, Finding, Grounds, LedgerState, ReceiptSeen, RehearsedSchema};

/// So many objects are named.
const NAMED: usize = 5;
/// What to do where the schemas are not the same.
const ANOTHER_SCHEMA: &str = "rehearse on a backup of this database that was made since its schema \
                              last changed; to go on all the same is a decision: apply --force --by \
                              NAME --reason TEXT";

/// What two ledgers tell of whose backup it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kinship {
    /// Another database's.
    Other,
    /// One of them keeps nothing that would tell.
    Untold,
    /// This one's.
    Same,
}

impl Kinship {
    pub(super) fn of(theirs: &LedgerState, ours: &LedgerState) -> Self {
        match (&theirs.history, &ours.history) {
            (Some(theirs), Some(ours)) if theirs == ours => Self::Same,
            (Some(_), Some(_)) => Self::Other,
            _ => Self::Untold,
        }
    }
}

/// What the schemas say, of a receipt whose ledger is the target's. Where the ledgers tell that the
/// backup was of this database, another schema is a warning: it has changed since. Where they do
/// not, it is an error, and an equal one a warning: databases of one kind look alike.
pub(super) fn bound(
    grounds: &Grounds,
    seen: &ReceiptSeen,
    target: &Fact<RehearsedSchema>,
) -> Option<Finding> {
    let kinship = Kinship::of(&seen.receipt.grounds.ledger, &grounds.ledger);
    let is_known = kinship == Kinship::Same;
    let here = match target {
        Fact::Read(here) => here,
        Fact::Unread(unread) => {
            return Some(finding(seen, unlooked(&unread.why), unread.remedy.clone()));
        }
        Fact::NotHere => return Some(finding(seen, unlooked("nobody looked"), "run it again")),
    };
    let Some(there) = &seen.receipt.schema else {
        let message = format!(
            "the receipt does not say which schema the rehearsal began on, and {}",
            why_untold(&grounds.ledger)
        );
        return (!is_known).then(|| finding(seen, message, "rehearse again, with this version"));
    };
    let apart = there.apart(here);
    match (apart.is_empty(), is_known) {
        (true, true) => None,
        (true, false) => Some(alike(&grounds.ledger, seen)),
        (false, true) => {
            let message = format!(
                "the target's schema is not the one that the rehearsal began on: {}",
                told(&apart)
            );
            let remedy = "rehearse on a backup that was made since, so that what changed is \
                          rehearsed on, too";
            Some(Finding::warning("receipt", seen.path.clone(), message, remedy))
        }
        (false, false) => {
            let message = format!(
                "the rehearsal began on another schema than the target's, and {}, so that its \
                 backup may have been another database's: {}",
                why_untold(&grounds.ledger),
                told(&apart)
            );
            Some(finding(seen, message, ANOTHER_SCHEMA))
        }
    }
}

fn finding(seen: &ReceiptSeen, message: String, remedy: impl Into<String>) -> Finding {
    Finding::error("receipt", seen.path.clone(), message, remedy)
}

fn unlooked(why: &str) -> String {
    format!(
        "the target's schema could not be compared with the one that the rehearsal began on: {why}"
    )
}

fn why_untold(ours: &LedgerState) -> String {
    if ours.applied.is_empty() {
        "the ledger has no rows yet".to_owned()
    } else {
        format!("the rows of a ledger of {} keep no times to know a database by", ours.kind)
    }
}

/// A receipt that fits, of a backup that may have been another database's with the same schema.
fn alike(ours: &LedgerState, seen: &ReceiptSeen) -> Finding {
    Finding::warning(
        "receipt",
        seen.path.clone(),
        format!(
            "it cannot be told whether the rehearsal's backup was of this database: the schema is \
             the same, {}, and every database with the same schema and the same migrations \
             applied looks alike",
            why_untold(ours)
        ),
        "see to it that the backup which is rehearsed on is this database's: keep the receipts of \
         each database in a folder of their own (`receipt` under [env.NAME] in stopover.toml)",
    )
}

/// A table's columns, constraints and indexes go with it: the table alone is named.
fn told(apart: &[Apart]) -> String {
    let tables: Vec<&str> = apart.iter().filter_map(whole_table).collect();
    let is_part = |it: &&Apart| {
        let name = name(it);
        let of = |table: &&str| name.rsplit_once('.').is_some_and(|(owner, _)| owner == *table);
        name_of_kind(it) != "table" && tables.iter().any(of)
    };
    let mut names: Vec<String> = apart.iter().filter(|it| !is_part(it)).map(shown).collect();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    names.join(", ")
}

fn shown(it: &Apart) -> String {
    match it {
        Apart::OnlyHere(object) => format!("{object} (only in the target)"),
        Apart::OnlyThere(object) => format!("{object} (only in the backup)"),
        Apart::Changed(object) => format!("{object} (another one)"),
    }
}

fn object(it: &Apart) -> &str {
    match it {
        Apart::OnlyHere(object) | Apart::OnlyThere(object) | Apart::Changed(object) => object,
    }
}

/// `column` of `column public.orders.id`.
fn name_of_kind(it: &Apart) -> &str {
    object(it).split_once(' ').map_or("", |it| it.0)
}

/// `public.orders.id` of `column public.orders.id`.
fn name(it: &Apart) -> &str {
    object(it).split_once(' ').map_or("", |it| it.1)
}

/// The name of a table that only one of the two has.
fn whole_table(it: &Apart) -> Option<&str> {
    let is_whole = !matches!(it, Apart::Changed(_)) && name_of_kind(it) == "table";
    is_whole.then(|| name(it))
}
