//! The fingerprint of a migration's bytes, as each ledger keeps it.

use std::fmt::{self, Write as _};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha384};

/// A checksum of the bytes of a migration's up file.
///
/// Our ledger keeps SHA-256; sqlx keeps SHA-384 (`sqlx-core/src/migrate/migration.rs`). Both are
/// written as lower-case hex here. The two never compare equal: compare like with like, by
/// [`Checksum::of_same_kind`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Checksum {
    /// SHA-256, 64 hex digits.
    Sha256(String),
    /// SHA-384, 96 hex digits.
    Sha384(String),
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

    /// The checksum of `bytes` by the same function that made this one.
    #[must_use]
    pub fn of_same_kind(&self, bytes: &[u8]) -> Self {
        match self {
            Self::Sha256(_) => Self::sha256(bytes),
            Self::Sha384(_) => Self::sha384(bytes),
        }
    }

    /// The lower-case hex digits.
    #[must_use]
    pub fn hex(&self) -> &str {
        match self {
            Self::Sha256(hex) | Self::Sha384(hex) => hex,
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hex())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test vectors for the message "abc": FIPS 180-4, appendix.
    #[test]
    fn known_vectors() {
        assert_eq!(
            Checksum::sha256(b"abc").hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(Checksum::sha384(b"abc").hex().starts_with("cb00753f45a35e8bb5a03d699ac65007"));
    }

    #[test]
    fn kinds_never_compare_equal() {
        let sqlx = Checksum::sha384(b"x");
        assert_ne!(sqlx, Checksum::sha256(b"x"));
        assert_eq!(sqlx.of_same_kind(b"x"), sqlx);
    }
}
