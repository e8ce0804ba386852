//! pg_dump's script as steps: one statement each, with what pg_dump says of it in the comment
//! before it. Pure.
//!
//! Source of the comment's form: `_printTocEntry` in PostgreSQL's
//! `src/bin/pg_dump/pg_backup_archiver.c`.

use stopover_sql::dump::DumpScanner;
use stopover_sql::{Guard, MetaCommand, Piece, PieceKind, Splitter, TokenKind, tokens};

/// One statement of the definitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// What it belongs to, in pg_dump's words: `TABLE`, `FK CONSTRAINT`, `COMMENT`.
    pub(crate) kind: String,
    /// The schema, unquoted; empty where there is none.
    pub(crate) schema: String,
    /// pg_dump's name for it: `orders`, `orders orders_pkey`, `COLUMN orders.id`.
    pub(crate) tag: String,
    /// The statement.
    pub(crate) sql: String,
}

/// What pg_dump calls what is made behind the data.
const BEHIND: &[&str] = &[
    "INDEX",
    "INDEX ATTACH",
    "STATISTICS",
    "CONSTRAINT",
    "CHECK CONSTRAINT",
    "FK CONSTRAINT",
    "TRIGGER",
    "RULE",
    "POLICY",
    "ROW SECURITY",
    "EVENT TRIGGER",
    "PUBLICATION TABLE",
    "PUBLICATION TABLES IN SCHEMA",
];

impl Step {
    /// Whether it begins what is made behind the data.
    pub(crate) fn is_behind_data(&self) -> bool {
        BEHIND.contains(&self.kind.as_str())
    }

    /// The tables that it is on: of an index or a constraint its table, of a foreign key also the
    /// other one. As `schema.table`, as pg_dump writes it.
    pub(crate) fn tables(&self) -> Vec<String> {
        let words: Vec<_> = tokens(&self.sql).filter(|it| !it.kind.is_trivia()).collect();
        let is = |at: usize, text: &str| words.get(at).is_some_and(|it| it.text == text);
        let named = |at: usize| -> Option<String> {
            let name = |at: usize| {
                words
                    .get(at)
                    .filter(|it| matches!(it.kind, TokenKind::Word | TokenKind::QuotedIdent))
            };
            let (schema, table) = (name(at)?, name(at + 2)?);
            is(at + 1, ".").then(|| format!("{}.{}", schema.text, table.text))
        };
        let behind = |keyword: &str| {
            let at = words.iter().position(|it| it.text == keyword)? + 1;
            named(if is(at, "ONLY") { at + 1 } else { at })
        };
        match self.kind.as_str() {
            "INDEX" => behind("ON").into_iter().collect(),
            "CONSTRAINT" | "CHECK CONSTRAINT" => behind("TABLE").into_iter().collect(),
            "FK CONSTRAINT" => behind("TABLE").into_iter().chain(behind("REFERENCES")).collect(),
            _ => Vec::new(),
        }
    }

    /// The table that `ALTER TABLE` names, as pg_dump writes it.
    pub(crate) fn altered(&self) -> Option<String> {
        let rest = self.sql.strip_prefix("ALTER TABLE ")?;
        let words: Vec<_> = tokens(rest.strip_prefix("ONLY ").unwrap_or(rest)).take(3).collect();
        match words.as_slice() {
            [schema, dot, table] if dot.text == "." => {
                Some(format!("{}.{}", schema.text, table.text))
            }
            _ => None,
        }
    }

    /// The step as people call it: `view reporting.daily`.
    pub(crate) fn object(&self) -> String {
        if let Some((what, _)) =
            self.sql.strip_prefix("COMMENT ON ").and_then(|it| it.split_once(" IS "))
        {
            return format!("comment on {what}");
        }
        let kind = match self.kind.as_str() {
            "ACL" => "grants on".to_owned(),
            other => other.to_lowercase(),
        };
        if self.schema.is_empty() {
            format!("{kind} {}", self.tag)
        } else {
            format!("{kind} {}.{}", self.schema, self.tag)
        }
    }
}

/// A script that is being read.
#[derive(Debug, Default)]
pub(super) struct Script {
    scanner: DumpScanner,
    steps: Vec<Step>,
    entry: Entry,
    /// `SET default_table_access_method = …`, where it is not the usual one.
    access_method: Option<String>,
    bytes: u64,
}

/// pg_dump's comment before a statement.
#[derive(Debug, Default, Clone)]
struct Entry {
    kind: String,
    schema: String,
    tag: String,
}

impl Script {
    /// Takes all pieces that the splitter has.
    pub(super) fn take(&mut self, splitter: &mut Splitter) -> Result<(), String> {
        while let Some(piece) = splitter.next_piece().map_err(|it| it.to_string())? {
            self.scanner.piece(&piece);
            self.piece(&piece)?;
        }
        self.bytes = splitter.offset();
        Ok(())
    }

    /// The steps, when all is read.
    pub(super) fn whole(self) -> Result<Vec<Step>, String> {
        self.scanner.finish(self.bytes, Ok(())).map_err(|error| error.to_string())?;
        Ok(self.steps)
    }

    fn piece(&mut self, piece: &Piece<'_>) -> Result<(), String> {
        if let Some(entry) = entry(piece.leading_trivia()) {
            self.entry = entry;
        }
        match piece.kind {
            PieceKind::Blank => Ok(()),
            PieceKind::Statement if piece.copy.is_none() => {
                let text = std::str::from_utf8(piece.body_bytes()).map_err(|it| it.to_string())?;
                self.statement(text);
                Ok(())
            }
            PieceKind::MetaCommand
                if MetaCommand::parse(piece.body_bytes()).guard().is_some_and(is_known) =>
            {
                Ok(())
            }
            _ => Err(format!("it wrote what no definition is, in line {}", piece.body_line)),
        }
    }

    /// Settings of the session are ours; but one says what tables are made of.
    fn statement(&mut self, text: &str) {
        if text.starts_with("SELECT pg_catalog.set_config(") {
            return;
        }
        if text.starts_with("SET ") {
            if text.starts_with("SET default_table_access_method") {
                self.access_method = (!text.ends_with("= heap")).then(|| text.to_owned());
            }
            return;
        }
        let sql = match &self.access_method {
            // Others follow in the same transaction: it counts for this one only.
            Some(setting) if text.starts_with("CREATE ") => format!(
                "{};{text};SET LOCAL default_table_access_method = heap",
                setting.replacen("SET ", "SET LOCAL ", 1)
            ),
            _ => text.to_owned(),
        };
        let Entry { kind, schema, tag } = self.entry.clone();
        self.steps.push(Step { kind, schema, tag, sql });
    }
}

const fn is_known(guard: Guard) -> bool {
    matches!(guard, Guard::Restrict | Guard::Unrestrict)
}

/// The last `-- Name: …; Type: …; Schema: …; Owner: …` of some comments. Names may hold all of
/// these words: the last ones count.
fn entry(trivia: &[u8]) -> Option<Entry> {
    let text = std::str::from_utf8(trivia).ok()?;
    let line = text.lines().rev().find_map(|line| line.strip_prefix("-- Name: "))?;
    let (rest, _) = line.rsplit_once("; Owner: ")?;
    let (rest, schema) = rest.rsplit_once("; Schema: ")?;
    let (tag, kind) = rest.rsplit_once("; Type: ")?;
    let schema = if schema == "-" { "" } else { schema };
    Some(Entry { kind: kind.to_owned(), schema: schema.to_owned(), tag: tag.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n\
SET statement_timeout = 0;\nSELECT pg_catalog.set_config('search_path', '', false);\n\n\
--\n-- Name: a; Type: b; Type: TABLE; Schema: s; Owner: -\n--\n\n\
SET default_table_access_method = columnar;\n\nCREATE TABLE s.t (\n    a text DEFAULT ';'\n);\n\n\
SET default_table_access_method = heap;\n\n\
ALTER TABLE ONLY s.t FORCE ROW LEVEL SECURITY;\n\n\n\
--\n-- Name: t f; Type: FK CONSTRAINT; Schema: s; Owner: -\n--\n\n\
ALTER TABLE ONLY s.\"T x\"\n    ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES \"o\"\"\".u(a);\n\n\n\
--\n-- Name: i; Type: INDEX; Schema: s; Owner: -\n--\n\n\
CREATE INDEX i ON ONLY s.t USING btree (a);\n\n\n\
\\unrestrict abc\n\n--\n-- PostgreSQL database dump complete\n--\n\n";

    fn read(text: &str, chunk: usize) -> Result<Vec<Step>, String> {
        let mut script = Script::default();
        let mut splitter = Splitter::new();
        for piece in text.as_bytes().chunks(chunk) {
            splitter.feed(piece);
            script.take(&mut splitter)?;
        }
        splitter.end();
        script.take(&mut splitter)?;
        script.whole()
    }

    #[test]
    fn each_statement_is_a_step_with_what_pg_dump_says_of_it() {
        for chunk in [1, 7, 100_000] {
            let steps = read(SCRIPT, chunk).unwrap();
            let told: Vec<(&str, &str, &str)> =
                steps.iter().map(|it| (&*it.kind, &*it.schema, &*it.tag)).collect();
            let table = ("TABLE", "s", "a; Type: b");
            assert_eq!(told, [table, table, ("FK CONSTRAINT", "s", "t f"), ("INDEX", "s", "i")]);
            assert!(steps[0].sql.starts_with("SET LOCAL default_table_access_method = columnar;"));
            assert!(steps[0].sql.ends_with(";SET LOCAL default_table_access_method = heap"));
            assert!(steps[1].sql.starts_with("ALTER TABLE ONLY s.t FORCE"));
            assert_eq!(steps[2].tables(), ["s.\"T x\"", "\"o\"\"\".u"]);
            assert_eq!(steps[3].tables(), ["s.t"]);
        }
    }

    #[test]
    fn a_script_that_breaks_off_is_none() {
        for cut in [SCRIPT.len() - 60, SCRIPT.len() / 2] {
            assert!(read(&SCRIPT[..cut], 100).is_err(), "{cut}");
        }
    }
}
