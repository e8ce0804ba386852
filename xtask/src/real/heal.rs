//! `cargo xtask heal`: what sqlx itself says of a ledger that Stopover has healed.
//!
//! sqlx applies migrations, two of their files change, and sqlx refuses them, as a service with
//! `sqlx::migrate!` does at its boot. Stopover heals: one edit is a matter of line ends, the other
//! is run again. sqlx must then find nothing to do and nothing wrong, and go on with the next one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};

use super::options::Heal;
use super::peer::{not_installed, sqlx_at};
use super::program::{self, Said};
use super::results::Results;
use super::server::{Rights, Server};
use super::tool::{Tool, answer};

/// Files as sqlx applies them first.
const APPLIED: [(&str, &str); 3] = [
    ("1_users.sql", "CREATE TABLE users (id integer PRIMARY KEY, email text);\n"),
    ("9_codes.sql", "CREATE TABLE IF NOT EXISTS codes (id integer PRIMARY KEY, code text);\n"),
    ("10_currency.sql", "ALTER TABLE codes ADD COLUMN currency text;\n"),
];

/// The same files after somebody was at them: line ends, and a statement more.
const EDITED: [(&str, &str); 2] = [
    ("1_users.sql", "CREATE TABLE users (id integer PRIMARY KEY, email text);\r\n"),
    (
        "9_codes.sql",
        "CREATE TABLE IF NOT EXISTS codes (id integer PRIMARY KEY, code text);\n\
         DELETE FROM codes WHERE id < 0;\n",
    ),
];

/// What comes after the heal.
const NEXT: (&str, &str) = ("11_orders.sql", "CREATE TABLE orders (id integer PRIMARY KEY);\n");

/// What lets nine be run again.
const SETTINGS: &str = "[heal]\nidempotent = [9]\n";

/// On PostgreSQL and on SQLite; 0 where sqlx has nothing to complain of, else 1.
pub(super) fn run(options: &Heal) -> anyhow::Result<ExitCode> {
    let tool = Tool::find(options.stopover.as_deref())?;
    let server = Server::start(Rights::Owner)?;
    let work = tempfile::tempdir().context("no temporary folder can be made")?;
    let mut results = Results::new(work.path());
    let database = server.database("healed")?;
    let file = work.path().join("healed.db");
    let places = [
        (format!("PostgreSQL {}", server.version()), database.url()),
        ("SQLite".to_owned(), format!("sqlite://{}?mode=rwc", file.display())),
    ];
    for (name, url) in places {
        let folder = work.path().join(name.replace([' ', '.'], "_"));
        std::fs::create_dir_all(folder.join("migrations"))?;
        let stage = Stage { options, tool: &tool, folder, url, name };
        stage.play(&mut results)?;
    }
    results.print();
    Ok(if results.all_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A database, and a folder of migrations.
struct Stage<'a> {
    options: &'a Heal,
    tool: &'a Tool,
    folder: PathBuf,
    url: String,
    name: String,
}

impl Stage<'_> {
    fn play(&self, results: &mut Results) -> anyhow::Result<()> {
        println!("\n{}", self.name);
        self.write(&APPLIED)?;
        self.sqlx("run")?.or_fail("sqlx migrate run")?;
        let info = self.sqlx("info")?;
        self.expect(results, "sqlx applied all", &info, not_installed(&info.output).is_empty());

        self.write(&EDITED)?;
        let refused = self.sqlx("run")?;
        // sqlx tells its errors on the standard output.
        let told = format!("{}{}", refused.output, refused.errors);
        let modified = told.contains("was previously applied but has been modified");
        self.expect(results, "sqlx refuses the edits", &refused, !refused.good() && modified);

        let (healed, document) = self.stopover("apply")?;
        let both = document["healed"] == json!([1, 9]);
        self.expect(results, "stopover heals both", &healed, healed.good() && both);

        let idle = self.sqlx("run")?;
        let silent = idle.output.trim().is_empty();
        self.expect(results, "sqlx has nothing to run", &idle, idle.good() && silent);
        let info = self.sqlx("info")?;
        let clean = info.good() && not_installed(&info.output).is_empty();
        self.expect(results, "sqlx finds no mismatch", &info, clean);

        self.write(&[NEXT])?;
        let next = self.sqlx("run")?;
        let applied = next.good() && next.output.starts_with("Applied 11/migrate orders");
        self.expect(results, "sqlx goes on with the next", &next, applied);
        let (status, document) = self.stopover("status")?;
        let clean = status.good() && document["drift"] == json!([]);
        self.expect(results, "stopover finds nothing wrong", &status, clean);
        Ok(())
    }

    fn write(&self, files: &[(&str, &str)]) -> anyhow::Result<()> {
        std::fs::write(self.folder.join("stopover.toml"), SETTINGS)?;
        for (name, text) in files {
            std::fs::write(self.migrations().join(name), text)?;
        }
        Ok(())
    }

    fn migrations(&self) -> PathBuf {
        self.folder.join("migrations")
    }

    fn sqlx(&self, command: &str) -> anyhow::Result<Said> {
        let said = sqlx_at(&self.options.sqlx, command, &self.migrations(), &self.url)?;
        self.tell(&self.options.sqlx, &format!("migrate {command}"), &said);
        Ok(said)
    }

    fn stopover(&self, command: &str) -> anyhow::Result<(Said, Value)> {
        let mut stopover = self.tool.command(command, &self.migrations());
        stopover.args(["--ledger", "sqlx"]).env("DATABASE_URL", &self.url);
        stopover.current_dir(&self.folder);
        if command == "status" {
            stopover.arg("--check");
        }
        let said = program::run(&mut stopover)?;
        let document = answer(said.clone())?.document;
        let healed = document["healed"].as_array().map_or(0, Vec::len);
        let drift = document["drift"].as_array().map_or(0, Vec::len);
        let output = format!("healed: {healed}, drift: {drift}");
        self.tell(Path::new("stopover"), command, &Said { output, ..said.clone() });
        Ok((said, document))
    }

    /// What was run, and what it said.
    fn tell(&self, program: &Path, command: &str, said: &Said) {
        let name = program.file_name().unwrap_or_default().display();
        println!("$ {name} {command}  → exit {}", said.code);
        for line in said.output.lines().chain(said.errors.lines()) {
            println!("    {line}");
        }
    }

    fn expect(&self, results: &mut Results, what: &str, said: &Said, good: bool) {
        let wrong = format!("exit {}\n{}{}", said.code, said.output, said.errors);
        let what = format!("{}: {what}", self.name);
        results.note(&what, "", (!good).then_some(wrong.as_str()));
    }
}
