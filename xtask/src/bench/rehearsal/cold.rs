//! Restore and rehearse, beside what everybody does by hand.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use super::Bench;
use super::database::must_be_whole;
use super::ours::{Keeping, Origin, Rehearsed};
use crate::bench::figures::{Series, Table, Unit};
use crate::bench::measure;

/// What is restored into by a peer.
const DATABASE: &str = "cold";

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Ours, without a base.
    Ours,
    /// Ours, which keeps a base for the next time.
    Keeping,
    Psql,
    PgRestore,
}

impl Way {
    const ALL: [Self; 4] = [Self::Ours, Self::Keeping, Self::Psql, Self::PgRestore];

    const fn name(self) -> &'static str {
        match self {
            Self::Ours => "**Stopover**",
            Self::Keeping => "**Stopover**, which keeps a base",
            Self::Psql => "`gunzip -c \\| psql`",
            Self::PgRestore => "`pg_restore -j2`, of `-Fc`",
        }
    }

    /// The shell's words: `$1` is the dump.
    const fn script(self) -> &'static str {
        match self {
            Self::PgRestore => {
                "pg_restore -j2 --no-owner --exit-on-error -d \"$PGDATABASE\" \"$1\" \
                 && psql -X -q -c ANALYZE"
            }
            _ => {
                "gunzip -c \"$1\" | psql -X -q -v ON_ERROR_STOP=1 -o /dev/null \
                 && psql -X -q -c ANALYZE"
            }
        }
    }
}

/// What one way took.
struct Took {
    restore: Duration,
    all: Duration,
    processor: Duration,
    peak: Option<u64>,
}

impl Bench<'_> {
    /// Two tables: the whole, and the restore alone.
    pub(super) fn cold(&self) -> anyhow::Result<[Table; 2]> {
        let series =
            || Way::ALL.map(|it| Series { name: it.name().to_owned(), ..Series::default() });
        let (mut whole, mut restore) = (series(), series());
        for turn in 0..self.options.runs {
            for at in (0..Way::ALL.len()).map(|at| (at + turn) % Way::ALL.len()) {
                let way = Way::ALL[at];
                let took = self.once(way).with_context(|| way.name())?;
                eprintln!("turn {}: {}: {:.1?}", turn + 1, way.name(), took.all);
                restore[at].runs.push(took.restore);
                whole[at].runs.push(took.all);
                whole[at].processor.push(took.processor);
                whole[at].peak = whole[at].peak.max(took.peak);
            }
        }
        let reference = Way::ALL.iter().position(|it| *it == Way::Psql);
        let table = |title: &str, how: String, series: [Series; 4]| Table {
            title: title.to_owned(),
            how,
            series: series.to_vec(),
            reference,
            unit: Unit::Seconds,
        };
        let how = format!(
            "A plain `.sql.gz` of a database of {} MB ({} MB compressed), restored, analysed, and \
             five migrations run on it: by `stopover rehearse`, which starts a server of its own, \
             until its report is there, and by the others, with ANALYZE and then {}, on a server that \
             runs already and is as it is out of the box. Processor: the server's time is in it.",
            self.dumps.megabytes,
            fs::metadata(&self.dumps.plain)?.len() >> 20,
            self.migrator_name(),
        );
        let restored = "The same runs, without the migrations.".to_owned();
        Ok([
            table("Cold: no base there", how, whole),
            table("Of it the restore", restored, restore),
        ])
    }

    fn once(&self, way: Way) -> anyhow::Result<Took> {
        match way {
            Way::Ours => self.ours_once(Keeping::Never),
            Way::Keeping => {
                self.forget_bases()?;
                self.ours_once(Keeping::Always)
            }
            Way::Psql | Way::PgRestore => self.by_hand(way),
        }
    }

    fn ours_once(&self, keeping: Keeping) -> anyhow::Result<Took> {
        let Rehearsed { usage, report } = self.rehearse(&self.usual, keeping)?;
        anyhow::ensure!(report.origin == Origin::Backup, "a base was used");
        let peak = Some(usage.peak);
        let (all, processor) = (usage.told, usage.processor);
        Ok(Took { restore: report.restore, all, processor, peak })
    }

    fn by_hand(&self, way: Way) -> anyhow::Result<Took> {
        self.server.create(DATABASE, None)?;
        self.server.admin("CHECKPOINT")?;
        let before = self.server.processor()?;
        let mut shell = Command::new("sh");
        let dump = if way == Way::PgRestore { &self.dumps.archive } else { &self.dumps.plain };
        shell.args(["-c", way.script(), "sh"]).arg(dump);
        shell.envs(self.server.role_environment(DATABASE));
        let restored = measure::usage(&shell, self.work)?;
        let migrated = measure::usage(&self.migrator(DATABASE)?, self.work)?;
        let after = self.server.processor()?;
        must_be_whole(self.server, DATABASE)?;
        self.server.drop(DATABASE)?;
        self.server.admin("CHECKPOINT")?;
        Ok(Took {
            restore: restored.took,
            all: restored.took + migrated.took,
            processor: restored.processor + migrated.processor + after.saturating_sub(before),
            peak: None,
        })
    }
}
