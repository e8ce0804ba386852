//! The same migrations as files of each tool.

use std::fs;
use std::path::Path;

use anyhow::Context;

/// How many migrations share a table, where they are many.
pub(super) const PER_TABLE: usize = 25;

/// How a tool wants its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    Sqlx,
    Diesel,
    Dbmate,
    Refinery,
    SqlMigrate,
}

impl Form {
    /// What Stopover calls the layout; `None` where it does not read it.
    pub(super) const fn layout(self) -> Option<&'static str> {
        match self {
            Self::Sqlx => Some("sqlx"),
            Self::Diesel => Some("diesel"),
            Self::Dbmate => Some("dbmate"),
            Self::Refinery => Some("refinery"),
            Self::SqlMigrate => None,
        }
    }

    /// The tool's ledger, as a query may name it.
    pub(super) const fn ledger(self) -> &'static str {
        match self {
            Self::Sqlx => "_sqlx_migrations",
            Self::Diesel => "__diesel_schema_migrations",
            Self::Dbmate => "schema_migrations",
            Self::Refinery => "refinery_schema_history",
            Self::SqlMigrate => "gorp_migrations",
        }
    }

    /// Writes the scripts, the first as version 1.
    pub(super) fn write(self, folder: &Path, scripts: &[String]) -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        for (at, script) in scripts.iter().enumerate() {
            self.write_one(folder, at + 1, script).context("a migration cannot be written")?;
        }
        Ok(())
    }

    fn write_one(self, folder: &Path, version: usize, script: &str) -> std::io::Result<()> {
        let file = |name: String, text: &str| fs::write(folder.join(name), text);
        match self {
            Self::Sqlx => file(format!("{version:05}_step.sql"), script),
            Self::Refinery => file(format!("V{version}__step.sql"), script),
            Self::Dbmate => {
                let text = format!("-- migrate:up\n{script}\n-- migrate:down\n");
                file(format!("{version:05}_step.sql"), &text)
            }
            Self::SqlMigrate => {
                let text = format!("-- +migrate Up\n{script}\n-- +migrate Down\n");
                file(format!("{version:05}_step.sql"), &text)
            }
            Self::Diesel => {
                let folder = folder.join(format!("{version:05}_step"));
                fs::create_dir(&folder)?;
                fs::write(folder.join("up.sql"), script)
            }
        }
    }
}

/// Small migrations, each a table with a primary key.
pub(super) fn tables(count: usize) -> Vec<String> {
    let script = |at| {
        format!(
            "CREATE TABLE small_{at} (id bigint PRIMARY KEY, name text NOT NULL, made_at timestamptz);\n"
        )
    };
    (1..=count).map(script).collect()
}

/// A long history, as projects have it: a table, and then columns of it.
pub(super) fn history(count: usize) -> Vec<String> {
    let script = |at: usize| {
        let (table, column) = (at / PER_TABLE, at % PER_TABLE);
        if column == 0 {
            format!("CREATE TABLE long_{table} (id bigint PRIMARY KEY, name text NOT NULL);\n")
        } else {
            format!("-- Step {at}.\nALTER TABLE long_{table} ADD COLUMN c{column} integer;\n")
        }
    };
    (0..count).map(script).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_makes_each_table_before_its_columns() {
        let scripts = history(60);
        assert!(scripts[25].starts_with("CREATE TABLE long_1 "));
        assert!(scripts[26].contains("ALTER TABLE long_1 ADD COLUMN c1 "));
    }

    #[test]
    fn each_form_writes_a_file_for_each_script() {
        for form in [Form::Sqlx, Form::Diesel, Form::Dbmate, Form::Refinery, Form::SqlMigrate] {
            let folder = tempfile::tempdir().unwrap();
            form.write(folder.path(), &tables(3)).unwrap();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "{form:?}");
        }
    }
}
