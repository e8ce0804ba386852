//! Durations, sizes, counts and times as people read them.

use jiff::Timestamp;

pub use stopover_model::units::{bytes, count, duration};

/// A time to the second, in UTC: `2026-11-19 22:14:03 UTC`.
#[must_use]
pub fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
