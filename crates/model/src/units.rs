//! Durations, sizes and counts as people read them.

/// A duration of `ms` milliseconds: `0.4 ms`, `340 ms`, `18.2 s`, `3 min 4 s`, `2 h 5 min`,
/// `3 d 4 h`. What is no duration (negative, not a number) is `?`.
#[must_use]
pub fn duration(ms: f64) -> String {
    if !ms.is_finite() || ms < 0.0 {
        return "?".to_owned();
    }
    if ms < 9.95 {
        return format!("{ms:.1} ms");
    }
    if ms < 999.5 {
        return format!("{ms:.0} ms");
    }
    if ms < 59_950.0 {
        return format!("{:.1} s", ms / 1_000.0);
    }
    let seconds = (ms / 1_000.0).round() as u64;
    if seconds < 3_600 {
        return format!("{} min {} s", seconds / 60, seconds % 60);
    }
    let minutes = seconds.saturating_add(30) / 60;
    if minutes < 24 * 60 {
        return format!("{} h {} min", minutes / 60, minutes % 60);
    }
    let hours = (minutes + 30) / 60;
    format!("{} d {} h", hours / 24, hours % 24)
}

/// A size in bytes with binary units: `512 B`, `1.4 GiB`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1_024.0;
    let mut unit = 0;
    // What would be rounded up to 1024.0 belongs to the next unit.
    while value >= 1_023.95 && unit + 1 < UNITS.len() {
        value /= 1_024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A number with its thousands set apart: `1,234,567`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_speech_and_round_to_the_next_unit() {
        for (ms, text) in [
            (0.0, "0.0 ms"),
            (0.44, "0.4 ms"),
            (9.96, "10 ms"),
            (340.2, "340 ms"),
            (999.6, "1.0 s"),
            (18_240.0, "18.2 s"),
            (59_960.0, "1 min 0 s"),
            (184_000.0, "3 min 4 s"),
            (3_599_600.0, "1 h 0 min"),
            (7_500_000.0, "2 h 5 min"),
            (86_399_000.0, "1 d 0 h"),
            (273_600_000.0, "3 d 4 h"),
            (-1.0, "?"),
            (f64::NAN, "?"),
        ] {
            assert_eq!(duration(ms), text, "{ms}");
        }
    }

    #[test]
    fn sizes_use_binary_units() {
        for (size, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (1_503_238_553, "1.4 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(size), text);
        }
    }

    #[test]
    fn counts_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
    }
}
