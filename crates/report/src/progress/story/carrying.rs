//! A carry: its phases, and how far its data is.

use std::time::Instant;

use stopover_model::CarryPhase;

use crate::{text, units};

use super::super::wording::Line;
use super::{State, Story};

/// How the gauge's text begins while data is copied.
const COPYING: &str = "copying";

impl Story {
    pub(super) fn carrying(&mut self, phase: &CarryPhase, now: Instant) -> Vec<Line> {
        let doing = match phase {
            CarryPhase::Looking => "looking at source and target".to_owned(),
            CarryPhase::Defining => "reading the definitions".to_owned(),
            CarryPhase::Copying => format!("{COPYING} tables and building indexes"),
            CarryPhase::Retrying { pass, failed } => {
                format!("pass {pass}: {} that failed, again", text::plural(*failed, "statement"))
            }
            CarryPhase::Comparing => "comparing source and target".to_owned(),
            CarryPhase::Dropping => "dropping the half-copied schemas".to_owned(),
            CarryPhase::Calling => "telling the outcome to the callback".to_owned(),
        };
        if matches!(&self.state, State::Busy(known, _) if *known == doing) {
            return Vec::new();
        }
        let line = self.wording.phase(&doing);
        self.busy(&doing, now);
        vec![line]
    }

    /// So many tables, and bytes.
    pub(super) fn carried(&mut self, tables: (usize, usize), bytes: (u64, u64)) {
        let State::Busy(doing, since) = &self.state else { return };
        if !doing.starts_with(COPYING) {
            // A straggler: something else is done already.
            return;
        }
        let (done, of) = tables;
        let of = text::plural(of, "table");
        // How large it is on disk says only about how much there is to send.
        let (sent, about) = (units::bytes(bytes.0), units::bytes(bytes.1.max(bytes.0)));
        self.state =
            State::Busy(format!("{COPYING}: {done} of {of}, {sent} of about {about}"), *since);
    }
}
