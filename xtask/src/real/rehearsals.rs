//! Rehearsals from an older state with data, on every form of backup; then the real thing.

use serde_json::{Value, json};

use super::backups::{self, Backup};
use super::options::Options;
use super::results::{Results, Side};
use super::server::{Database, Server};
use super::tool::{Answer, Tool};
use super::ways::Newest;

/// Builds the older state, rehearses what is left on its backups, and applies it.
pub(super) fn compare(
    options: &Options,
    server: &Server,
    tool: &Tool,
    newest: &Newest,
    results: &mut Results,
) -> anyhow::Result<()> {
    let first = options.older.of(newest.total);
    if first == 0 || first >= newest.total {
        println!("no rehearsal: {first} of {} migrations leave nothing between", newest.total);
        return Ok(());
    }
    let older = server.database("older")?;
    let said = tool.ask("apply", options, Some(&older), &["--steps", &first.to_string()])?;
    let wrong = (!said.said.good()).then(|| said.complaint());
    results.note("older state", format!("{first} applied"), wrong.as_deref());
    if wrong.is_some() {
        return Ok(());
    }
    fill(options, &older, results)?;
    let folder = tempfile::tempdir()?;
    let left = newest.total - first;
    let mut told: Option<(&str, Answer)> = None;
    for backup in backups::make(&older, folder.path())? {
        let answer = rehearse(options, tool, &backup, left, results)?;
        match &told {
            None => told = Some((backup.form, answer)),
            Some((form, known)) => same_told((form, known), (backup.form, &answer), results)?,
        }
    }
    match told {
        Some((_, rehearsed)) => apply_rest(options, tool, &older, newest, &rehearsed, results),
        None => Ok(()),
    }
}

/// At least half of the tables must get rows.
fn fill(options: &Options, older: &Database<'_>, results: &mut Results) -> anyhow::Result<()> {
    let file = crate::root()?.join("xtask/src/real/fill.sql");
    let rows = format!("rows={}", options.rows);
    let said = older.psql(&["-v", &rows, "-f", &file.to_string_lossy()])?.or_fail("the filler")?;
    let lines: Vec<Vec<&str>> =
        said.output.lines().map(|line| line.splitn(3, '|').collect()).collect();
    let count = |line: &Vec<&str>| line.get(1).and_then(|it| it.parse::<u64>().ok()).unwrap_or(0);
    let filled = lines.iter().filter(|line| count(line) > 0).count();
    let total: u64 = lines.iter().map(count).sum();
    for line in lines.iter().filter(|line| count(line) == 0) {
        println!("  stays empty: {}", line.join(" "));
    }
    let numbers = format!("{total} rows in {filled} of {} tables, {:.1?}", lines.len(), said.took);
    let wrong = (filled * 2 < lines.len()).then_some("fewer than half of the tables got rows");
    results.note("made-up data", numbers, wrong);
    Ok(())
}

/// Green, with every migration that is left.
fn rehearse(
    options: &Options,
    tool: &Tool,
    backup: &Backup,
    left: usize,
    results: &mut Results,
) -> anyhow::Result<Answer> {
    let path = backup.path.to_string_lossy();
    let answer = tool.ask("rehearse", options, None, &["--backup", &path, "--no-report"])?;
    let document = &answer.document;
    let done = document["migrations"].as_array().into_iter().flatten();
    let done = done.filter(|migration| migration["status"] == "applied").count();
    let ms = |name: &str| document["timings"][name].as_f64().unwrap_or(0.0);
    let numbers = format!(
        "{done} of {left} applied, {} KiB, restore {:.0} ms, migrations {:.0} ms, whole {:.1?}",
        backup.bytes()? / 1024,
        ms("restore_ms"),
        ms("migrate_ms"),
        answer.said.took,
    );
    let green = answer.said.good() && document["verdict"] == "green" && done == left;
    let wrong = (!green).then(|| answer.complaint());
    results.note(&format!("rehearsal on {}", backup.form), numbers, wrong.as_deref());
    Ok(answer)
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
    results.same(&format!("{other_form} as {form}"), numbers, sides)
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
    let table = |table: &Value| pick(table, &["relation", "rows_before", "rows_after"]);
    let tables: Vec<Value> = list(&document["tables"]).iter().map(table).collect();
    let whole = json!({
        "verdict": document["verdict"],
        "role": document["scratch"]["role"],
        "schema": document["schema"],
        "migrations": migrations,
        "tables": tables,
    });
    Ok(serde_json::to_string_pretty(&whole)? + "\n")
}

/// What was rehearsed must come true: the same end in the database that the backup is of.
fn apply_rest(
    options: &Options,
    tool: &Tool,
    older: &Database<'_>,
    newest: &Newest,
    rehearsed: &Answer,
    results: &mut Results,
) -> anyhow::Result<()> {
    let applied = tool.ask("apply", options, Some(older), &[])?;
    let numbers = format!("{} in {:.1?}", applied.count("applied"), applied.said.took);
    let green = rehearsed.document["verdict"] == "green";
    let wrong = (applied.said.good() != green)
        .then(|| format!("the rehearsal foretold another end\n{}", applied.complaint()));
    results.note("apply after it", numbers, wrong.as_deref());
    if !applied.said.good() {
        return Ok(());
    }
    let schema = older.schema()?;
    let sides = [
        Side { name: "applied at once", text: &newest.schema },
        Side { name: "applied in two parts, over data", text: &schema },
    ];
    results.same("schema as at once", "", sides)?;
    let counts = older.counts()?;
    let real: String = counts.iter().map(|(name, rows)| format!("{name} {rows}\n")).collect();
    let foretold = foretold(&rehearsed.document);
    if foretold.is_empty() {
        println!("the rehearsal took no census: rows are not compared");
        return Ok(());
    }
    let sides =
        [Side { name: "rows foretold", text: &foretold }, Side { name: "rows", text: &real }];
    results.same("rows as foretold", format!("{} tables", counts.len()), sides)
}

/// The rehearsal's census of what there was in the end.
fn foretold(document: &Value) -> String {
    let tables = document["tables"].as_array().into_iter().flatten();
    let line = |table: &Value| {
        let rows = table["rows_after"].as_u64()?;
        Some(format!("{} {rows}\n", table["relation"].as_str()?))
    };
    let mut lines: Vec<String> = tables.filter_map(line).collect();
    lines.sort();
    lines.concat()
}
