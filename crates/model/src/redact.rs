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
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>'))
            .unwrap_or(after.len());
        let (url, tail) = after.split_at(end);
        let authority_end = url.find(['/', '?', '#']).unwrap_or(url.len());
        // A password may hold an unescaped '/' or '@': the last '@' of the URL before a query
        // decides, so that too much is hidden rather than too little.
        let scope = url.find('?').unwrap_or(url.len());
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
/// `&`.
fn value_length(text: &str) -> usize {
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
