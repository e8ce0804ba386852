//! Rows and values that are gone after the migrations, and that no migration was allowed to lose.
//!
//! `-- stopover: allow data-loss(orders)` in a migration's head is the decision that its author
//! takes. Which migration lost them is told from the locks that each took on the table. Where
//! several could have done it, each of them must be allowed to: a loss that somebody else's
//! directive covers would be one that nobody decided on.

use std::collections::BTreeMap;

use stopover_model::report::{
    MigrationReport, MigrationStatus, StatementReport, TableFate, TableReport,
};
use stopover_model::units::count;
use stopover_model::{Finding, LockMode, detail_list};

/// A migration, and the relations that it may lose rows of, as its directive spells them.
#[derive(Debug, Clone, Copy)]
pub struct Allowance<'a> {
    /// The migration, as it ran.
    pub migration: &'a MigrationReport,
    /// What its directives name.
    pub relations: &'a [String],
}

/// A table before and after.
#[derive(Debug, Clone, Copy)]
pub struct CountedTable<'a> {
    /// What was counted.
    pub report: &'a TableReport,
    /// What it was a partition or a child of before, the nearest first.
    pub within: &'a [String],
    /// The same afterwards.
    pub within_after: &'a [String],
}

/// What is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// Rows of a table that is still there.
    Rows,
    /// The whole table.
    Table,
    /// A column.
    Column,
    /// Values of a column that is still there.
    Values,
}

impl Loss {
    /// Whether a statement may do that by itself, or runs what may. Triggers of others may too: they
    /// are thought of where nobody else did it.
    fn may_be_of(self, statement: &StatementReport) -> bool {
        let own: &[&str] = match self {
            Self::Rows => &["DELETE", "TRUNCATE", "MERGE", "REPLACE"],
            Self::Table => &["DROP"],
            Self::Column => &["ALTER", "DROP"],
            Self::Values => &["UPDATE", "ALTER", "DROP", "DELETE", "TRUNCATE", "MERGE", "REPLACE"],
        };
        let any = ["DO", "CALL", "SELECT", "EXECUTE", "EXPLAIN"];
        let begins = |it: &&str| statement.tag.split(' ').next() == Some(*it);
        // `WITH moved AS (DELETE …) INSERT …` has the tag of its end.
        let first = statement.text.split_whitespace().next().unwrap_or_default();
        own.iter().any(begins) || any.iter().any(begins) || first.eq_ignore_ascii_case("WITH")
    }
}

/// What is gone of one table, or of several parts of one.
struct Gone<'a> {
    loss: Loss,
    /// The table, or what all of them are parts of.
    relation: &'a str,
    parts: Vec<&'a CountedTable<'a>>,
    /// Rows that are gone, or rows in which a column held a value; `None` where nobody knows.
    number: Option<u64>,
    /// The column.
    column: Option<&'a str>,
}

/// Everything that vanished: an error, or a note where it was allowed.
#[must_use]
pub fn vanished(tables: &[CountedTable<'_>], ran: &[Allowance<'_>]) -> Vec<Finding> {
    let uncounted = tables.iter().filter_map(|it| uncounted(it.report));
    gone_of(tables).iter().map(|it| finding(it, ran)).chain(uncounted).collect()
}

/// Everything that vanished while the service booted: no migration can have allowed that.
#[must_use]
pub fn vanished_at_boot(tables: &[CountedTable<'_>]) -> Vec<Finding> {
    let finding = |it: &Gone<'_>| {
        let message = format!("{} (the service, at its boot)", it.in_words());
        let remedy = "look at what the service deletes when it boots: in production it would do \
                      the same";
        Finding::error("data-loss", it.subject(), message, remedy)
    };
    gone_of(tables).iter().map(finding).collect()
}

fn gone_of<'a>(tables: &'a [CountedTable<'a>]) -> Vec<Gone<'a>> {
    let wholes = Wholes::of(tables);
    let mut gone: Vec<Gone<'_>> = Vec::new();
    for table in tables {
        for one in of_table(table, &wholes) {
            let same = |it: &&mut Gone<'_>| {
                (it.loss, it.relation, it.column) == (one.loss, one.relation, one.column)
            };
            match gone.iter_mut().find(same) {
                Some(known) => {
                    known.parts.extend(one.parts);
                    known.number = known.number.zip(one.number).map(|(left, right)| left + right);
                }
                None => gone.push(one),
            }
        }
    }
    gone
}

/// A table that was made again, and whose values nobody counted before.
fn uncounted(report: &TableReport) -> Option<Finding> {
    let rows = report.rows_before.min(report.rows_after).unwrap_or(0);
    let is_unknown = report.fate == Some(TableFate::Replaced) && report.emptied_columns.is_none();
    let relation = &report.relation;
    (is_unknown && rows > 0).then(|| {
        Finding::warning(
            "values-uncounted",
            relation,
            format!(
                "{relation} was made again, and nobody knows whether every value has come with \
                 it: no script names it behind a DROP, so that they were not counted before"
            ),
            "give --digest as well, which counts the values of every table",
        )
    })
}

/// What is gone of a table.
fn of_table<'a>(table: &'a CountedTable<'a>, wholes: &Wholes<'_>) -> Vec<Gone<'a>> {
    let report = table.report;
    let relation = table.within.last().unwrap_or(&report.relation);
    let gone = |loss, number, column| Gone { loss, relation, parts: vec![table], number, column };
    let lost = report.lost_rows().filter(|_| !wholes.kept_rows_of(table));
    let loss = match report.fate {
        Some(TableFate::Kept | TableFate::Renamed) => Loss::Rows,
        _ => Loss::Table,
    };
    let rows = lost.map(|number| gone(loss, Some(number), None));
    let dropped = report.dropped_columns.iter().flatten();
    let columns = dropped.filter(|it| it.values != Some(0));
    let columns = columns.map(|it| gone(Loss::Column, it.values, Some(it.column.as_str())));
    let emptied = report.emptied_columns.iter().flatten().map(|it| {
        let lost = it.values_before.saturating_sub(it.values_after);
        gone(Loss::Values, Some(lost), Some(it.column.as_str()))
    });
    rows.into_iter().chain(columns).chain(emptied).collect()
}

fn rows(number: u64) -> String {
    if number == 1 { "1 row".to_owned() } else { format!("{} rows", count(number)) }
}

impl Gone<'_> {
    /// The table that a person has to think of.
    fn subject(&self) -> &str {
        match self.parts.as_slice() {
            [one] => &one.report.relation,
            _ => self.relation,
        }
    }

    fn in_words(&self) -> String {
        let number = self.number.unwrap_or(0);
        let before: u64 = self.parts.iter().filter_map(|it| it.report.rows_before).sum();
        let is_there = self.parts.iter().any(|it| it.report.rows_after.is_some());
        let told = match (self.loss, self.column) {
            (Loss::Values, Some(column)) => self.values_in_words(number, column),
            (_, Some(column)) => self.column_in_words(column),
            (Loss::Table, _) if !is_there => match self.parts.len() {
                1 => format!("was dropped with its {}", rows(number)),
                several => format!("lost {several} partitions with their {}", rows(number)),
            },
            _ if number == before && number > 1 => format!("lost all of its {}", rows(number)),
            _ => format!("lost {} of its {}", count(number), rows(before)),
        };
        let several = self.parts.len() > 1 && (is_there || self.column.is_some());
        let where_in =
            if several { format!(" in {} partitions", self.parts.len()) } else { String::new() };
        format!("{} {told}{where_in}", self.subject())
    }

    fn values_in_words(&self, lost: u64, column: &str) -> String {
        let emptied = self.parts.iter().flat_map(|it| it.report.emptied_columns.iter().flatten());
        let before = emptied.filter(|it| it.column == column).map(|it| it.values_before).sum();
        match lost == before && lost > 1 {
            true => format!("lost all {} values of its column {column}", count(before)),
            false => {
                format!(
                    "lost {} of the {} values of its column {column}",
                    count(lost),
                    count(before)
                )
            }
        }
    }

    fn column_in_words(&self, column: &str) -> String {
        match self.number {
            Some(1) => format!("lost its column {column}, which held a value in 1 row"),
            Some(values) => {
                format!("lost its column {column}, which held values in {}", rows(values))
            }
            None => format!(
                "lost its column {column}, and nobody knows whether it held values: no script \
                 names it behind a DROP, so that they were not counted before"
            ),
        }
    }

    fn relations(&self) -> Vec<&str> {
        self.parts.iter().map(|it| it.report.relation.as_str()).collect()
    }
}

/// The finding, and who is to blame for it.
fn finding(gone: &Gone<'_>, ran: &[Allowance<'_>]) -> Finding {
    let subject = gone.subject();
    let suspects = suspects(gone, ran);
    let message = format!("{}{}", gone.in_words(), blame(&suspects, gone));
    let covers_all = |name: &String| gone.parts.iter().all(|table| covers(name, table));
    let is_allowed = |it: &&Allowance<'_>| it.relations.iter().any(covers_all);
    if !suspects.is_empty() && suspects.iter().all(is_allowed) {
        return Finding::note("data-loss", subject, message, "");
    }
    let files: Vec<String> =
        suspects.iter().filter(|it| !is_allowed(it)).map(|it| it.migration.file.clone()).collect();
    let remedy = format!(
        "change the migration so that nothing is lost, or say that it may be, at the head of {}: \
         `-- stopover: allow data-loss({subject})`",
        detail_list(&files)
    );
    Finding::error("data-loss", subject, message, remedy)
}

/// Migrations that may have done it: those that held a lock on the table behind which one writes,
/// and of these the ones with a statement that loses rows; where no lock tells, all that ran.
fn suspects<'a, 'b>(gone: &Gone<'_>, ran: &'b [Allowance<'a>]) -> Vec<&'b Allowance<'a>> {
    let ran = ran.iter().filter(|it| it.migration.status != MigrationStatus::Untouched);
    let relations = gone.relations();
    let all: Vec<&Allowance<'_>> = ran.collect();
    let with = |condition: &dyn Fn(&MigrationReport) -> bool, among: &[&'b Allowance<'a>]| {
        among.iter().copied().filter(|it| condition(it.migration)).collect::<Vec<_>>()
    };
    let writers = with(&|it| relations.iter().any(|relation| writes_to(it, relation)), &all);
    let losers = with(&|it| it.statements.iter().any(|it| gone.loss.may_be_of(it)), &writers);
    // Where nobody looked at locks, the texts alone tell.
    let unseen = |it: &&Allowance<'_>| it.migration.statements.iter().all(|it| it.locks.is_none());
    let named = if all.iter().all(unseen) {
        with(&|it| it.statements.iter().any(|it| gone.loss.may_be_of(it)), &all)
    } else {
        Vec::new()
    };
    [losers, writers, named].into_iter().find(|it| !it.is_empty()).unwrap_or(all)
}

fn writes_to(migration: &MigrationReport, relation: &str) -> bool {
    let locks = migration.statements.iter().flat_map(|it| it.locks.iter().flatten());
    let on_it = locks.filter(|it| it.relation == relation);
    on_it.filter_map(|it| LockMode::of(&it.mode)).any(|mode| {
        matches!(
            mode,
            LockMode::RowExclusive
                | LockMode::ShareRowExclusive
                | LockMode::Exclusive
                | LockMode::AccessExclusive
        )
    })
}

/// ` (migration 42: DELETE, line 3)`
fn blame(suspects: &[&Allowance<'_>], gone: &Gone<'_>) -> String {
    let relations = gone.relations();
    let who = |it: &MigrationReport| {
        let holds = |it: &&StatementReport| {
            gone.loss.may_be_of(it)
                && it.locks.iter().flatten().any(|it| relations.contains(&it.relation.as_str()))
        };
        let statement = it.statements.iter().find(holds);
        statement.map_or_else(
            || format!("migration {}", it.version),
            |statement| {
                format!("migration {}: {}, line {}", it.version, statement.tag, statement.line)
            },
        )
    };
    match suspects {
        [] => String::new(),
        [one] => format!(" ({})", who(one.migration)),
        several => {
            let versions: Vec<String> =
                several.iter().map(|it| it.migration.version.to_string()).collect();
            format!(" (one of the migrations {})", detail_list(&versions))
        }
    }
}

/// Whether a name of a directive means this table, under its name before or after, or what it is a
/// part of. One without a schema is `public`'s.
fn covers(written: &str, table: &CountedTable<'_>) -> bool {
    let report = table.report;
    let own = [Some(report.relation.as_str()), report.relation_after.as_deref()];
    let whole = table.within.iter().map(String::as_str);
    own.into_iter().flatten().chain(whole).any(|it| means(written, it))
}

/// Whether one of a directive's names is this relation's.
#[must_use]
pub fn allows(written: &[String], relation: &str) -> bool {
    written.iter().any(|it| means(it, relation))
}

fn means(written: &str, relation: &str) -> bool {
    let (written, relation) = (parts(written), parts(relation));
    match (written.as_slice(), relation.as_slice()) {
        ([name], [schema, of]) => schema == "public" && name == of,
        (written, relation) => written == relation,
    }
}

/// The parts of a qualified name as the server takes them: in lower case where they are not quoted.
fn parts(name: &str) -> Vec<String> {
    let (mut parts, mut part, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = name.trim().chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                part.push('"');
            }
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(std::mem::take(&mut part)),
            other if quoted => part.push(other),
            other => part.extend(other.to_lowercase()),
        }
    }
    parts.push(part);
    parts
}

/// What tables are parts of, and how many rows each of these wholes had and has. Rows that went
/// from one part to another are not lost.
struct Wholes<'a>(BTreeMap<&'a str, (u64, u64)>);

impl<'a> Wholes<'a> {
    fn of(tables: &[CountedTable<'a>]) -> Self {
        let mut wholes: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for table in tables {
            let (was, is) = (table.within.last(), table.within_after.last());
            if let Some(whole) = was {
                let rows = wholes.entry(whole).or_default();
                rows.0 += table.report.rows_before.unwrap_or(0);
                rows.1 += table.report.rows_after.unwrap_or(0);
            }
            if let Some(whole) = is.filter(|it| Some(*it) != was) {
                // What another table brought along was not this whole's.
                let brought = table.report.rows_before.unwrap_or(0);
                let rows = table.report.rows_after.unwrap_or(0).saturating_sub(brought);
                wholes.entry(whole).or_default().1 += rows;
            }
        }
        Self(wholes)
    }

    fn kept_rows_of(&self, table: &CountedTable<'_>) -> bool {
        let whole = table.within.last().and_then(|it| self.0.get(it.as_str()));
        whole.is_some_and(|(before, after)| after >= before)
    }
}

#[cfg(test)]
mod tests;
