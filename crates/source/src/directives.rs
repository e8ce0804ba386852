//! What a script's head asks of the runner: `-- stopover: …`, and sqlx's `-- no-transaction`.
//!
//! Only comments before the first statement count; the same text later in the file, or in a
//! string, is just text.

use stopover_model::{Directives, Finding, ForeignKeys, Layout, Script, TransactionMark};

use crate::duration::parse_duration;
use crate::head::{self, Comment};
use crate::layouts::one_file::Marks;

/// Every directive, as an error lists them.
const KNOWN: &str = "no-transaction, lock-timeout 2s, statement-timeout 10min, idempotent, \
                     allow data-loss(orders), foreign-keys off";

/// As sqlx looks for it: `sql.starts_with("-- no-transaction")`, in `sqlx-core/src/migrate`.
const SQLX_MARK: &str = "-- no-transaction";

/// Reads the directives of a script, whose part of the file begins at `start`. `mark` is what the
/// layout's settings or marks say.
pub(crate) fn read(
    script: &Script,
    start: usize,
    layout: Layout,
    mark: TransactionMark,
) -> (Directives, Vec<Finding>) {
    let before = script.text.get(..start).unwrap_or_default();
    let text = &script.text[before.len()..];
    let mut reader = Reader {
        script,
        lines_before: before.matches('\n').count(),
        directives: Directives::default(),
        findings: Vec::new(),
    };
    reader.directives.transaction = mark;
    let is_sqlxs = matches!(layout, Layout::Pairs | Layout::Sqlx);
    if is_sqlxs && text.trim_start_matches('\u{feff}').starts_with(SQLX_MARK) {
        reader.directives.transaction = TransactionMark::NoTransaction(SQLX_MARK.to_owned());
    }
    for comment in head::comments(text) {
        if let Some(text) = directive(comment.text) {
            reader.take(comment, text);
        } else {
            reader.foreign(comment, layout);
        }
    }
    (reader.directives, reader.findings)
}

/// What follows `stopover:`, where the comment is a directive. Upper case is taken as well: an
/// author who writes `-- Stopover: no-transaction` means it.
fn directive(comment: &str) -> Option<&str> {
    const WORD: &str = "stopover";
    let head = comment.get(..WORD.len())?;
    let rest = comment[WORD.len()..].trim_start().strip_prefix(':')?;
    head.eq_ignore_ascii_case(WORD).then(|| rest.trim())
}

struct Reader<'a> {
    script: &'a Script,
    /// Lines of the file before the text in which comments are counted.
    lines_before: usize,
    directives: Directives,
    findings: Vec<Finding>,
}

impl Reader<'_> {
    fn place(&self, comment: Comment<'_>) -> String {
        format!("{}:{}", self.script.path, self.lines_before + comment.line)
    }

    /// A file of goose or dbmate holds up and down parts: run as one script, it would undo itself.
    fn foreign(&mut self, comment: Comment<'_>, layout: Layout) {
        let marks = Marks::in_comment(comment.text);
        let own = match layout {
            Layout::Goose => Marks::Goose,
            Layout::Dbmate => Marks::Dbmate,
            _ => Marks::None,
        };
        let Some(tool) = marks.tool().filter(|_| marks != own) else { return };
        let place = self.place(comment);
        self.findings.push(Finding::error(
            "other-layout",
            place.clone(),
            format!("{place}: this is a file of {tool}, with its up and down parts in one"),
            format!("read the folder with --layout {tool}, or keep such files in one of their own"),
        ));
    }

    fn take(&mut self, comment: Comment<'_>, text: &str) {
        let (word, value) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let value = value.trim();
        let outcome = match word {
            "no-transaction" => bare(value).map(|()| {
                let mark = "-- stopover: no-transaction".to_owned();
                self.directives.transaction = TransactionMark::NoTransaction(mark);
            }),
            "idempotent" => bare(value).map(|()| self.directives.idempotent = true),
            "lock-timeout" => timeout(&mut self.directives.lock_timeout, value),
            "statement-timeout" => timeout(&mut self.directives.statement_timeout, value),
            "foreign-keys" => off(value).map(|()| {
                self.directives.foreign_keys = ForeignKeys::CheckedAtCommit;
            }),
            "allow" => relations(value).map(|names| self.directives.allow_data_loss.extend(names)),
            _ => return self.unknown(comment, text),
        };
        if let Err(reason) = outcome {
            self.problem("bad-directive", comment, &format!("`{text}`: {reason}"));
        }
    }

    fn unknown(&mut self, comment: Comment<'_>, text: &str) {
        self.problem("unknown-directive", comment, &format!("`{text}` is not a directive"));
    }

    fn problem(&mut self, code: &str, comment: Comment<'_>, what: &str) {
        let place = self.place(comment);
        let message = format!("{place}: {what}");
        let remedy = format!("the directives are, after `-- stopover:`: {KNOWN}");
        self.findings.push(Finding::error(code, place, message, remedy));
    }
}

fn bare(value: &str) -> Result<(), String> {
    if value.is_empty() { Ok(()) } else { Err(format!("it takes no value, not {value:?}")) }
}

fn off(value: &str) -> Result<(), String> {
    if value == "off" { Ok(()) } else { Err(format!("it takes `off`, not {value:?}")) }
}

fn timeout(slot: &mut Option<std::time::Duration>, value: &str) -> Result<(), String> {
    let value = parse_duration(value).map_err(|error| error.to_string())?;
    match slot.replace(value) {
        Some(before) if before != value => Err("it is given twice, with two values".to_owned()),
        _ => Ok(()),
    }
}

/// Reads `data-loss(a, schema.b)`: the relations as they are written, quotes included.
fn relations(value: &str) -> Result<Vec<String>, String> {
    let list = value
        .strip_prefix("data-loss")
        .and_then(|rest| rest.trim_start().strip_prefix('('))
        .and_then(|rest| rest.strip_suffix(')'))
        .ok_or_else(|| format!("allow takes data-loss(relation, …), not {value:?}"))?;
    let names: Vec<String> = split_list(list).into_iter().map(|it| it.trim().to_owned()).collect();
    match names.iter().find(|name| name.is_empty() || name.matches('"').count() % 2 == 1) {
        Some(_) => Err("data-loss(…) needs the name of a relation between commas".to_owned()),
        None => Ok(names),
    }
}

/// Splits at commas outside of double quotes.
fn split_list(list: &str) -> Vec<&str> {
    let mut quoted = false;
    list.split(|c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .collect()
}
