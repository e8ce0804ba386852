//! Text that others wrote, as Markdown that says exactly that.
//!
//! Sources: the CommonMark and GitHub Flavored Markdown specifications (code spans, entities,
//! tables, autolinks), and GitHub's documentation on mentions and references.

use crate::text;

/// Of a longer piece the beginning is shown.
const LONGEST: usize = 2_000;

/// A name or a value, on one line, as code: nothing in it is Markdown, HTML, or a mention.
pub(super) fn code(text: &str) -> String {
    let line = clipped(&text::tame_line(text));
    if line.is_empty() {
        return String::new();
    }
    if !line.contains(['`', '|', '\\']) {
        return format!("`{line}`");
    }
    // In a table a bar ends the cell even within a code span, and a backslash before it does not
    // help everywhere: as entities they are text wherever they stand.
    format!("<code>{}</code>", entities(&line))
}

/// Prose on one line: what stands between backticks is code, everything else plain text.
pub(super) fn prose(text: &str) -> String {
    let line = clipped(&text::tame_line(text));
    if line.matches('`').count() % 2 == 1 {
        return entities(&line);
    }
    let pieces = line.split('`').enumerate();
    pieces.map(|(at, piece)| if at % 2 == 1 { code(piece) } else { entities(piece) }).collect()
}

/// Several lines, as they are.
pub(super) fn fenced(text: &str) -> String {
    let text = text::tame(text);
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}text\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

fn clipped(line: &str) -> String {
    if line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    line.chars().take(LONGEST - 1).chain(['…']).collect()
}

/// Plain text: what Markdown or HTML could take for its own is spelled as an entity, which is never
/// taken for structure. Mentions and references are looked for in the finished text: a blank
/// without width keeps them apart.
fn entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    // `12. ` at the beginning of a line is an item of a list.
    let mut number = true;
    while let Some(c) = characters.next() {
        let next = characters.peek().copied().unwrap_or(' ');
        let is_structure = match c {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '&' | '|' | '~' | '$' | '^' => true,
            // `a_b` is no emphasis; `_b_` is.
            '_' => !before.is_alphanumeric() || !next.is_alphanumeric(),
            // `http://…` and `www.…` would become links.
            ':' => next == '/',
            '.' if before == 'w' => true,
            '.' | ')' => number && next == ' ',
            '-' | '+' | '=' => out.is_empty(),
            _ => false,
        };
        match c {
            '@' => out.push_str("&#64;&#8203;"),
            '#' => out.push_str("&#35;&#8203;"),
            _ if is_structure => out.push_str(&format!("&#{};", u32::from(c))),
            _ => out.push(c),
        }
        number &= c.is_ascii_digit();
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_code_whatever_they_are_made_of() {
        assert_eq!(code("public.orders"), "`public.orders`");
        assert_eq!(code("<script>"), "`<script>`");
        assert_eq!(code("a|b"), "<code>a&#124;b</code>");
        assert_eq!(code("a`b\\|c\nd"), "<code>a&#96;b&#92;&#124;c d</code>");
    }

    #[test]
    fn prose_mentions_nobody_and_links_nowhere() {
        assert_eq!(prose("ask @root, see #1"), "ask &#64;&#8203;root, see &#35;&#8203;1");
        assert_eq!(prose("http://x.y www.z"), "http&#58;//x.y www&#46;z");
        assert_eq!(
            prose("<b>*a* [b](c) _d_ e_f"),
            "&#60;b&#62;&#42;a&#42; &#91;b&#93;(c) &#95;d&#95; e_f"
        );
        assert_eq!(prose("run `a|b` now"), "run <code>a&#124;b</code> now");
        assert_eq!(prose("a ` b"), "a &#96; b");
        assert_eq!(prose("1. one"), "1&#46; one");
        assert_eq!(prose("- one"), "&#45; one");
    }

    #[test]
    fn a_fence_is_longer_than_any_within() {
        assert_eq!(fenced("a\n```\nb\n"), "````text\na\n```\nb\n````\n");
    }
}
