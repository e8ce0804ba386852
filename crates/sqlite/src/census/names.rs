//! Names as SQL writes them: with quotes only where they are needed.

/// Words that mean something else without quotes. Source:
/// <https://sqlite.org/lang_keywords.html>, and the two constants.
const KEYWORDS: &str = " ABORT ACTION ADD AFTER ALL ALTER ALWAYS ANALYZE AND AS ASC ATTACH \
    AUTOINCREMENT BEFORE BEGIN BETWEEN BY CASCADE CASE CAST CHECK COLLATE COLUMN COMMIT CONFLICT \
    CONSTRAINT CREATE CROSS CURRENT CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP DATABASE DEFAULT \
    DEFERRABLE DEFERRED DELETE DESC DETACH DISTINCT DO DROP EACH ELSE END ESCAPE EXCEPT EXCLUDE \
    EXCLUSIVE EXISTS EXPLAIN FAIL FALSE FILTER FIRST FOLLOWING FOR FOREIGN FROM FULL GENERATED \
    GLOB GROUP GROUPS HAVING IF IGNORE IMMEDIATE IN INDEX INDEXED INITIALLY INNER INSERT INSTEAD \
    INTERSECT INTO IS ISNULL JOIN KEY LAST LEFT LIKE LIMIT MATCH MATERIALIZED NATURAL NO NOT \
    NOTHING NOTNULL NULL NULLS OF OFFSET ON OR ORDER OTHERS OUTER OVER PARTITION PLAN PRAGMA \
    PRECEDING PRIMARY QUERY RAISE RANGE RECURSIVE REFERENCES REGEXP REINDEX RELEASE RENAME \
    REPLACE RESTRICT RETURNING RIGHT ROLLBACK ROW ROWS SAVEPOINT SELECT SET TABLE TEMP TEMPORARY \
    THEN TIES TO TRANSACTION TRIGGER TRUE UNBOUNDED UNION UNIQUE UPDATE USING VACUUM VALUES VIEW \
    VIRTUAL WHEN WHERE WINDOW WITH WITHIN WITHOUT ";

/// `name` with quotes where it needs them.
pub(super) fn shown(name: &str) -> String {
    let mut bytes = name.bytes();
    let plain = bytes.next().is_some_and(|it| it.is_ascii_alphabetic() || it == b'_')
        && bytes.all(|it| it.is_ascii_alphanumeric() || it == b'_');
    if plain && !KEYWORDS.contains(&format!(" {} ", name.to_ascii_uppercase())) {
        name.to_owned()
    } else {
        crate::literal::identifier(name)
    }
}

/// The name that a token means: one of a word, or of `"…"`, `` `…` `` or `[…]`.
pub(super) fn meant(token: &str) -> String {
    let inner = |quote: &str| token.strip_prefix(quote).and_then(|it| it.strip_suffix(quote));
    if let Some(name) = token.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
        return name.to_owned();
    }
    for quote in ["\"", "`", "'"] {
        if let Some(name) = inner(quote) {
            return name.replace(&quote.repeat(2), quote);
        }
    }
    token.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_quotes_where_they_need_them() {
        for (token, name) in [
            ("orders", "orders"),
            ("\"orders\"", "orders"),
            ("[odd name]", "\"odd name\""),
            ("`order`", "\"order\""),
            ("\"a\"\"b\"", "\"a\"\"b\""),
            ("Ünlü", "\"Ünlü\""),
            ("'text'", "text"),
            ("\"\"", "\"\""),
        ] {
            assert_eq!(shown(&meant(token)), name);
        }
    }
}
