//! The fingerprint of a migration, as each ledger keeps it.

use std::fmt;
use std::hash::{Hash, Hasher};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha384};
use siphasher::sip::SipHasher13;

use crate::Version;

/// The checksum of a migration's up file, as a ledger spells it.
///
/// Those of two kinds never compare equal: compare like with like, by
/// [`ChecksumKind::of`] of the stored one's [`Checksum::kind`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Checksum {
    /// SHA-256 of the file's bytes: 64 hex digits. Ours.
    Sha256(String),
    /// SHA-384 of the file's bytes: 96 hex digits. sqlx's (`sqlx-core/src/migrate/migration.rs`).
    Sha384(String),
    /// CRC-32 of the file's lines without their ends: a signed number. Flyway's
    /// (`ChecksumCalculator.java`).
    Crc32(String),
    /// SipHash-1-3 of name, version and text: an unsigned number. refinery's
    /// (`refinery_core/src/runner.rs`).
    Sip13 {
        /// The number.
        digits: String,
        /// How wide the version was that went into it.
        width: VersionWidth,
    },
}

/// How wide the column of refinery's versions is; its checksums depend on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VersionWidth {
    /// `int4`: as refinery is built by default.
    #[default]
    Int4,
    /// `int8`: as it is built with the feature `int8-versions`.
    Int8,
}

/// How a ledger fingerprints migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChecksumKind {
    /// Not at all.
    None,
    /// [`Checksum::Sha256`]
    Sha256,
    /// [`Checksum::Sha384`]
    Sha384,
    /// [`Checksum::Crc32`]
    Crc32,
    /// [`Checksum::Sip13`]
    Sip13(VersionWidth),
}

/// What goes into a checksum.
#[derive(Debug, Clone, Copy)]
pub struct Fingerprinted<'a> {
    /// The migration's version.
    pub version: &'a Version,
    /// Its name.
    pub name: &'a str,
    /// Its file's text.
    pub text: &'a str,
}

impl ChecksumKind {
    /// The checksum of a migration; `None` where the ledger keeps none, or its tool has none for
    /// such a version.
    #[must_use]
    pub fn of(self, migration: Fingerprinted<'_>) -> Option<Checksum> {
        let bytes = migration.text.as_bytes();
        match self {
            Self::None => None,
            Self::Sha256 => Some(Checksum::sha256(bytes)),
            Self::Sha384 => Some(Checksum::sha384(bytes)),
            Self::Crc32 => Some(Checksum::Crc32(crc32_of_lines(migration.text).to_string())),
            Self::Sip13(width) => {
                let number = sip13(migration, width)?;
                Some(Checksum::Sip13 { digits: number.to_string(), width })
            }
        }
    }
}

impl Checksum {
    /// SHA-256 of `bytes`.
    #[must_use]
    pub fn sha256(bytes: &[u8]) -> Self {
        Self::Sha256(hex(&Sha256::digest(bytes)))
    }

    /// SHA-384 of `bytes`.
    #[must_use]
    pub fn sha384(bytes: &[u8]) -> Self {
        Self::Sha384(hex(&Sha384::digest(bytes)))
    }

    /// How it was made.
    #[must_use]
    pub const fn kind(&self) -> ChecksumKind {
        match self {
            Self::Sha256(_) => ChecksumKind::Sha256,
            Self::Sha384(_) => ChecksumKind::Sha384,
            Self::Crc32(_) => ChecksumKind::Crc32,
            Self::Sip13 { width, .. } => ChecksumKind::Sip13(*width),
        }
    }

    /// Whether it is the checksum of `migration`.
    #[must_use]
    pub fn is_of(&self, migration: Fingerprinted<'_>) -> bool {
        let bytes = migration.text.as_bytes();
        match self {
            Self::Sha256(digits) => spells(digits, &Sha256::digest(bytes)),
            Self::Sha384(digits) => spells(digits, &Sha384::digest(bytes)),
            Self::Crc32(_) | Self::Sip13 { .. } => self.kind().of(migration).as_ref() == Some(self),
        }
    }

    /// The digits as the ledger spells them: lower-case hex of a SHA, else a decimal number.
    #[must_use]
    pub fn hex(&self) -> &str {
        match self {
            Self::Sha256(digits)
            | Self::Sha384(digits)
            | Self::Crc32(digits)
            | Self::Sip13 { digits, .. } => digits,
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hex())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| digits(*byte)).map(char::from).collect()
}

/// Whether `text` is `bytes` in lower-case hex. Thousands of files are fingerprinted in a run that
/// has nothing to do: nothing is written down for it.
fn spells(text: &str, bytes: &[u8]) -> bool {
    let pairs = text.as_bytes().chunks_exact(2);
    text.len() == bytes.len() * 2 && pairs.zip(bytes).all(|(pair, byte)| pair == digits(*byte))
}

fn digits(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|it| b"0123456789abcdef"[usize::from(it)])
}

/// As Flyway does: a byte-order mark and the lines' ends (LF, CR or both) do not count, so that
/// neither an editor nor git's `autocrlf` changes it.
fn crc32_of_lines(text: &str) -> i32 {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let counted = text.bytes().filter(|byte| !matches!(byte, b'\n' | b'\r'));
    let crc = counted.fold(u32::MAX, |crc, byte| {
        CRC32_TABLE[usize::from(byte ^ crc.to_le_bytes()[0])] ^ (crc >> 8)
    });
    (!crc).cast_signed()
}

/// The table of the reflected polynomial 0xEDB88320 (ISO 3309, as in zlib and Java's `CRC32`).
const CRC32_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        #[allow(clippy::cast_possible_truncation)]
        let mut value = at as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { 0xEDB8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[at] = value;
        at += 1;
    }
    table
};

/// As refinery does: Rust's `Hash` of the name, of the version as an `i32` or an `i64`, and of
/// the text, in this order.
fn sip13(migration: Fingerprinted<'_>, width: VersionWidth) -> Option<u64> {
    let version = migration.version.as_integer()?;
    let mut hasher = SipHasher13::new();
    migration.name.hash(&mut hasher);
    match width {
        VersionWidth::Int4 => i32::try_from(version).ok()?.hash(&mut hasher),
        VersionWidth::Int8 => version.hash(&mut hasher),
    }
    migration.text.hash(&mut hasher);
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: ChecksumKind, version: i64, name: &str, text: &str) -> String {
        let version = Version::Integer(version);
        let checksum = kind.of(Fingerprinted { version: &version, name, text }).unwrap();
        assert!(checksum.is_of(Fingerprinted { version: &version, name, text }));
        checksum.to_string()
    }

    /// Test vectors for the message "abc": FIPS 180-4, appendix.
    #[test]
    fn known_vectors() {
        assert_eq!(
            Checksum::sha256(b"abc").hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(Checksum::sha384(b"abc").hex().starts_with("cb00753f45a35e8bb5a03d699ac65007"));
    }

    /// The check value of CRC-32 is 0xCBF43926 for "123456789"; Flyway stores it signed.
    #[test]
    fn flyways_checksum_is_of_the_lines() {
        for text in ["123456789", "1234\r\n56789\n", "\u{feff}123\n456\r789"] {
            assert_eq!(of(ChecksumKind::Crc32, 1, "a", text), "-873187034", "{text:?}");
        }
        assert_eq!(of(ChecksumKind::Crc32, 1, "a", ""), "0");
        assert_ne!(of(ChecksumKind::Crc32, 1, "a", "123456789 "), "-873187034");
    }

    /// The values of refinery's own tests (`refinery/tests/postgres.rs`, of the migrations in
    /// `refinery/tests/migrations_broken`).
    #[test]
    fn refinerys_checksum_depends_on_name_version_width_and_text() {
        let narrow = ChecksumKind::Sip13(VersionWidth::Int4);
        let wide = ChecksumKind::Sip13(VersionWidth::Int8);
        let one = "CREATE TABLE persons (\n    id int,\n    name varchar(255),\n    city varchar(255)\n);\n";
        let two = "CREATE TABLE cars (\n    id int,\n    name varchar(255)\n);\n";
        for (kind, version, name, text, expected) in [
            (narrow, 1, "initial", one, "2959965718684201605"),
            (wide, 1, "initial", one, "13938959368620441626"),
            (narrow, 2, "add_cars_table", two, "8238603820526370208"),
            (wide, 2, "add_cars_table", two, "5394706226941044339"),
        ] {
            assert_eq!(of(kind, version, name, text), expected, "{name}");
        }
        let version = Version::Integer(20_260_730_120_000);
        let large = Fingerprinted { version: &version, name: "a", text: one };
        assert_eq!(narrow.of(large), None, "no int4 holds it");
        assert!(wide.of(large).is_some());
    }

    #[test]
    fn kinds_never_compare_equal() {
        let version = Version::Integer(1);
        let migration = Fingerprinted { version: &version, name: "a", text: "x" };
        let sqlx = Checksum::sha384(b"x");
        assert_ne!(sqlx, Checksum::sha256(b"x"));
        assert!(sqlx.is_of(migration) && Checksum::sha256(b"x").is_of(migration));
    }
}
