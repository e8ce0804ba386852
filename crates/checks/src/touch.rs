//! Which relations a plan touches, and what it needs rights for, as far as its text tells.

use std::collections::{BTreeMap, BTreeSet};

use stopover_model::harness::{NeedKind, PrivilegeNeed, Surroundings, WrittenRelation};
use stopover_model::{HealWay, LockMode, Plan, PlannedStatement, StatementPlace, Step};

/// Statements that lock what their text does not name.
const OPEN: [&str; 14] = [
    "DO",
    "CALL",
    "EXECUTE",
    "CREATE EXTENSION",
    "ALTER EXTENSION",
    "DROP EXTENSION",
    "DROP SCHEMA",
    "DROP OWNED",
    "REASSIGN OWNED",
    "ALTER DOMAIN",
    "IMPORT FOREIGN SCHEMA",
    "REINDEX",
    "VACUUM",
    "CLUSTER",
];

/// Functions that lock nothing but what is named in their arguments, or nothing at all.
const HARMLESS_CALLS: [&str; 3] = ["setval(", "set_config(", "nextval("];

/// Every step of a plan, those of its heals too.
pub(crate) fn steps(plan: &Plan) -> impl Iterator<Item = &Step> {
    let heals = plan.heals.iter().filter_map(|it| match &it.way {
        HealWay::Rerun(step) => Some(&**step),
        HealWay::Restamp => None,
    });
    heals.chain(&plan.downs).chain(&plan.steps)
}

/// The statements that are still to run.
pub(crate) fn statements(step: &Step) -> impl Iterator<Item = &PlannedStatement> {
    let from = step.resume.as_ref().map_or(0, |it| it.from);
    step.statements.iter().filter(move |it| it.index >= from)
}

/// The relations that the statements name, each once with its strongest lock.
#[must_use]
pub fn written_relations(plan: &Plan) -> Vec<WrittenRelation> {
    written_relations_of(steps(plan).flat_map(statements))
}

/// The same of some statements.
pub(crate) fn written_relations_of<'p>(
    statements: impl Iterator<Item = &'p PlannedStatement>,
) -> Vec<WrittenRelation> {
    let mut found: BTreeMap<&str, (Option<LockMode>, bool)> = BTreeMap::new();
    for statement in statements {
        let with_partners = takes_partners(statement);
        for lock in &statement.locks {
            let entry = found.entry(&lock.relation).or_default();
            entry.0 = entry.0.max(LockMode::of(&lock.mode));
            entry.1 |= with_partners;
        }
    }
    let written = |(relation, (mode, with_partners)): (&str, (Option<LockMode>, bool))| {
        let mode = mode.unwrap_or(LockMode::AccessExclusive).name().to_owned();
        WrittenRelation { relation: relation.to_owned(), mode, with_partners }
    };
    found.into_iter().map(written).collect()
}

/// Whether what hangs on its relations by foreign keys is locked too, or loses rows.
fn takes_partners(statement: &PlannedStatement) -> bool {
    match statement.tag.as_str() {
        "TRUNCATE TABLE" | "DELETE" => true,
        // `WHEN MATCHED THEN DELETE`, `WITH gone AS (DELETE …)`.
        "MERGE" | "INSERT" | "UPDATE" | "SELECT" => {
            statement.text.to_ascii_lowercase().contains("delete")
        }
        tag => tag.starts_with("DROP"),
    }
}

/// Whether the text of every statement names all that it locks, what follows from foreign keys
/// apart.
#[must_use]
pub fn names_everything(plan: &Plan) -> bool {
    steps(plan).flat_map(statements).all(|it| !is_open(it))
}

/// Whether a statement may lock what its text does not name.
fn is_open(statement: &PlannedStatement) -> bool {
    let text = statement.text.to_ascii_lowercase();
    if text.contains("cascade") && statement.tag.starts_with("DROP") {
        return true;
    }
    match statement.tag.as_str() {
        // Without a name they take the whole database.
        "REINDEX" | "VACUUM" | "CLUSTER" => statement.locks.is_empty(),
        "SELECT" => calls(&text),
        tag => OPEN.contains(&tag),
    }
}

/// Whether a query may call a function that does more than to compute.
fn calls(query: &str) -> bool {
    let known = HARMLESS_CALLS.iter().fold(query.to_owned(), |text, it| text.replace(it, ""));
    known.contains('(')
}

/// What the plan touches, in the names that the server gives.
#[derive(Debug, Clone)]
pub(crate) struct Touch {
    /// Whether nothing else is touched.
    is_known: bool,
    relations: BTreeSet<String>,
    /// Whether it waits for every old snapshot: `CREATE INDEX CONCURRENTLY`.
    pub(crate) waits_for_snapshots: bool,
}

impl Touch {
    pub(crate) fn of(plan: Option<&Plan>, around: &Surroundings) -> Self {
        let read = around.relations.read();
        let relations = read.into_iter().flatten().map(|it| it.relation.clone()).collect();
        let is_known = plan.is_some_and(names_everything) && read.is_some();
        let concurrent =
            |it: &PlannedStatement| it.place == StatementPlace::OutsideOnly && it.tag != "VACUUM";
        let waits = plan.is_some_and(|it| steps(it).flat_map(statements).any(concurrent));
        Self { is_known, relations, waits_for_snapshots: waits }
    }

    /// Whether somebody who holds these is in the way, or may be.
    pub(crate) fn concerns(&self, held: &[String]) -> bool {
        !self.is_known || held.iter().any(|it| self.relations.contains(it))
    }

    /// Those of `held` that the plan touches.
    pub(crate) fn shared<'h>(&self, held: &'h [String]) -> Vec<&'h String> {
        held.iter().filter(|it| self.relations.contains(*it)).collect()
    }
}

/// What the plan needs rights for, as far as its text tells; each once.
#[must_use]
pub fn privilege_needs(plan: &Plan) -> Vec<PrivilegeNeed> {
    let mut needs: BTreeMap<(NeedKind, String), String> = BTreeMap::new();
    let mut made: BTreeSet<String> = BTreeSet::new();
    for step in steps(plan) {
        for statement in statements(step) {
            let wanted_by = format!("migration {}, line {}", step.version, statement.line);
            for (kind, subject) in of_statement(statement) {
                if !made.contains(&subject) {
                    needs.entry((kind, subject)).or_insert_with(|| wanted_by.clone());
                }
            }
            made.extend(object_made(statement));
        }
    }
    if steps(plan).next().is_some() {
        let wanted_by = "every apply".to_owned();
        needs.entry((NeedKind::Write, String::new())).or_insert(wanted_by);
    }
    let need = |((kind, subject), wanted_by)| PrivilegeNeed { kind, subject, wanted_by };
    needs.into_iter().map(need).collect()
}

fn of_statement(statement: &PlannedStatement) -> Vec<(NeedKind, String)> {
    let tag = statement.tag.as_str();
    if tag == "CREATE SCHEMA" || tag == "CREATE EXTENSION" {
        return vec![(NeedKind::CreateInDatabase, String::new())];
    }
    let mut needs = Vec::new();
    if let Some(name) = created(statement) {
        needs.push((NeedKind::CreateInSchema, schema_of(&name)));
    }
    let is_list = tag.starts_with("DROP");
    for (at, lock) in statement.locks.iter().enumerate() {
        let first = at == 0 || is_list;
        if let Some(kind) = right_on(tag, &lock.mode, first) {
            needs.push((kind, lock.relation.clone()));
        }
    }
    needs
}

/// The right that a statement needs on a relation; the first that it names is what it is about.
fn right_on(tag: &str, mode: &str, is_first: bool) -> Option<NeedKind> {
    let mode = LockMode::of(mode)?;
    match tag {
        "INSERT" | "COPY" if mode == LockMode::RowExclusive => Some(NeedKind::Insert),
        "UPDATE" if mode == LockMode::RowExclusive => Some(NeedKind::Update),
        "DELETE" if mode == LockMode::RowExclusive => Some(NeedKind::Delete),
        "TRUNCATE TABLE" => Some(NeedKind::Truncate),
        "CREATE TRIGGER" if is_first => Some(NeedKind::Trigger),
        // The parent of a new foreign key.
        "ALTER TABLE" | "CREATE TABLE" if mode == LockMode::ShareRowExclusive && !is_first => {
            Some(NeedKind::References)
        }
        "CREATE TABLE" if mode == LockMode::ShareRowExclusive => Some(NeedKind::References),
        _ if mode == LockMode::AccessShare => Some(NeedKind::Select),
        "LOCK TABLE" | "GRANT" | "REVOKE" | "ANALYZE" | "VACUUM" => None,
        _ if is_first && mode >= LockMode::ShareUpdateExclusive => Some(NeedKind::Owner),
        _ => None,
    }
}

/// What an earlier statement of the plan makes: who makes it owns it.
fn object_made(statement: &PlannedStatement) -> Option<String> {
    created(statement)
}

/// Kinds of objects that are made in a schema.
const MADE: [&str; 9] = [
    "CREATE TABLE",
    "CREATE FOREIGN TABLE",
    "CREATE VIEW",
    "CREATE MATERIALIZED VIEW",
    "CREATE SEQUENCE",
    "CREATE FUNCTION",
    "CREATE PROCEDURE",
    "CREATE TYPE",
    "CREATE DOMAIN",
];

/// The name of the object that a statement makes in a schema, as it writes it; `None` for what is
/// temporary, and where the text is not understood.
pub(crate) fn created(statement: &PlannedStatement) -> Option<String> {
    let tag = MADE.iter().find(|it| **it == statement.tag)?;
    let last = tag.rsplit(' ').next()?;
    let mut rest = statement.text.as_str();
    loop {
        let (word, after) = next_word(rest)?;
        rest = after;
        if word.eq_ignore_ascii_case("TEMP") || word.eq_ignore_ascii_case("TEMPORARY") {
            return None;
        }
        if word.eq_ignore_ascii_case(last) {
            break;
        }
        if word.contains(['-', '/', '*', '(']) {
            return None;
        }
    }
    let (mut word, mut after) = next_word(rest)?;
    if word.eq_ignore_ascii_case("IF") {
        // IF NOT EXISTS name
        after = next_word(next_word(after)?.1)?.1;
        (word, _) = next_word(after)?;
    }
    let name = word.split('(').next().unwrap_or(word).trim_end_matches([';', ',']);
    let is_name = !name.is_empty() && !name.starts_with("--") && !name.starts_with("/*");
    is_name.then(|| name.to_owned())
}

/// The next word, quoted names kept whole, and what follows.
fn next_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let mut is_quoted = false;
    let end = text.find(|c: char| {
        is_quoted ^= c == '"';
        !is_quoted && (c.is_whitespace() || c == '(')
    });
    let end = end.unwrap_or(text.len());
    // A parenthesis that nothing stands before is a word, so that the search comes to its end.
    let end = if end == 0 { text.chars().next()?.len_utf8() } else { end };
    Some(text.split_at(end))
}

/// The schema of a name; empty where it has none.
fn schema_of(name: &str) -> String {
    let mut is_quoted = false;
    let dot = name.find(|c: char| {
        is_quoted ^= c == '"';
        !is_quoted && c == '.'
    });
    dot.map_or_else(String::new, |at| name[..at].to_owned())
}
