//! Rehearsals from an older state with data, on every form of backup.

use serde_json::{Value, json};

use super::backups::{self, Backup};
use super::older;
use super::options::{Options, Peer};
use super::results::{Results, Side};
use super::server::{Server, Whole};
use super::tool::{Answer, Tool};
use super::truth::{self, Ending};
use super::ways::Newest;

/// How many older states are tried until the made-up data breaks no migration.
const ROUNDS: usize = 12;

/// What every round needs.
pub(super) struct Stage<'a> {
    pub(super) options: &'a Options,
    pub(super) server: &'a Server,
    pub(super) tool: &'a Tool,
    pub(super) newest: &'a Newest,
}

/// Rehearses from the older state; where the made-up data rightly breaks a migration, once more
/// from the state behind it, until one is green.
pub(super) fn compare(stage: &Stage<'_>, results: &mut Results) -> anyhow::Result<()> {
    let total = stage.newest.total;
    let mut first = stage.options.older.of(total);
    for _ in 0..ROUNDS {
        if first == 0 || first >= total {
            break;
        }
        match stage.round(first, results)? {
            None | Some(Ending::Green) => return Ok(()),
            Some(Ending::RightlyRed { applied }) => first += applied + 1,
        }
    }
    let wrong = "no older state was found from which all that is left is green: try --older N";
    results.note("a green rehearsal", "", Some(wrong));
    Ok(())
}

impl Stage<'_> {
    /// One older state: filled, backed up, rehearsed, and then the real thing. Nothing when
    /// something was wrong.
    fn round(&self, first: usize, results: &mut Results) -> anyhow::Result<Option<Ending>> {
        let older = self.server.database(&format!("older_{first}"))?;
        if !older::reach(self, &older, first, results)? {
            return Ok(None);
        }
        let folder = tempfile::tempdir()?;
        let backups = backups::make(&older, folder.path())?;
        if let Some(complaint) = self.psql_complaint(first, &backups)? {
            return self.cannot_restore(&backups, &complaint, results);
        }
        let mut told: Option<(&str, Answer)> = None;
        for backup in backups {
            let answer = self.rehearse(&backup, self.newest.total - first, results)?;
            match &told {
                None => {
                    if answer.document["verdict"] == "green" {
                        self.by_sqlx(&backup, &answer, results)?;
                    }
                    told = Some((backup.form, answer));
                }
                Some((form, known)) => same_told((form, known), (backup.form, &answer), results)?,
            }
        }
        match told {
            Some((_, rehearsed)) => truth::follow(self, &older, &rehearsed, results),
            None => Ok(None),
        }
    }

    /// The same rehearsal, with the migrations run by sqlx: over the socket, and over TCP.
    fn by_sqlx(&self, backup: &Backup, ours: &Answer, results: &mut Results) -> anyhow::Result<()> {
        let Peer::Sqlx(sqlx) = &self.options.peer else { return Ok(()) };
        let command = format!(
            "'{}' migrate run --source '{}'",
            sqlx.display(),
            self.options.migrations.display()
        );
        let path = backup.path.to_string_lossy();
        for (name, way) in [("a socket", None), ("TCP", Some("--scratch-tcp"))] {
            let mut more = vec!["--backup", &path, "--no-report", "--command", &command];
            more.extend(way);
            let answer = self.tool.ask("rehearse", self.options, None, &more)?;
            let ms = answer.document["command"]["duration_ms"].as_f64().unwrap_or(0.0);
            let green = answer.said.good() && answer.document["verdict"] == "green";
            let wrong = (!green).then(|| answer.complaint());
            let what = format!("rehearsal by sqlx over {name}");
            results.note(&what, format!("{ms:.0} ms"), wrong.as_deref());
            let left = |it: &Answer| {
                let document = &it.document;
                serde_json::to_string_pretty(&json!({
                    "schema": document["schema"],
                    "tables": rows(document),
                }))
            };
            let (text, other) = (left(ours)?, left(&answer)?);
            let sides =
                [Side { name: "by Stopover", text: &text }, Side { name: "by sqlx", text: &other }];
            results.same(&format!("{what}, as by Stopover"), String::new(), &sides)?;
        }
        Ok(())
    }

    /// What psql says against the plain backup, if anything: some schemas make dumps that nothing
    /// can restore.
    fn psql_complaint(&self, first: usize, all: &[Backup]) -> anyhow::Result<Option<String>> {
        let Some(plain) = all.iter().find(|backup| backup.form == ".sql") else { return Ok(None) };
        let restored = self.server.database(&format!("restored_{first}"))?;
        let said = restored.run_file(&plain.path, None, Whole::EachAlone)?;
        Ok((!said.good()).then_some(said.errors))
    }

    /// A backup that psql cannot restore must not be green with us.
    fn cannot_restore(
        &self,
        backups: &[Backup],
        complaint: &str,
        results: &mut Results,
    ) -> anyhow::Result<Option<Ending>> {
        println!("psql cannot restore this state's dump: {}", complaint.trim());
        for backup in backups {
            let path = backup.path.to_string_lossy();
            let more = ["--backup", &path, "--no-report"];
            let answer = self.tool.ask("rehearse", self.options, None, &more)?;
            let detail = answer.document["detail"].as_str().unwrap_or_default();
            let wrong = (!detail.starts_with("restore:")).then(|| answer.complaint());
            let numbers = "red, as psql cannot restore it either";
            results.note(&format!("rehearsal on {}", backup.form), numbers, wrong.as_deref());
        }
        Ok(Some(Ending::RightlyRed { applied: 0 }))
    }

    /// Rehearses all that is left.
    fn rehearse(
        &self,
        backup: &Backup,
        left: usize,
        results: &mut Results,
    ) -> anyhow::Result<Answer> {
        let path = backup.path.to_string_lossy();
        let more = ["--backup", &path, "--no-report"];
        let answer = self.tool.ask("rehearse", self.options, None, &more)?;
        let document = &answer.document;
        let ms = |name: &str| document["timings"][name].as_f64().unwrap_or(0.0);
        let numbers = format!(
            "{}: {} of {left} applied, {} KiB, restore {:.0} ms, migrations {:.0} ms, whole {:.1?}",
            document["verdict"].as_str().unwrap_or("no verdict"),
            truth::applied(document),
            backup.bytes()? / 1024,
            ms("restore_ms"),
            ms("migrate_ms"),
            answer.said.took,
        );
        let failed = truth::failure(document).is_some();
        let green = answer.said.good() && document["verdict"] == "green";
        let whole = green && truth::applied(document) == left;
        // A migration that fails may fail in production as well: that is looked at afterwards.
        let wrong = (!whole && !failed).then(|| answer.complaint());
        results.note(&format!("rehearsal on {}", backup.form), numbers, wrong.as_deref());
        Ok(answer)
    }
}

/// Two forms of one backup must tell the same.
fn same_told(
    (form, known): (&str, &Answer),
    (other_form, other): (&str, &Answer),
    results: &mut Results,
) -> anyhow::Result<()> {
    let (text, other_text) = (essence(&known.document)?, essence(&other.document)?);
    let numbers = format!("{} lines", text.lines().count());
    let sides = [Side { name: form, text: &text }, Side { name: other_form, text: &other_text }];
    results.same(&format!("{other_form} as {form}"), numbers, &sides)
}

/// Rows of each table before and after.
fn rows(document: &Value) -> Vec<Value> {
    let tables = document["tables"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |it: &Value| json!([it["relation"], it["rows_before"], it["rows_after"]]);
    tables.iter().map(row).collect()
}

/// What a rehearsal found, without what differs from run to run: no times, no sizes.
fn essence(document: &Value) -> anyhow::Result<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let pick = |value: &Value, names: &[&str]| -> Value {
        names.iter().map(|name| ((*name).to_owned(), value[*name].clone())).collect()
    };
    let migrations: Vec<Value> = list(&document["migrations"])
        .iter()
        .map(|migration| {
            let mut picked = pick(migration, &["version", "name", "status", "transactional"]);
            let statement =
                |it: &Value| pick(it, &["index", "line", "tag", "rows", "rewrites", "error"]);
            picked["statements"] = list(&migration["statements"]).iter().map(statement).collect();
            picked
        })
        .collect();
    let whole = json!({
        "verdict": document["verdict"],
        "role": document["scratch"]["role"],
        "schema": document["schema"],
        "migrations": migrations,
        "tables": rows(document),
    });
    Ok(serde_json::to_string_pretty(&whole)? + "\n")
}
