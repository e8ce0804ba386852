//! What a plan was made from: what a rehearsal and an apply must have in common.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Checksum, DatabaseKind, Facts, LedgerFacts, LedgerKind, Provenance, RowState, Version,
};

/// A plan, and the database that it was made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Grounds {
    /// The plan's hash, as `stopover plan` prints it.
    pub plan_hash: String,
    /// The ledger before the first step.
    pub ledger: LedgerState,
    /// Whose database it is.
    pub database: DatabaseKind,
    /// The version of the server that the plan is run on.
    pub server_version: String,
}

impl Grounds {
    /// Of the plan with this hash, for the database of `facts`.
    #[must_use]
    pub fn of(plan_hash: String, facts: &Facts) -> Self {
        Self {
            plan_hash,
            ledger: LedgerState::of(&facts.ledger),
            database: facts.database,
            server_version: facts.server_version.clone(),
        }
    }

    /// The server's major version: `15` of `15.18`, `9.6` of `9.6.24`.
    #[must_use]
    pub fn major(&self) -> String {
        let numbers: Vec<&str> = self
            .server_version
            .split(|it: char| !it.is_ascii_digit() && it != '.')
            .next()
            .unwrap_or_default()
            .split('.')
            .collect();
        match numbers.as_slice() {
            [first, second, ..] if first.parse::<u32>().is_ok_and(|it| it < 10) => {
                format!("{first}.{second}")
            }
            [first, ..] => (*first).to_owned(),
            [] => String::new(),
        }
    }
}

/// What a ledger says, as far as a rehearsal's result depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerState {
    /// Whose it is.
    pub kind: LedgerKind,
    /// SHA-256 over version, checksum and state of every row: equal ledgers have equal ones.
    pub hash: String,
    /// SHA-256 over versions and the microseconds at which they were applied: it tells databases
    /// apart to which the same migrations were applied, one right after the other, too. Null where the ledger keeps no times, or keeps
    /// them in the time zone of the session.
    pub history: Option<String>,
    /// The versions of its rows, ascending.
    pub applied: Vec<Version>,
}

impl LedgerState {
    /// Of a ledger as it was read.
    #[must_use]
    pub fn of(ledger: &LedgerFacts) -> Self {
        let mut rows: Vec<_> = ledger.rows.iter().collect();
        rows.sort_by(|a, b| a.version.cmp(&b.version));
        let mut state = Fields::begin("stopover ledger 1");
        let mut history = Fields::begin("stopover history 2");
        let mut known = false;
        for row in &rows {
            let version = row.version.to_string();
            state.field(&version);
            // A decimal checksum of one kind may be spelled like one of another.
            state.field(
                &row.checksum.as_ref().map_or(String::new(), |it| format!("{:?}", it.kind())),
            );
            state.field(row.checksum.as_ref().map_or("", Checksum::hex));
            match &row.state {
                RowState::Done => state.field("done"),
                RowState::Dirty(_) => state.field("dirty"),
                RowState::Baseline => state.field("baseline"),
            }
            // A row that was taken over tells when that happened, which is another time on a copy.
            if let (Some(at), Provenance::Applied) = (row.applied_at, row.provenance) {
                history.field(&version);
                history.field(&at.as_microsecond().to_string());
                known = true;
            }
        }
        let tells = known && keeps_absolute_times(ledger.kind);
        Self {
            kind: ledger.kind,
            hash: state.end(),
            history: tells.then(|| history.end()),
            applied: rows.iter().map(|it| it.version.clone()).collect(),
        }
    }
}

/// Whether the same row gives the same time in every session. goose's and Flyway's columns are
/// `timestamp`s of whatever time zone their session had, dbmate has none.
const fn keeps_absolute_times(kind: LedgerKind) -> bool {
    match kind {
        LedgerKind::Stopover | LedgerKind::Sqlx | LedgerKind::Diesel | LedgerKind::Refinery => true,
        LedgerKind::Goose | LedgerKind::Dbmate | LedgerKind::Flyway => false,
    }
}

/// Fields, each preceded by its length, so that no two lists spell the same bytes.
struct Fields(Sha256);

impl Fields {
    fn begin(what: &str) -> Self {
        let mut fields = Self(Sha256::new());
        fields.field(what);
        fields
    }

    fn field(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    fn end(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LedgerRow;

    fn row(version: i64) -> LedgerRow {
        LedgerRow {
            version: Version::Integer(version),
            name: None,
            applied_at: "2026-11-20T10:00:00.25Z".parse().ok(),
            checksum: Some(Checksum::sha256(b"CREATE TABLE t ();")),
            provenance: Provenance::Applied,
            state: RowState::Done,
        }
    }

    fn state(rows: Vec<LedgerRow>) -> LedgerState {
        of_kind(LedgerKind::Stopover, rows)
    }

    fn of_kind(kind: LedgerKind, rows: Vec<LedgerRow>) -> LedgerState {
        LedgerState::of(&LedgerFacts {
            kind,
            table: "t".to_owned(),
            exists: true,
            checksums: kind.checksums(),
            rows,
        })
    }

    #[test]
    fn any_change_of_what_is_applied_is_another_state() {
        let before = state(vec![row(1), row(2)]);
        assert_eq!(before, state(vec![row(2), row(1)]), "the order of rows is none of its own");
        let edited = LedgerRow { checksum: Some(Checksum::sha256(b"")), ..row(2) };
        let unknown = LedgerRow { checksum: None, ..row(2) };
        let dirty = LedgerRow { state: RowState::Dirty(String::new()), ..row(2) };
        let baseline = LedgerRow { state: RowState::Baseline, ..row(2) };
        for changed in [row(3), edited, unknown, dirty, baseline] {
            let shown = format!("{changed:?}");
            assert_ne!(before.hash, state(vec![row(1), changed]).hash, "{shown}");
        }
        assert_ne!(before.hash, state(vec![row(1)]).hash);
        assert_ne!(before.hash, state(vec![row(1), row(2), row(3)]).hash);
    }

    #[test]
    fn two_databases_with_the_same_migrations_are_told_apart_by_when_they_were_applied() {
        let here = state(vec![row(1), row(2)]);
        let later = LedgerRow { applied_at: "2026-11-20T10:00:01Z".parse().ok(), ..row(2) };
        let there = state(vec![row(1), later.clone()]);
        assert_eq!(here.hash, there.hash);
        assert_ne!(here.history, there.history);
        let same_second =
            LedgerRow { applied_at: "2026-11-20T10:00:00.31Z".parse().ok(), ..row(2) };
        assert_ne!(here.history, state(vec![row(1), same_second]).history, "tenants, in a loop");
        let close = LedgerRow { applied_at: "2026-11-20T10:00:00.2500004Z".parse().ok(), ..row(2) };
        assert_eq!(here.history, state(vec![row(1), close]).history, "digits that a copy may lose");
        let assumed = LedgerRow { provenance: Provenance::Assumed, ..later };
        assert_eq!(state(vec![row(1)]).history, state(vec![row(1), assumed]).history);
        assert_eq!(state(Vec::new()).history, None);
        assert_eq!(of_kind(LedgerKind::Goose, vec![row(1)]).history, None);
    }

    #[test]
    fn a_major_version_is_what_pg_upgrade_is_needed_between() {
        let major = |version: &str| {
            let ledger = state(Vec::new());
            let (plan_hash, database) = (String::new(), DatabaseKind::Postgres);
            Grounds { plan_hash, ledger, database, server_version: version.to_owned() }.major()
        };
        assert_eq!(major("15.18"), "15");
        assert_eq!(major("15.18 (Debian 15.18-0+deb12u1)"), "15");
        assert_eq!(major("18beta2"), "18");
        assert_eq!(major("9.6.24"), "9.6");
    }
}
