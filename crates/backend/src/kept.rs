//! Scripts as the journal keeps them: compressed where that is worth it.
//!
//! The first byte says how: `0`, the text as it is; `1`, a zlib stream (RFC 1950) of it.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

const PLAIN: u8 = 0;
const ZLIB: u8 = 1;

/// Shorter texts are kept as they are: compressing them costs more than it saves.
const WORTH_IT: usize = 512;

/// Longest text that is kept, in bytes: 4 MiB. A longer one is data rather than a script, and the
/// version control system has it.
pub const LONGEST_KEPT: usize = 4 << 20;

/// A script as bytes to keep; `None` for one that is too long.
#[must_use]
pub fn kept(script: &str) -> Option<Vec<u8>> {
    let bytes = script.as_bytes();
    if bytes.len() > LONGEST_KEPT {
        return None;
    }
    if bytes.len() < WORTH_IT {
        return Some(plain(bytes));
    }
    let mut encoder = ZlibEncoder::new(vec![ZLIB], Compression::fast());
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    // Writing into memory does not fail.
    Some(packed.ok().filter(|it| it.len() <= bytes.len()).unwrap_or_else(|| plain(bytes)))
}

fn plain(bytes: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len() + 1);
    kept.push(PLAIN);
    kept.extend_from_slice(bytes);
    kept
}

/// The script that was kept; `None` where the bytes are none of ours.
#[must_use]
pub fn unpacked(kept: &[u8]) -> Option<String> {
    let (how, rest) = kept.split_first()?;
    let bytes = match *how {
        PLAIN => rest.to_vec(),
        ZLIB => {
            let mut bytes = Vec::new();
            // Whoever may write the journal could make it claim any size.
            let limit = u64::try_from(LONGEST_KEPT).unwrap_or(u64::MAX).saturating_add(1);
            ZlibDecoder::new(rest).take(limit).read_to_end(&mut bytes).ok()?;
            bytes
        }
        _ => return None,
    };
    String::from_utf8(bytes).ok().filter(|it| it.len() <= LONGEST_KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_given_back_byte_for_byte() {
        let long = "CREATE TABLE größe (a int);\r\n".repeat(500);
        for text in ["", "\u{feff}SELECT 1;\r\n", long.as_str()] {
            let bytes = kept(text).unwrap();
            assert_eq!(unpacked(&bytes).as_deref(), Some(text));
        }
        assert!(kept(&long).unwrap().len() < long.len() / 10);
    }

    #[test]
    fn what_is_too_long_or_not_ours_is_nothing() {
        assert_eq!(kept(&"x".repeat(LONGEST_KEPT + 1)), None);
        for bytes in [&b""[..], b"\x02x", b"\x01not zlib", b"\x00\xff"] {
            assert_eq!(unpacked(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_small_stream_of_a_large_text_is_not_read_to_its_end() {
        let mut encoder = ZlibEncoder::new(vec![ZLIB], Compression::fast());
        for _ in 0..6 {
            encoder.write_all(&[b'x'; 1 << 20]).unwrap();
        }
        assert_eq!(unpacked(&encoder.finish().unwrap()), None);
    }
}
