//! Sizes as people write them: `200M`, `1.5G`.

use anyhow::{Context, bail};

const MEBI: f64 = (1 << 20) as f64;

/// Bytes of a size like `200M` (1 M is 2^20 bytes).
pub(super) fn bytes(text: &str) -> anyhow::Result<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kib" => 1024.0,
        "m" | "mib" => MEBI,
        "g" | "gib" => MEBI * 1024.0,
        other => bail!("{text}: no such unit as {other}; write 200M"),
    };
    let number: f64 = digits.parse().with_context(|| format!("{text} is no size; write 200M"))?;
    if !(number.is_finite() && number > 0.0) {
        bail!("{text} is no size; write 200M");
    }
    Ok((number * unit) as u64)
}

/// In MiB, with one digit.
pub(super) fn shown(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / MEBI)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(bytes("200M").unwrap(), 200 << 20);
        assert_eq!(bytes("1.5GiB").unwrap(), 3 << 29);
        assert_eq!(bytes("77").unwrap(), 77);
        assert!(bytes("M").is_err() && bytes("-1M").is_err() && bytes("3 parrots").is_err());
        assert_eq!(shown(3 << 19), "1.5 MiB");
    }
}
