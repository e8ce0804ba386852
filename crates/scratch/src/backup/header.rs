//! What the first lines of a plain dump say about it.

/// What a dump says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// The server that it was dumped from, as `15.4 (Debian 15.4-1.pgdg120+1)`.
    pub server_version: Option<String>,
    /// The pg_dump that wrote it.
    pub dump_version: Option<String>,
    /// The encoding of its text, by PostgreSQL's name.
    pub encoding: Option<String>,
    /// When pg_dump started, in seconds since 1970 UTC; only `pg_dump --verbose` says so, and only
    /// a time in UTC is taken.
    pub started: Option<i64>,
}

impl Header {
    /// The major version of the server that it was dumped from.
    #[must_use]
    pub fn server_major(&self) -> Option<u32> {
        major(self.server_version.as_deref()?)
    }

    /// The major version of the pg_dump that wrote it.
    #[must_use]
    pub fn dump_major(&self) -> Option<u32> {
        major(self.dump_version.as_deref()?)
    }
}

/// `15` of `15.4 (Debian …)`, of `16beta1` and of `9.6.24`.
fn major(version: &str) -> Option<u32> {
    let digits = version.len() - version.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    version[..digits].parse().ok()
}

/// What the start of a text file turns out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// A dump of one database.
    Dump(Header),
    /// The output of pg_dumpall.
    Cluster,
    /// No header of pg_dump.
    Unknown,
}

/// Reads the lines at the start of a dump; `head` may be cut anywhere.
pub(super) fn read_start(head: &[u8]) -> Start {
    let mut header = Header::default();
    let mut is_dump = false;
    for line in head.split(|&byte| byte == b'\n') {
        let Ok(line) = std::str::from_utf8(line) else { break };
        let line = line.trim_end_matches('\r');
        if line == "-- PostgreSQL database cluster dump" {
            return Start::Cluster;
        } else if line == "-- PostgreSQL database dump" {
            is_dump = true;
        } else if let Some(version) = line.strip_prefix("-- Dumped from database version ") {
            header.server_version = Some(version.to_owned());
        } else if let Some(version) = line.strip_prefix("-- Dumped by pg_dump version ") {
            header.dump_version = Some(version.to_owned());
        } else if let Some(time) = line.strip_prefix("-- Started on ") {
            header.started = seconds(time);
        } else if let Some(name) = line.strip_prefix("SET client_encoding = ") {
            header.encoding = Some(name.trim_matches(['\'', ';']).to_owned());
        } else if !is_preamble(line) {
            break;
        }
    }
    if is_dump { Start::Dump(header) } else { Start::Unknown }
}

/// What the start of a script says that pg_restore made of an archive.
pub(crate) fn read_header(head: &[u8]) -> Header {
    match read_start(head) {
        Start::Dump(header) => header,
        Start::Cluster | Start::Unknown => Header::default(),
    }
}

/// Whether a line can stand before the first object of a dump.
fn is_preamble(line: &str) -> bool {
    let begins = |start: &str| line.starts_with(start);
    line.is_empty() || begins("--") || begins("SET ") || begins("\\restrict ") || begins("SELECT ")
}

/// `2024-05-01 02:00:00 UTC` as seconds since 1970. Other zones are abbreviations that mean
/// different things in different places.
fn seconds(text: &str) -> Option<i64> {
    let time = text.strip_suffix(" UTC").or_else(|| text.strip_suffix(" GMT"))?;
    let civil = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", time).ok()?;
    Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preamble_of_pg_dump_tells_versions_encoding_and_start() {
        let text = "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n\
            -- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)\n\
            -- Dumped by pg_dump version 16.2\n\n-- Started on 2024-05-01 02:00:00 UTC\n\n\
            SET statement_timeout = 0;\nSET client_encoding = 'LATIN1';\n\
            SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE x ();\n";
        let Start::Dump(header) = read_start(text.as_bytes()) else { panic!("not seen as a dump") };
        assert_eq!(header.server_major(), Some(15));
        assert_eq!(header.dump_major(), Some(16));
        assert_eq!(header.encoding.as_deref(), Some("LATIN1"));
        assert_eq!(header.started, Some(1_714_528_800));
    }

    #[test]
    fn other_text_is_not_taken_for_a_dump() {
        assert_eq!(read_start(b"SELECT 1;\n"), Start::Unknown);
        assert_eq!(
            read_start(b"CREATE TABLE x ();\n-- PostgreSQL database dump\n"),
            Start::Unknown
        );
        let cluster = b"--\n-- PostgreSQL database cluster dump\n--\n";
        assert_eq!(read_start(cluster), Start::Cluster);
    }
}
