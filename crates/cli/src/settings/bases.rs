//! The settings about bases.

use serde::{Deserialize, Serialize};
use stopover_scratch::provider::{BaseOptions, Keeping};

use super::{BadValue, Settings};

/// When a base is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeepBase {
    /// When the restore took so long that it is worth it.
    Auto,
    /// After each restore.
    Always,
    /// Never.
    Never,
}

impl Settings {
    /// Where bases are and which are kept; `None`: a rehearsal does without.
    pub(crate) fn bases(&self) -> Option<BaseOptions> {
        // It was looked at when the settings were read.
        let limit = self.cache_limit().ok()?;
        let keeping = match self.keep_base {
            KeepBase::Auto => Keeping::Worthwhile,
            KeepBase::Always => Keeping::Always,
            KeepBase::Never => Keeping::Never,
        };
        let folder = self.cache_dir().filter(|_| !self.no_base).map(|it| it.join("bases"));
        folder.map(|folder| BaseOptions { folder, limit, keeping })
    }

    /// What all bases together may take, in bytes.
    pub(crate) fn cache_limit(&self) -> Result<u64, BadValue> {
        size(&self.cache_limit).ok_or_else(|| BadValue {
            key: "cache_limit",
            said: format!("`{}` is not a size", self.cache_limit),
            hint: "a size is a number and a unit: 20GB, 500MB, 1.5TB",
        })
    }
}

/// A size as people write it. Units are powers of 1,000, those with an `i` of 1,024.
pub(super) fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(text.len());
    let (number, unit) = (text[..end].parse::<f64>().ok()?, text[end..].trim());
    let unit = match unit.to_ascii_lowercase().as_str() {
        // A bare zero needs no unit; any other number would be a guess.
        "" if number == 0.0 => 1.0,
        "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        "tib" => 1_099_511_627_776.0,
        _ => return None,
    };
    let bytes = number * unit;
    (bytes < 1e18).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_and_a_unit() {
        assert_eq!(size("20GB"), Some(20_000_000_000));
        assert_eq!(size(" 1.5 GiB "), Some(1_610_612_736));
        assert_eq!(size("500 mb"), Some(500_000_000));
        assert_eq!(size("0"), Some(0));
        for wrong in ["", "20", "GB", "-1GB", "2 parsecs", "1e9", "99999999TB"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn bases_are_kept_below_the_cache_unless_none_are_wanted() {
        let settings = Settings { cache_dir: Some("/c".into()), ..Settings::default() };
        let bases = settings.bases().unwrap();
        assert_eq!(bases.folder, std::path::Path::new("/c/bases"));
        assert_eq!(bases.keeping, Keeping::Worthwhile);
        let none = Settings { no_base: true, ..settings };
        assert_eq!(none.bases(), None);
    }
}
