//! Sources of migrations that show by what they leave how often each of their statements ran.
//!
//! Every statement that writes leaves a mark in a table without a unique key: a mark that is there
//! twice is a statement that ran twice.

mod pieces;
mod writing;

use std::io;
use std::path::{Path, PathBuf};

use crate::dice::Dice;

use self::writing::Writing;
pub(crate) use self::writing::{Check, Migration, Shape};

/// Which ledger, and with it which layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ledger {
    Stopover,
    Sqlx,
    Diesel,
}

impl Ledger {
    pub(crate) const ALL: [Self; 3] = [Self::Stopover, Self::Sqlx, Self::Diesel];

    /// As `--ledger` has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Stopover => "stopover",
            Self::Sqlx => "sqlx",
            Self::Diesel => "diesel",
        }
    }

    /// As `--layout` has it.
    pub(crate) const fn layout(self) -> &'static str {
        match self {
            Self::Stopover => "pairs",
            Self::Sqlx => "sqlx",
            Self::Diesel => "diesel",
        }
    }

    /// The versions that it holds, in order, as one text.
    pub(crate) const fn versions(self) -> &'static str {
        match self {
            Self::Stopover => {
                "SELECT string_agg(version::text, ' ' ORDER BY version) \
                 FROM stopover.applied_migrations"
            }
            Self::Sqlx => {
                "SELECT string_agg(version::text || CASE WHEN success THEN '' ELSE '!' END, ' ' \
                 ORDER BY version) FROM public._sqlx_migrations"
            }
            Self::Diesel => {
                "SELECT string_agg(version, ' ' ORDER BY version COLLATE \"C\") \
                 FROM public.__diesel_schema_migrations"
            }
        }
    }

    /// A migration's version, as the ledger has it.
    pub(crate) fn version(self, number: usize) -> String {
        match self {
            Self::Stopover => number.to_string(),
            Self::Sqlx | Self::Diesel => format!("20240101{number:06}"),
        }
    }

    fn files(self, migration: &Migration) -> Vec<(PathBuf, String)> {
        let Migration { number, name, shape, text, .. } = migration;
        let marked = *shape == Shape::Marked;
        let head = match self {
            Self::Stopover if marked => "-- stopover: no-transaction\n",
            Self::Sqlx if marked => "-- no-transaction\n",
            _ => "",
        };
        let file = |path: String, text: String| (PathBuf::from(path), text);
        match self {
            Self::Stopover => {
                vec![file(format!("{number:03}_{name}.up.sql"), format!("{head}{text}"))]
            }
            Self::Sqlx => {
                let version = self.version(*number);
                vec![file(format!("{version}_{name}.sql"), format!("{head}{text}"))]
            }
            Self::Diesel => {
                let folder = format!("2024-01-01-{number:06}_{name}");
                let settings = "run_in_transaction = false\n".to_owned();
                let mut files = vec![file(format!("{folder}/up.sql"), text.clone())];
                if marked || *shape == Shape::Unmarked {
                    files.push(file(format!("{folder}/metadata.toml"), settings));
                }
                files
            }
        }
    }
}

/// A source, and what must be there when all of it ran exactly once.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) ledger: Ledger,
    pub(crate) migrations: Vec<Migration>,
}

impl Source {
    /// A source by chance: a beginning, then migrations of all kinds, of which at least a few have
    /// no transaction.
    pub(crate) fn by_chance(dice: &mut Dice) -> Self {
        let ledger = dice.pick(&Ledger::ALL);
        let more = dice.between(4, 8);
        let mut migrations = vec![pieces::beginning(Writing::new(1, dice))];
        for number in 2..=more + 1 {
            migrations.push(pieces::by_chance(Writing::new(number, dice)));
        }
        Self { ledger, migrations }
    }

    /// One migration of each kind, in order.
    pub(crate) fn of_all_kinds(ledger: Ledger, dice: &mut Dice) -> Self {
        let mut migrations = vec![pieces::beginning(Writing::new(1, dice))];
        for (at, piece) in pieces::all().into_iter().enumerate() {
            migrations.push(piece(Writing::new(at + 2, dice)));
        }
        Self { ledger, migrations }
    }

    /// Writes the files into a folder.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        for migration in &self.migrations {
            for (path, text) in self.ledger.files(migration) {
                let path = folder.join(path);
                if let Some(parent) = path.parent() {
                    std::fs::create_dir_all(parent)?;
                }
                std::fs::write(path, text)?;
            }
        }
        Ok(())
    }

    /// Everything that must hold at the end.
    pub(crate) fn checks(&self) -> Vec<Check> {
        let mut checks: Vec<Check> = self.migrations.iter().flat_map(Migration::checks).collect();
        let bumps: usize = self.migrations.iter().map(|it| it.bumps).sum();
        checks.push(Check::new(
            "the counter",
            "SELECT sum(n)::text FROM public.counter",
            &bumps.to_string(),
        ));
        let versions = self.migrations.iter().map(|it| self.ledger.version(it.number));
        let versions: Vec<String> = versions.collect();
        checks.push(Check::new("the ledger", self.ledger.versions(), &versions.join(" ")));
        checks
    }

    /// Statements of all migrations, roughly: what a random moment is chosen by.
    pub(crate) fn statements(&self) -> usize {
        self.migrations.iter().map(|it| it.text.matches(";\n").count()).sum()
    }
}
