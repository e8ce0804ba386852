//! Rehearsals on a base.

use anyhow::ensure;

use super::ours::{Keeping, Origin};
use super::{Bench, Place};
use crate::bench::figures::{Series, Table, Unit};

/// They are cheap: this many for each of the others.
const OFTENER: usize = 4;

impl Bench<'_> {
    pub(super) fn warm(&self) -> anyhow::Result<Table> {
        let mut series = self.warm_at(&self.usual, "copied", Origin::Copy)?.to_vec();
        if let Some(clones) = &self.clones {
            series.extend(self.warm_at(clones, "cloned", Origin::Clone)?);
        }
        Ok(Table {
            title: "Warm: a base there".to_owned(),
            how: format!(
                "The same rehearsal when it is not the first, from the program's start to its \
                 report, less what the five migrations took: the database of {} MB is made from the base \
                 by copying its files, and by cloning them where the file system can. The census counts \
                 every row before and after.",
                self.dumps.megabytes
            ),
            series,
            reference: None,
            unit: Unit::Milliseconds,
        })
    }

    /// With the census and without.
    fn warm_at(&self, place: &Place, name: &str, expected: Origin) -> anyhow::Result<[Series; 2]> {
        let name = format!("the base is {name}");
        let mut without =
            Series { name: format!("{name}, without the census"), ..Series::default() };
        let mut series = Series { name, ..Series::default() };
        // The first makes the base, unless it is there; the second measures how to copy it.
        for run in 0..2 + self.options.runs * OFTENER {
            let rehearsed = self.rehearse(place, Keeping::Always)?;
            if run < 2 {
                continue;
            }
            let origin = rehearsed.report.origin;
            ensure!(origin == expected, "{origin:?} instead of {expected:?}");
            let took = rehearsed.usage.told.saturating_sub(rehearsed.report.migrations);
            series.runs.push(took);
            without.runs.push(took.saturating_sub(rehearsed.report.census));
            series.processor.push(rehearsed.usage.processor);
            series.peak = series.peak.max(Some(rehearsed.usage.peak));
        }
        eprintln!("warm, {}: {:.1?}", series.name, series.runs);
        Ok([series, without])
    }
}
