//! The forms of statements that a superuser's session may execute.
//!
//! A statement gets here because PostgreSQL demands a superuser for it although it runs no code of
//! the dump's: there is no expression in its grammar. The words at its start fix the grammar's
//! production; it is executed as a single statement, so nothing can be hung behind it. Wherever
//! a production does have expressions (`ALTER TABLE … ADD COLUMN … DEFAULT f(), OWNER TO x`), the
//! whole form is checked.

use super::reading::Reading;

/// Kinds of objects whose owner is set by `ALTER <kind> <name> OWNER TO <role>`.
const PLAIN_KINDS: &[&str] = &[
    "foreign data wrapper",
    "procedural language",
    "materialized view",
    "text search dictionary",
    "text search configuration",
    "event trigger",
    "foreign table",
    "large object",
    "collation",
    "conversion",
    "domain",
    "language",
    "publication",
    "schema",
    "sequence",
    "server",
    "statistics",
    "table",
    "type",
    "view",
];

/// Kinds that have their arguments behind the name.
const CALLABLE_KINDS: &[&str] = &["function", "procedure", "routine", "aggregate"];

/// Kinds whose comments only a superuser or an owner that we have not got may set.
const COMMENTED_KINDS: &[&str] = &[
    "extension",
    "event trigger",
    "foreign data wrapper",
    "publication",
    "procedural language",
    "language",
    "cast",
    "operator class",
    "operator family",
];

/// `ALTER <kind> <name> OWNER TO <role>` and nothing else: the role.
pub(super) fn new_owner(reading: &Reading<'_>) -> Option<String> {
    let at = reading.begins("alter").then(|| behind_object(reading, 1)).flatten()?;
    let whole = reading.are(at, "owner to") && reading.len() == at + 3;
    if whole { reading.name(at + 2) } else { None }
}

/// The place behind the kind and the name of an object.
fn behind_object(reading: &Reading<'_>, at: usize) -> Option<usize> {
    for kind in ["operator class", "operator family"] {
        if reading.are(at, kind) {
            let name = reading.behind_name(at + 2)?;
            return reading.is(name, "using").then_some(name + 2);
        }
    }
    if reading.is(at, "operator") {
        return behind_operator(reading, at + 1);
    }
    if reading.are(at, "large object") {
        return Some(at + 3);
    }
    for kind in CALLABLE_KINDS {
        if reading.is(at, kind) {
            return reading.behind_parentheses(reading.behind_name(at + 1)?);
        }
    }
    let kind = PLAIN_KINDS.iter().find(|kind| reading.are(at, kind))?;
    let name = reading.skip(at, kind);
    let name = reading.skip(reading.skip(name, "if exists"), "only");
    reading.behind_name(name)
}

/// `schema.===(type, type)`
fn behind_operator(reading: &Reading<'_>, mut at: usize) -> Option<usize> {
    while reading.name(at).is_some() && reading.symbol(at + 1, ".") {
        at += 2;
    }
    let open = at + 1;
    if reading.symbol(open, "(") { reading.behind_parentheses(open) } else { None }
}

/// `COMMENT ON <kind> … IS '…'` for a kind that the restoring role may not comment.
pub(super) fn is_comment(reading: &Reading<'_>) -> bool {
    reading.begins("comment on") && COMMENTED_KINDS.iter().any(|kind| reading.are(2, kind))
}

/// `GRANT` and `REVOKE` on a foreign-data wrapper: wrappers have no functions here.
pub(super) fn is_wrapper_grant(reading: &Reading<'_>) -> bool {
    let rights = reading.begins("grant") || reading.begins("revoke");
    rights && reading.find(1, "on").is_some_and(|at| reading.are(at + 1, "foreign data wrapper"))
}

/// `CREATE OPERATOR FAMILY` and `CREATE OPERATOR CLASS` of btree and hash, whose support
/// functions have typed arguments, so that the server checks them. The other access methods, and
/// a few optional functions of these, take `internal` arguments: a wrong function there reads any
/// memory, so that they stay with extensions.
///
/// Gives what is created, as `OPERATOR CLASS s.c USING btree`.
pub(super) fn new_operator_class(reading: &Reading<'_>) -> Option<String> {
    let class = reading.begins("create operator class") && has_typed_functions(reading);
    if !class && !reading.begins("create operator family") {
        return None;
    }
    let method = typed_method(reading)?;
    let kind = reading.text_between(1, 3)?;
    let name = reading.text_between(3, reading.behind_name(3)?)?;
    Some(format!("{kind} {name} USING {method}"))
}

/// `ALTER OPERATOR FAMILY … ADD`, within the same bounds.
pub(super) fn adds_operators(reading: &Reading<'_>) -> bool {
    reading.begins("alter operator family")
        && reading.find(3, "add").is_some()
        && typed_method(reading).is_some()
        && has_typed_functions(reading)
}

/// The access method, if it is one whose functions are typed.
fn typed_method(reading: &Reading<'_>) -> Option<&'static str> {
    let at = reading.find(3, "using")? + 1;
    ["btree", "hash"].into_iter().find(|method| reading.is(at, method))
}

/// Whether all support functions are of those that have typed arguments.
fn has_typed_functions(reading: &Reading<'_>) -> bool {
    let other = if typed_method(reading) == Some("btree") { "3" } else { "2" };
    let typed = (0..reading.len()).filter(|&at| reading.is(at, "function")).all(|at| {
        reading.get(at + 1).is_some_and(|token| token.text == "1" || token.text == other)
    });
    typed && !reading.mentions("storage")
}

/// A publication of everything, or of whole schemas: no row filter, thus no expression.
pub(super) fn is_publication_of_all(reading: &Reading<'_>) -> bool {
    let publication = reading.begins("create publication") || reading.begins("alter publication");
    let wide = reading.mentions("all") || reading.find(2, "tables").is_some();
    publication && wide && !reading.mentions("where")
}

/// A cast through the types' own input and output functions. One through a function would let
/// the dump's code into every later cast of a superuser's session, one without function reads
/// the bytes of one type as another's.
pub(super) fn is_cast_by_text(reading: &Reading<'_>) -> bool {
    reading.begins("create cast")
        && reading.behind_parentheses(2).is_some_and(|at| reading.are(at, "with inout"))
}
