//! psql's backslash commands: recognised, never executed.

/// The lines that keep psql from running commands that a hostile server put into a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// `\restrict TOKEN`, at the start.
    Restrict,
    /// `\unrestrict TOKEN`, at the end.
    Unrestrict,
}

/// A psql command as it stands in a line: its name and all that follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaCommand {
    /// The name without the backslash, as `restrict`, `connect`, `!` or `.`.
    pub name: String,
    /// What follows the name, without the white space around it.
    pub rest: String,
}

impl MetaCommand {
    /// Reads the body of a [`crate::PieceKind::MetaCommand`] piece. Bytes that are not UTF-8 are
    /// replaced, which is enough to name a command; nothing runs from this.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> MetaCommand {
        let line = String::from_utf8_lossy(bytes);
        let line = line.trim();
        let line = line.strip_prefix('\\').unwrap_or(line);
        // `\!ls` and `\.` need no white space after the name.
        let end = match line.chars().next() {
            Some(first) if !first.is_alphanumeric() && first != '_' => first.len_utf8(),
            _ => line.find(|c: char| c.is_whitespace() || c == '\\').unwrap_or(line.len()),
        };
        let (name, rest) = line.split_at(end);
        MetaCommand { name: name.to_owned(), rest: rest.trim().to_owned() }
    }

    /// Which of the two lines this is that pg_dump puts around a plain dump since August
    /// 2025 (CVE-2025-8714), `\restrict TOKEN` and `\unrestrict TOKEN`. None, too, when there is
    /// anything else in the line: after a second backslash psql would read on.
    #[must_use]
    pub fn guard(&self) -> Option<Guard> {
        let token = self.rest.as_bytes();
        if token.is_empty() || !token.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        match self.name.as_str() {
            "restrict" => Some(Guard::Restrict),
            "unrestrict" => Some(Guard::Unrestrict),
            _ => None,
        }
    }
}
