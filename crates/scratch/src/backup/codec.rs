//! What a file is, told by its first bytes and never by its name.

/// How the file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    Plain,
    /// gzip (RFC 1952), one member or several joined.
    Gzip,
    /// Zstandard (RFC 8878), one frame or several joined.
    Zstd,
    /// LZ4 frames (LZ4 frame format 1.6).
    Lz4,
}

impl Codec {
    /// As messages name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
        }
    }

    /// What the file's first bytes say.
    #[must_use]
    pub(super) fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A frame, or a skippable frame before it.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Lz4,
            _ => Self::Plain,
        }
    }
}

/// What the bytes are, once decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Text, as far as can be seen: maybe a plain dump.
    Text,
    /// An archive of `pg_dump -Fc`.
    Custom,
    /// An archive of `pg_dump -Ft`.
    Tar,
    /// An SQLite database.
    Sqlite,
    /// Something that is known and not read; the text says what, and what to do.
    Foreign(&'static str),
}

/// Offset and text of the magic in a tar header (POSIX ustar).
const TAR_MAGIC: (usize, &[u8]) = (257, b"ustar");

/// What decompressed bytes that begin with `head` are.
#[must_use]
pub(super) fn content_of(head: &[u8]) -> Content {
    let has = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
    if has(0, b"PGDMP") {
        Content::Custom
    } else if has(TAR_MAGIC.0, TAR_MAGIC.1) && has(0, b"toc.dat\0") {
        Content::Tar
    } else if has(0, b"SQLite format 3\0") {
        Content::Sqlite
    } else if has(TAR_MAGIC.0, TAR_MAGIC.1) {
        Content::Foreign("a tar file without a dump's toc.dat: unpack it and name the dump in it")
    } else if has(0, b"BZh") {
        Content::Foreign("a bzip2 file: decompress it and give it on standard input")
    } else if has(0, b"\xfd7zXZ\0") {
        Content::Foreign("an xz file: decompress it and give it on standard input")
    } else if has(0, b"PK\x03\x04") {
        Content::Foreign("a zip file: decompress it and give it on standard input")
    } else if has(0, &[0x02, 0x21, 0x4c, 0x18]) {
        Content::Foreign(
            "an lz4 file of the legacy format: decompress it and give it on standard input",
        )
    } else if has(0, b"-- MySQL dump") || has(0, b"/*M!999999") || has(0, b"-- MariaDB dump") {
        Content::Foreign("a dump of MySQL or MariaDB")
    } else if head.contains(&0) {
        Content::Foreign(
            "its bytes are neither text nor an archive of pg_dump nor an SQLite database; an \
             encrypted database looks like this: decrypt it first",
        )
    } else {
        Content::Text
    }
}
