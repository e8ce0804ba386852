//! What was rehearsed must come true: the same migrations on the database that the backup is of.

use serde_json::{Value, json};

use super::rehearsals::Stage;
use super::results::{Results, Side};
use super::server::Database;
use super::tool::Answer;

/// How a rehearsal ended, and the real thing with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Everything was applied.
    Green,
    /// After so many, the data broke a migration, in both.
    RightlyRed {
        /// How many were applied before it.
        applied: usize,
    },
}

/// Applies what is left where the backup came from; nothing when it ended otherwise than foretold.
pub(super) fn follow(
    stage: &Stage<'_>,
    older: &Database<'_>,
    rehearsed: &Answer,
    results: &mut Results,
) -> anyhow::Result<Option<Ending>> {
    let done = stage.tool.ask("apply", stage.options, Some(older), &[])?;
    let count = done.count("applied");
    let foretold = (applied(&rehearsed.document), failure(&rehearsed.document));
    let came = (count, apply_failure(&done.document));
    if foretold != came {
        let wrong = format!("foretold: {foretold:?}\ncame: {came:?}\n{}", done.complaint());
        results.note("apply after it", "", Some(&wrong));
        return Ok(None);
    }
    if let Some(failed) = &came.1 {
        let error = failed["message"].as_str().unwrap_or_default();
        let numbers = format!("{count} applied, then fails as foretold: {error}");
        results.note("apply after it", numbers, None);
        return Ok(Some(Ending::RightlyRed { applied: count }));
    }
    results.note("apply after it", format!("{count} in {:.1?}", done.said.took), None);
    same_end(stage, older, rehearsed, results)?;
    Ok(Some(Ending::Green))
}

/// The same schema as when everything was applied at once, and the rows that were foretold.
fn same_end(
    stage: &Stage<'_>,
    older: &Database<'_>,
    rehearsed: &Answer,
    results: &mut Results,
) -> anyhow::Result<()> {
    let schema = older.schema()?;
    let sides = [
        Side { name: "applied at once", text: &stage.newest.schema },
        Side { name: "applied in two parts, over data", text: &schema },
    ];
    results.same("schema as at once", format!("{} lines", schema.lines().count()), &sides)?;
    let counts = older.counts()?;
    let real: String = counts.iter().map(|(name, rows)| format!("{name} {rows}\n")).collect();
    let foretold = foretold_rows(&rehearsed.document);
    if foretold.is_empty() {
        println!("the rehearsal took no census: rows are not compared");
        return Ok(());
    }
    let sides =
        [Side { name: "rows foretold", text: &foretold }, Side { name: "rows", text: &real }];
    results.same("rows as foretold", format!("{} tables", counts.len()), &sides)
}

/// How many migrations a rehearsal applied.
pub(super) fn applied(document: &Value) -> usize {
    migrations(document).filter(|migration| migration["status"] == "applied").count()
}

/// The migration that failed in a rehearsal, and its error.
pub(super) fn failure(document: &Value) -> Option<Value> {
    let failed = migrations(document).find(|migration| migration["status"] == "failed")?;
    let mut statements = failed["statements"].as_array().into_iter().flatten();
    let error = statements.find_map(|it| Some(&it["error"]).filter(|error| !error.is_null()));
    Some(failure_of(&failed["version"], error.unwrap_or(&Value::Null)))
}

/// The same of an apply.
fn apply_failure(document: &Value) -> Option<Value> {
    let failed = Some(&document["failed"]).filter(|failed| !failed.is_null())?;
    Some(failure_of(&failed["version"], &failed["error"]))
}

fn failure_of(version: &Value, error: &Value) -> Value {
    let [sqlstate, message, line, constraint] =
        ["sqlstate", "message", "line", "constraint"].map(|name| error[name].clone());
    json!({
        "version": version, "sqlstate": sqlstate, "message": message, "line": line,
        "constraint": constraint,
    })
}

fn migrations(document: &Value) -> impl Iterator<Item = &Value> {
    document["migrations"].as_array().into_iter().flatten()
}

/// The rehearsal's census of what there was in the end.
fn foretold_rows(document: &Value) -> String {
    let tables = document["tables"].as_array().into_iter().flatten();
    let line = |table: &Value| {
        let rows = table["rows_after"].as_u64()?;
        let name = table["relation_after"].as_str().or(table["relation"].as_str())?;
        Some(format!("{name} {rows}\n"))
    };
    let mut lines: Vec<String> = tables.filter_map(line).collect();
    lines.sort();
    lines.concat()
}
