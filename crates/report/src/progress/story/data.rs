//! What moves the whole database, and takes long: backups, fetching and restoring them.

use std::time::Instant;

use stopover_model::RestorePhase;

use crate::units;

use super::super::wording::Line;
use super::{Restoring, State, Story};

impl Story {
    pub(super) fn phase(&mut self, phase: &RestorePhase, now: Instant) -> Vec<Line> {
        let doing = match phase {
            RestorePhase::Fetching(what) => {
                format!("fetching the backup: {}", crate::text::tame_line(what))
            }
            RestorePhase::Starting(what) => format!("starting {}", crate::text::tame_line(what)),
            RestorePhase::Restoring => "restoring the backup".to_owned(),
            RestorePhase::Indexing => "building indexes and checking constraints".to_owned(),
            RestorePhase::Analyzing => "gathering statistics".to_owned(),
            RestorePhase::AwaitingBase => {
                "waiting for another rehearsal that restores this backup".to_owned()
            }
            RestorePhase::CopyingBase(what) => format!("copying {}", crate::text::tame_line(what)),
            RestorePhase::KeepingBase => "keeping a base for the next rehearsal".to_owned(),
            RestorePhase::Command(what) => format!("running {}", crate::text::tame_line(what)),
            RestorePhase::Booting(what) => format!("booting {}", crate::text::tame_line(what)),
        };
        let known = match &self.state {
            State::Busy(known, _) => *known == doing,
            State::Restoring(_) => *phase == RestorePhase::Restoring,
            _ => false,
        };
        if known {
            return Vec::new();
        }
        let line = self.wording.phase(&doing);
        self.busy(&doing, now);
        vec![line]
    }

    pub(super) fn fetched(&mut self, bytes: u64, of: Option<u64>, now: Instant) {
        let since = match &self.state {
            State::Busy(doing, since) if doing.starts_with("fetching ") => *since,
            State::Idle => now,
            // A straggler: something else is done already.
            _ => return,
        };
        let of = of.map_or_else(String::new, |of| format!(" of {}", units::bytes(of)));
        let doing = format!("fetching the backup: {}{of}", units::bytes(bytes));
        self.state = State::Busy(doing, since);
    }

    pub(super) fn backed_up(&mut self, bytes: u64, content: u64) {
        let State::Busy(doing, since) = &self.state else { return };
        let what = doing.split(": ").next().unwrap_or_default();
        if !what.starts_with("backing up ") {
            return;
        }
        let (bytes, content) = (units::bytes(bytes), units::bytes(content));
        self.state = State::Busy(format!("{what}: {bytes} written of {content} read"), *since);
    }

    pub(super) fn restored(
        &mut self,
        bytes: u64,
        of: Option<u64>,
        table: Option<&str>,
        rows: u64,
        now: Instant,
    ) {
        let (since, before) = match &self.state {
            // A straggler behind the end of the restore.
            State::Restored | State::Migrating => return,
            State::Restoring(it) => (it.since, Some((it.bytes, it.rows))),
            State::Busy(_, since) => (*since, None),
            State::Idle => (now, None),
        };
        let (least_bytes, least_rows) = before.unwrap_or_default();
        self.state = State::Restoring(Restoring {
            bytes: bytes.max(least_bytes),
            of,
            table: table.map(crate::text::tame_line),
            rows: rows.max(least_rows),
            since,
        });
    }
}
