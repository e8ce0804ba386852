//! The header of pg_dump's archives: versions, without running pg_restore.
//!
//! Source of the format: `ReadHead` in PostgreSQL's `src/bin/pg_dump/pg_backup_archiver.c`. Only
//! the header is read here; everything behind it is pg_restore's business.

use super::header::Header;

/// The header's own format version, as `(1, 14)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Format(u8, u8);

impl Format {
    /// The oldest major version whose pg_restore reads this format.
    pub(super) fn oldest_reader(self) -> u32 {
        match self {
            Self(0, _) | Self(1, ..=12) => 9,
            Self(1, 13) => 10,
            Self(1, 14) => 12,
            Self(1, 15 | 16) => 16 + u32::from(self.1 == 16),
            // PostgreSQL 18 still writes 1.16.
            _ => 19,
        }
    }
}

/// What the header says; `None` when it ends early or makes no sense.
pub(super) fn read_archive_head(bytes: &[u8]) -> Option<(Format, Header)> {
    let mut cursor = Cursor { rest: bytes.strip_prefix(b"PGDMP")?, int_bytes: 0 };
    let format = Format(cursor.byte()?, cursor.byte()?);
    if format > Format(1, 0) {
        cursor.byte()?;
    }
    cursor.int_bytes = usize::from(cursor.byte()?);
    if format >= Format(1, 7) {
        cursor.byte()?;
    }
    // The archive's kind (custom, directory, tar), then its compression.
    cursor.byte()?;
    match format {
        it if it >= Format(1, 15) => drop(cursor.byte()?),
        it if it >= Format(1, 4) => drop(cursor.int()?),
        it if it >= Format(1, 2) => drop(cursor.byte()?),
        _ => {}
    }
    if format >= Format(1, 4) {
        for _ in 0..7 {
            cursor.int()?;
        }
        cursor.text()?;
    }
    let mut header = Header::default();
    if format >= Format(1, 10) {
        header.server_version = cursor.text()?;
        header.dump_version = cursor.text()?;
    }
    Some((format, header))
}

struct Cursor<'a> {
    rest: &'a [u8],
    int_bytes: usize,
}

impl Cursor<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// A sign byte, then the magnitude with the lowest byte first.
    fn int(&mut self) -> Option<i64> {
        let negative = self.byte()? != 0;
        let mut magnitude = 0_i64;
        for place in 0..self.int_bytes.min(7) {
            magnitude |= i64::from(self.byte()?) << (8 * place);
        }
        Some(if negative { -magnitude } else { magnitude })
    }

    /// A length, then so many bytes; a negative length is "none".
    fn text(&mut self) -> Option<Option<String>> {
        let Ok(length) = usize::try_from(self.int()?) else { return Some(None) };
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Some(String::from_utf8_lossy(text).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header_of(version: &str) -> Vec<u8> {
        let mut bytes = b"PGDMP\x01\x0e\x00\x04\x08\x01".to_vec();
        // Compression, seven parts of a time, the database's name, two versions.
        let int = |value: u8| [0, value, 0, 0, 0];
        for _ in 0..8 {
            bytes.extend(int(1));
        }
        for text in ["shop", version, "16.1"] {
            bytes.extend(int(u8::try_from(text.len()).unwrap()));
            bytes.extend(text.as_bytes());
        }
        bytes
    }

    #[test]
    fn the_versions_are_read_from_the_header() {
        let (format, header) = read_archive_head(&header_of("15.3")).unwrap();
        assert_eq!((format, format.oldest_reader()), (Format(1, 14), 12));
        assert_eq!((header.server_major(), header.dump_major()), (Some(15), Some(16)));
    }

    #[test]
    fn a_format_that_no_server_has_yet_takes_a_newer_pg_restore_than_there_is() {
        assert_eq!(Format(1, 16).oldest_reader(), 17);
        assert_eq!(Format(1, 17).oldest_reader(), 19);
    }

    #[test]
    fn a_header_that_ends_early_is_not_believed() {
        let whole = header_of("15.3");
        for end in 0..whole.len() {
            assert_eq!(read_archive_head(&whole[..end]), None, "{end} bytes");
        }
    }
}
