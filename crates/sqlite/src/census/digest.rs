//! Digests of values, rows and columns.
//!
//! A value is hashed with its type: the integer 1, the real 1.0, the text `1` and the blob `31` are
//! four values. The hash is SipHash-1-3 with 128 bit and a fixed key. A column's digest is the sum
//! of its values' hashes, modulo 2¹²⁸: a multiset's, so that duplicates count. A row's hash is that
//! of its values' hashes in the order of the columns' names, and the table's digest is the count
//! and the sum of the rows'. A change goes unseen with a probability of 2⁻¹²⁸, unless somebody
//! chooses values to fit the hash: the key is no secret.

use std::hash::Hasher;

use rusqlite::types::ValueRef;
use siphasher::sip128::{Hasher128, SipHasher13};

/// A sum of hashes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum(u128);

impl Sum {
    pub(super) fn add(&mut self, hash: u128) {
        self.0 = self.0.wrapping_add(hash);
    }

    pub(super) fn hex(self) -> String {
        format!("{:032x}", self.0)
    }
}

/// The hash of one value.
pub(super) fn value(value: ValueRef<'_>) -> u128 {
    match value {
        ValueRef::Null => hash(0, &[]),
        ValueRef::Integer(integer) => hash(1, &integer.to_le_bytes()),
        ValueRef::Real(real) => hash(2, &real.to_bits().to_le_bytes()),
        ValueRef::Text(text) => hash(3, text),
        ValueRef::Blob(blob) => hash(4, blob),
    }
}

/// The hash of a row, from its values' hashes.
pub(super) fn row(values: impl Iterator<Item = u128>) -> u128 {
    let mut hasher = SipHasher13::new_with_keys(5, 0);
    for value in values {
        hasher.write(&value.to_le_bytes());
    }
    hasher.finish128().as_u128()
}

fn hash(kind: u64, bytes: &[u8]) -> u128 {
    let mut hasher = SipHasher13::new_with_keys(kind, 0);
    hasher.write(bytes);
    hasher.finish128().as_u128()
}
