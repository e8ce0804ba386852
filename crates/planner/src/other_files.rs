//! Other files that a migration of an SQLite database opens or writes: `ATTACH` and `VACUUM INTO`.
//! They are nothing of the target's: its backup does not hold them, and a rehearsal does not try
//! them. Which tables of an attached file a statement writes is not looked at here.

use stopover_model::{DatabaseKind, Finding, Migration};
use stopover_sql::{Dialect, Statement, Token, TokenKind, tokens_in};

use crate::script::place;

const CODE: &str = "other-file";

/// A warning for each statement that names another file.
pub(crate) fn named(
    migration: &Migration,
    database: DatabaseKind,
    statements: &[Statement],
) -> Vec<Finding> {
    match database {
        DatabaseKind::Postgres => Vec::new(),
        DatabaseKind::Sqlite => statements.iter().filter_map(|it| finding(migration, it)).collect(),
    }
}

fn finding(migration: &Migration, statement: &Statement) -> Option<Finding> {
    let (verb, file) = other_file(&statement.text)?;
    let place = place(migration, statement);
    let file = match file {
        File::Named(name) => name,
        File::Computed(expression) => format!("the file that {expression} names"),
    };
    let (does, remedy) = match verb {
        Verb::Attach => (
            format!("ATTACH opens {file}: what the migration changes there"),
            "make a backup of that file too before the apply, or leave it out of the migration",
        ),
        Verb::VacuumInto => (
            format!("VACUUM INTO writes {file}: that file"),
            "make the copy beside the migrations, with `stopover backup`",
        ),
    };
    let message = format!(
        "{place}: {does} is in no backup of this database, and no rehearsal tries it: a copy opens \
         no other file"
    );
    Some(Finding::warning(CODE, place, message, remedy))
}

/// What opens the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Attach,
    VacuumInto,
}

/// How a statement tells the file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum File {
    Named(String),
    /// By an expression, which is not computed here.
    Computed(String),
}

/// The file that a statement opens besides its database; `None` also for one that is in memory or
/// that SQLite removes by itself.
fn other_file(text: &str) -> Option<(Verb, File)> {
    let tokens: Vec<Token<'_>> =
        tokens_in(Dialect::Sqlite, text).filter(|it| !it.kind.is_trivia()).collect();
    let first = tokens.first()?;
    let (verb, expression) = if is_word(first, "ATTACH") {
        let from = if tokens.get(1).is_some_and(|it| is_word(it, "DATABASE")) { 2 } else { 1 };
        let until = tokens.iter().rposition(|it| is_word(it, "AS")).unwrap_or(tokens.len());
        (Verb::Attach, tokens.get(from..until)?)
    } else if is_word(first, "VACUUM") {
        let into = tokens.iter().take(3).position(|it| is_word(it, "INTO"))?;
        (Verb::VacuumInto, &tokens[into + 1..])
    } else {
        return None;
    };
    let expression = match expression {
        [expression @ .., end] if end.text == ";" => expression,
        expression => expression,
    };
    let file = match expression {
        // A word or a quoted name is taken for a string here.
        [one] if one.kind != TokenKind::Param => File::Named(bare(one.text)),
        [first, .., last] => {
            File::Computed(text.get(first.range.start..last.range.end)?.to_owned())
        }
        [one] => File::Computed(one.text.to_owned()),
        [] => return None,
    };
    let is_passing = matches!(&file, File::Named(name) if name.is_empty() || name == ":memory:");
    (!is_passing).then_some((verb, file))
}

fn is_word(token: &Token<'_>, word: &str) -> bool {
    token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case(word)
}

/// A literal's or a name's text without its quotes.
fn bare(token: &str) -> String {
    let quotes = [('\'', '\''), ('"', '"'), ('`', '`'), ('[', ']')];
    let quoted = quotes.into_iter().find_map(|(open, close)| {
        let inner = token.strip_prefix(open)?.strip_suffix(close)?;
        Some(inner.replace(&format!("{close}{close}"), &close.to_string()))
    });
    quoted.unwrap_or_else(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(verb: Verb, name: &str) -> Option<(Verb, File)> {
        Some((verb, File::Named(name.to_owned())))
    }

    #[test]
    fn the_file_is_found_however_it_is_written() {
        for (text, name) in [
            ("ATTACH 'old.db' AS old", "old.db"),
            ("attach database \"it's.db\" as old;", "it's.db"),
            ("ATTACH 'it''s.db' AS \"as\"", "it's.db"),
            ("ATTACH /* here */ DATABASE [old one.db] AS old", "old one.db"),
            ("ATTACH 'file:old.db?mode=ro' AS old", "file:old.db?mode=ro"),
        ] {
            assert_eq!(other_file(text), named(Verb::Attach, name), "{text}");
        }
        assert_eq!(other_file("VACUUM INTO 'copy.db'"), named(Verb::VacuumInto, "copy.db"));
        assert_eq!(other_file("vacuum main into 'copy.db';"), named(Verb::VacuumInto, "copy.db"));
        let computed = File::Computed("'a' || 'b'".to_owned());
        assert_eq!(other_file("ATTACH 'a' || 'b' AS c"), Some((Verb::Attach, computed)));
    }

    #[test]
    fn what_is_in_memory_or_no_file_at_all_is_none() {
        for text in [
            "ATTACH ':memory:' AS scratch",
            "ATTACH DATABASE '' AS scratch",
            "VACUUM",
            "VACUUM main;",
            "DETACH old",
            "INSERT INTO attach VALUES ('x')",
            "CREATE TABLE vacuum (into_ TEXT)",
        ] {
            assert_eq!(other_file(text), None, "{text}");
        }
    }
}
