//! A server's version as `postgres --version` prints it.

use std::fmt;

/// A server's version: `15.18`, `18beta1`, `19devel`, `9.6.24`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerVersion {
    major: u32,
    number: String,
    text: String,
}

impl ServerVersion {
    /// Reads the first line of `postgres --version`:
    /// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
    /// `None` when it is not of that form.
    pub fn parse(line: &str) -> Option<Self> {
        Self::of_program("postgres", line)
    }

    /// The same of another of PostgreSQL's programs: `pg_dump (PostgreSQL) 15.18`.
    pub fn of_program(name: &str, line: &str) -> Option<Self> {
        let text = line.lines().next()?.trim();
        let rest = text.strip_prefix(name)?.strip_prefix(" (")?;
        let (_, rest) = rest.split_once(')')?;
        let number = rest.split_whitespace().next()?;
        let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
        let major = number[..digits].parse().ok()?;
        Some(Self { major, number: number.to_owned(), text: text.to_owned() })
    }

    /// The major version. Before PostgreSQL 10 it is only the first number (`9` of `9.6`).
    pub fn major(&self) -> u32 {
        self.major
    }

    /// The number alone: `15.18`, `18beta1`.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// The whole line, with the packager's remark: tells two builds of one number apart.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_version_line_is_read() {
        let lines = [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", 15, "15.18"),
            ("postgres (PostgreSQL) 16.4", 16, "16.4"),
            ("postgres (PostgreSQL) 19devel", 19, "19devel"),
            ("postgres (PostgreSQL) 18beta1 (Debian 18~beta1-1)", 18, "18beta1"),
            ("postgres (PostgreSQL) 17rc2", 17, "17rc2"),
            ("postgres (PostgreSQL) 9.6.24", 9, "9.6.24"),
            ("postgres (EnterpriseDB Advanced Server) 15.2.0", 15, "15.2.0"),
        ];
        for (line, major, number) in lines {
            let version = ServerVersion::parse(line).unwrap();
            assert_eq!((version.major(), version.number()), (major, number), "{line}");
            assert_eq!(version.text(), line.trim());
        }
    }

    #[test]
    fn what_is_not_a_version_line_is_refused() {
        for line in ["", "psql (PostgreSQL) 15.1", "postgres (PostgreSQL)", "postgres (P) devel"] {
            assert_eq!(ServerVersion::parse(line), None, "{line}");
        }
    }
}
