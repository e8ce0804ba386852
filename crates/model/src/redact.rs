//! Keeps passwords out of everything that is shown.

/// Replaces the password of every connection URL (`scheme://user:password@host`), of every
/// `password=…` keyword and of every `PASSWORD '…'` of SQL in `text` by `***`.
///
/// The last line of defence: secrets are not put into messages in the first place. It works on
/// text that others wrote (a server's message, a command's output).
#[must_use]
pub fn redact_urls(text: &str) -> String {
    redact_keywords(&redact_userinfo(text))
}

fn redact_userinfo(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let (url, tail) = after.split_at(url_end(after));
        let authority_end = url.find(['/', '?', '#']).unwrap_or(url.len());
        // A password may hold an unescaped '/', '?' or '@': the last '@' of the URL before a
        // query decides, so that too much is hidden rather than too little.
        let scope = match url.find('?') {
            Some(query) if url[..query].contains('@') || !url[..query].contains(':') => query,
            _ => url.len(),
        };
        let split =
            url[..scope].rfind('@').filter(|&it| it < authority_end || url[..it].contains(':'));
        match split.and_then(|host| url[..host].find(':').map(|colon| (colon, host))) {
            Some((colon, host)) => {
                out.push_str(&url[..colon]);
                out.push_str(":***");
                out.push_str(&url[host..]);
            }
            None => out.push_str(url),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// Where a URL in a text ends: at white space or at a sign that quotes it. A password may hold one
/// of these too: where the text before it can only be a part of a password, the `@` that ends the
/// password is looked for in the same line.
fn url_end(text: &str) -> usize {
    let closes = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>');
    let end = text.find(closes).unwrap_or(text.len());
    if !ends_in_password(&text[..end]) {
        return end;
    }
    let line = text[end..].find('\n').map_or(text.len(), |at| end + at);
    match text[end..line].find('@') {
        Some(at) => text[end + at..].find(closes).map_or(text.len(), |rest| end + at + rest),
        None => end,
    }
}

/// Whether `text`, the beginning of a URL behind its `://`, breaks off in a password: `user:pass`,
/// and neither `host:port` nor anything with its `@`.
fn ends_in_password(text: &str) -> bool {
    text.split_once(':').is_some_and(|(user, rest)| {
        !user.contains(['/', '[']) && !rest.contains('@') && !is_port(rest)
    })
}

/// Whether `text` begins with a port, or has none: `5432/db`.
fn is_port(text: &str) -> bool {
    let port = text.split(['/', '?', '#', ',']).next().unwrap_or_default();
    port.bytes().all(|byte| byte.is_ascii_digit())
}

fn redact_keywords(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(found) = lower[from..].find("password") {
        let after = from + found + "password".len();
        let gap = lower[after..].len() - lower[after..].trim_start_matches(' ').len();
        // A keyword's sign, or the literal that SQL has right behind the word.
        let sign = usize::from(lower[after + gap..].starts_with('='));
        let literal = gap > 0 && lower[after + gap..].starts_with('\'');
        if sign == 0 && !literal {
            out.push_str(&text[from..after]);
            from = after;
            continue;
        }
        let value = after + gap + sign;
        let value = value + (text[value..].len() - text[value..].trim_start_matches(' ').len());
        out.push_str(&text[from..value]);
        out.push_str("***");
        from = value + value_length(&text[value..]);
    }
    out.push_str(&text[from..]);
    out
}

/// Length of a value: quoted, with backslash escapes and doubled quotes, or up to white space or
/// `&`. Within another literal, as in the text that a `DO` block executes, all its quotes are doubled.
fn value_length(text: &str) -> usize {
    let behind = text.trim_start_matches('\'');
    let (quotes, inner) = text.split_at(text.len() - behind.len());
    let is_empty = inner.starts_with(|c: char| c.is_whitespace() || matches!(c, ';' | ',' | ')'));
    if quotes.len() >= 2 && quotes.len() % 2 == 0 && !inner.is_empty() && !is_empty {
        return inner.find(quotes).map_or(text.len(), |end| end + 2 * quotes.len());
    }
    let Some(quoted) = text.strip_prefix('\'') else {
        return text
            .find(|c: char| c.is_whitespace() || matches!(c, '&' | '"'))
            .unwrap_or(text.len());
    };
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' if quoted[at + 1..].starts_with('\'') => escaped = true,
            '\'' => return at + 2,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_vanish_and_the_rest_stays() {
        for (text, expected) in [
            ("postgresql://u:secret@h:5432/db", "postgresql://u:***@h:5432/db"),
            ("see postgres://u:s/e@c@h/db?x=1 now", "see postgres://u:***@h/db?x=1 now"),
            ("postgres://u@h/db", "postgres://u@h/db"),
            ("'ALTER ROLE a PASSWORD ''se cret''' || x", "'ALTER ROLE a PASSWORD ***' || x"),
            ("PASSWORD ''''secret'''' IN ROLE b", "PASSWORD *** IN ROLE b"),
            ("PASSWORD '' IN ROLE b; SELECT 'x'", "PASSWORD *** IN ROLE b; SELECT 'x'"),
            ("PASSWORD ''; SELECT 'x'", "PASSWORD ***; SELECT 'x'"),
            ("PASSWORD '''quoted''' IN", "PASSWORD *** IN"),
            ("postgres://u:se?cret@h/db?x=1", "postgres://u:***@h/db?x=1"),
            ("postgres://u:se'cret@h/db", "postgres://u:***@h/db"),
            ("in 'postgres://u:se cret@h/db'", "in 'postgres://u:***@h/db'"),
            ("postgres://u:7?cret@h/db", "postgres://u:***@h/db"),
            ("'https://host:80/path' asks me@home", "'https://host:80/path' asks me@home"),
            ("see https://host/a?b=me@home", "see https://host/a?b=me@home"),
            ("'https://host:80' asks me@home", "'https://host:80' asks me@home"),
            ("https://host:80/path", "https://host:80/path"),
            ("host=h password=secret user=u", "host=h password=*** user=u"),
            ("password = 'se cr\\'et' host=h", "password = *** host=h"),
            ("postgres://h/db?password=secret&x=1", "postgres://h/db?password=***&x=1"),
            ("PGPASSWORD=secret psql", "PGPASSWORD=*** psql"),
            ("ALTER ROLE u PASSWORD 'it''s one' VALID", "ALTER ROLE u PASSWORD *** VALID"),
            ("ALTER ROLE u PASSWORD NULL", "ALTER ROLE u PASSWORD NULL"),
            ("password authentication failed", "password authentication failed"),
        ] {
            assert_eq!(redact_urls(text), expected);
        }
    }
}
