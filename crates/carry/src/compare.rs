//! Whether the target has what the source has: every object is there, or a statement failed that
//! it is lost by; every table has as many rows as the source gave. Pure.

use std::collections::{BTreeMap, BTreeSet};

use stopover_model::report::{CarriedObjects, CarriedTable, CarryError};
use stopover_model::{DatabaseError, Finding, Schema, SchemaObject, redact_urls};
use stopover_postgres::literal::unquoted;
use stopover_sql::{TokenKind, tokens};

use crate::depends::{Dependencies, Object};
use crate::source::Moment;
use crate::work::{Done, Items, Work};

/// A statement is told up to here.
const LONGEST: usize = 2_000;
/// So many objects of a kind of surprise are named.
const NAMED: usize = 20;

/// Both sides, and what was done.
pub(crate) struct Comparison<'a> {
    pub(crate) source: &'a Schema,
    pub(crate) target: &'a Schema,
    pub(crate) moment: &'a Moment,
    pub(crate) items: &'a Items,
    pub(crate) done: &'a Done,
    pub(crate) dependencies: &'a Dependencies,
}

/// What came of it.
pub(crate) struct Compared {
    pub(crate) errors: Vec<CarryError>,
    pub(crate) objects: CarriedObjects,
    pub(crate) tables: Vec<CarriedTable>,
    pub(crate) findings: Vec<Finding>,
    /// What is not as it should be, and no statement says why.
    pub(crate) unaccounted: Vec<String>,
}

impl Comparison<'_> {
    pub(crate) fn result(&self) -> Compared {
        let (missing, changed) = self.differences();
        let errors = self.errors(&missing);
        let (tables, mut unaccounted) = self.tables();
        unaccounted.extend(self.unaccounted(&missing));
        let lost = missing.len();
        let objects = CarriedObjects {
            source: self.source.objects.len(),
            same: self.source.objects.len() - lost - changed.len(),
            changed: changed.len(),
            lost,
        };
        let findings = changes(&changed).into_iter().collect();
        Compared { errors, objects, tables, findings, unaccounted }
    }

    fn differences(&self) -> (BTreeSet<Object>, Vec<Object>) {
        let there: BTreeMap<(&str, &str), &str> = self
            .target
            .objects
            .iter()
            .map(|it| ((&*it.kind, &*it.identity), &*it.definition))
            .collect();
        let mut missing = BTreeSet::new();
        let mut changed = Vec::new();
        for object in self.source.objects.iter().filter(|it| !is_mark(it)) {
            let name = (object.kind.clone(), object.identity.clone());
            match there.get(&(&*object.kind, &*object.identity)) {
                None => drop(missing.insert(name)),
                Some(definition) if *definition != object.definition => changed.push(name),
                Some(_) => {}
            }
        }
        (missing, changed)
    }

    fn errors(&self, missing: &BTreeSet<Object>) -> Vec<CarryError> {
        let failed = self.done.failed.iter();
        failed
            .map(|(number, error)| self.error(&self.items.work[*number], error, missing))
            .collect()
    }

    fn error(&self, work: &Work, error: &DatabaseError, missing: &BTreeSet<Object>) -> CarryError {
        let known = match work {
            Work::Define(step) => self.dependencies.object(step),
            _ => None,
        };
        let object = known.map_or_else(|| work.object(), |(kind, name)| format!("{kind} {name}"));
        let lost: Vec<String> = match work {
            Work::Define(step) => {
                let behind = self.dependencies.closure(step);
                behind.intersection(missing).map(|(kind, name)| format!("{kind} {name}")).collect()
            }
            _ => vec![object.clone()],
        };
        CarryError {
            // Before it is cut: a part of a password is none that would be known as one.
            statement: shortened(&redact_urls(&work.statement())),
            lost: if lost.is_empty() { vec![object.clone()] } else { lost },
            object,
            sqlstate: error.sqlstate.clone(),
            message: error.message.clone(),
            detail: error.detail.clone(),
            hint: error.hint.clone(),
        }
    }

    /// The rows of every table, and those that nobody can account for.
    fn tables(&self) -> (Vec<CarriedTable>, Vec<String>) {
        let mut wrong = Vec::new();
        let loads = self.done.failed.keys().map(|number| &self.items.work[*number]);
        let refused: BTreeSet<&String> = loads.filter_map(Work::loaded).collect();
        let table = |it: &crate::source::Table| {
            let copied = self.done.copied.get(&it.relation);
            if copied.is_none() && !refused.contains(&it.relation) {
                wrong.push(format!("the rows of table {} were not copied", it.relation));
            }
            if let Some(copied) = copied
                && copied.rows_from != copied.rows_to
            {
                wrong.push(format!(
                    "table {} has {} rows in the source and {} in the target",
                    it.relation, copied.rows_from, copied.rows_to
                ));
            }
            CarriedTable {
                relation: it.relation.clone(),
                rows_from: copied.map(|it| it.rows_from),
                rows_to: copied.map(|it| it.rows_to),
                bytes: copied.map_or(0, |it| it.bytes),
            }
        };
        let tables = self.moment.tables.iter().map(table).collect();
        (tables, wrong)
    }

    /// Objects that are missing although no statement failed that could have made them.
    fn unaccounted(&self, missing: &BTreeSet<Object>) -> Vec<String> {
        if missing.is_empty() {
            return Vec::new();
        }
        let mut words: BTreeSet<String> = BTreeSet::new();
        let mut lost: BTreeSet<Object> = BTreeSet::new();
        for number in self.done.failed.keys() {
            let work = &self.items.work[*number];
            words.extend(names(&work.statement()));
            if let Work::Define(step) = work {
                lost.extend(self.dependencies.closure(step));
            }
        }
        let accounted = |object: &Object| {
            lost.contains(object)
                || last_name(&object.1).is_some_and(|name| words.contains(&name))
                || missing.iter().any(|it| object.1.starts_with(&format!("{}.", it.1)))
        };
        let not = missing.iter().filter(|it| !accounted(it));
        not.map(|(kind, name)| format!("{kind} {name} is not in the target")).collect()
    }
}

/// Whether it is a schema's own comment: in the target that is the mark of a carry which has not
/// finished, until this comparison is done.
fn is_mark(object: &SchemaObject) -> bool {
    object.kind == "comment" && object.identity.starts_with("schema ")
}

/// The names in a statement, without their quotes.
fn names(sql: &str) -> impl Iterator<Item = String> + '_ {
    tokens(sql).filter_map(|token| match token.kind {
        TokenKind::Word => Some(token.text.to_owned()),
        TokenKind::QuotedIdent => Some(unquoted(token.text)),
        _ => None,
    })
}

/// The last part of a name such as `s."t.u"` or `s.f(integer)`.
fn last_name(identity: &str) -> Option<String> {
    let mut last = None;
    for token in tokens(identity) {
        match token.kind {
            TokenKind::Word => last = Some(token.text.to_owned()),
            TokenKind::QuotedIdent => last = Some(unquoted(token.text)),
            _ if token.text == "(" => break,
            _ => {}
        }
    }
    last
}

fn shortened(statement: &str) -> String {
    match statement.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{} …", &statement[..at]),
        None => statement.to_owned(),
    }
}

/// The first `most` of the names, and how many more there are: `a, b and 4 more`.
pub(crate) fn named(all: &[String], most: usize) -> String {
    let more = match all.len().saturating_sub(most) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", all[..all.len().min(most)].join(", "))
}

/// Objects that are there, but not as they were: a view over a table that has changed, a grant
/// that failed.
fn changes(changed: &[Object]) -> Option<Finding> {
    if changed.is_empty() {
        return None;
    }
    let all: Vec<String> = changed.iter().map(|(kind, name)| format!("{kind} {name}")).collect();
    Some(Finding::warning(
        "carry-changed",
        format!("{} objects", changed.len()),
        format!("in the target, but not the same as in the source: {}", named(&all, NAMED)),
        "compare both with `stopover schema --diff`: what they are made from has changed, or a \
         part of their definition failed",
    ))
}
