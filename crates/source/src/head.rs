//! The comments at the head of a script: what stands before its first statement.

/// A `--` comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Comment<'a> {
    /// Its line in the file, from 1.
    pub(crate) line: usize,
    /// What follows the two hyphens, without white space at the ends.
    pub(crate) text: &'a str,
}

/// The `--` comments before the first statement, after a byte-order mark if there is one.
/// Block comments are passed over: no directive is written in them.
pub(crate) fn comments(script: &str) -> Vec<Comment<'_>> {
    let mut rest = script.strip_prefix('\u{feff}').unwrap_or(script);
    let mut line = 1;
    let mut found = Vec::new();
    loop {
        let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
        line += newlines(&rest[..rest.len() - trimmed.len()]);
        let length = if let Some(comment) = trimmed.strip_prefix("--") {
            // PostgreSQL ends such a comment at a line feed or at a carriage return (scan.l).
            let end = comment.find(['\n', '\r']).unwrap_or(comment.len());
            found.push(Comment { line, text: comment[..end].trim() });
            end + 2
        } else if let Some(length) = block_comment(trimmed) {
            length
        } else {
            return found;
        };
        line += newlines(&trimmed[..length]);
        rest = &trimmed[length..];
    }
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|&byte| byte == b'\n').count()
}

/// Length of the block comment that `text` starts with; they nest. `None` where there is none, or
/// where it does not end.
fn block_comment(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        match bytes.get(at..at + 2)? {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" if depth > 0 => (depth, at) = (depth - 1, at + 2),
            _ if depth > 0 => at += 1,
            _ => return None,
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<(usize, &str)> {
        comments(script).into_iter().map(|it| (it.line, it.text)).collect()
    }

    #[test]
    fn comments_before_the_first_statement_are_found_with_their_lines() {
        let script =
            "\u{feff}-- one\r\n\r\n/* a /* nested */\n -- not this */ --two\nSELECT 1;\n-- no";
        assert_eq!(texts(script), [(1, "one"), (4, "two")]);
    }

    #[test]
    fn nothing_is_found_where_a_statement_or_an_open_comment_comes_first() {
        for script in
            ["", "SELECT '\n-- x\n'", "/* open -- x\n-- y", "; -- x", "\\restrict a\n-- x"]
        {
            assert_eq!(texts(script), [], "{script:?}");
        }
    }
}
