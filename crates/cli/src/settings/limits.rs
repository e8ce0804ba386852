//! `[limits]`: what a rehearsal may measure before it is red.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stopover_model::{TableLimits, Thresholds};

use super::bases::size;
use super::{BadValue, Settings, duration};

/// As it is written: times and sizes are texts.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LimitSettings {
    /// Longest time that a table shuts readers out.
    read_block: Option<String>,
    /// Longest time that a table shuts writers out.
    write_block: Option<String>,
    /// Longest time of all migrations together.
    duration: Option<String>,
    /// Largest table that may be rewritten.
    rewrite_bytes: Option<String>,
    /// What holds for single tables instead.
    tables: BTreeMap<String, TableSettings>,
}

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct TableSettings {
    read_block: Option<String>,
    write_block: Option<String>,
    rewrite_bytes: Option<String>,
}

impl Settings {
    /// The limits as values.
    pub(crate) fn thresholds(&self) -> Result<Thresholds, BadValue> {
        let LimitSettings { read_block, write_block, duration, rewrite_bytes, tables } =
            &self.limits;
        let mut own = BTreeMap::new();
        for (name, it) in tables {
            let limits = of_table(
                it.read_block.as_deref(),
                it.write_block.as_deref(),
                it.rewrite_bytes.as_deref(),
            )?;
            own.insert(name.clone(), limits);
        }
        Ok(Thresholds {
            all: of_table(read_block.as_deref(), write_block.as_deref(), rewrite_bytes.as_deref())?,
            tables: own,
            duration_ms: milliseconds("limits.duration", duration.as_deref())?,
        })
    }
}

fn of_table(
    read_block: Option<&str>,
    write_block: Option<&str>,
    rewrite_bytes: Option<&str>,
) -> Result<TableLimits, BadValue> {
    let bytes = |text: &str| {
        size(text).ok_or_else(|| BadValue {
            key: "limits.rewrite_bytes",
            said: format!("`{text}` is not a size"),
            hint: "a size is a number and a unit: 20GB, 500MB, 1.5TB",
        })
    };
    Ok(TableLimits {
        read_block_ms: milliseconds("limits.read_block", read_block)?,
        write_block_ms: milliseconds("limits.write_block", write_block)?,
        rewrite_bytes: rewrite_bytes.map(bytes).transpose()?,
    })
}

fn milliseconds(key: &'static str, text: Option<&str>) -> Result<Option<f64>, BadValue> {
    text.map(|text| duration(key, text).map(|it| it.as_secs_f64() * 1e3)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Thresholds, BadValue> {
        let limits = toml::from_str(text).expect("TOML of the settings' form");
        Settings { limits, ..Settings::default() }.thresholds()
    }

    #[test]
    fn limits_are_for_all_tables_and_for_single_ones() {
        let limits = read(
            "write_block = '5s'\nread_block = '500ms'\nrewrite_bytes = '1GiB'\nduration = '10min'\n\
             [tables.orders]\nwrite_block = '30s'",
        );
        let limits = limits.expect("it is read");
        assert_eq!(limits.duration_ms, Some(600_000.0));
        let orders = limits.of("public.orders");
        assert_eq!((orders.read_block_ms, orders.write_block_ms), (Some(500.0), Some(30_000.0)));
        assert_eq!(limits.of("public.items").write_block_ms, Some(5_000.0));
        assert_eq!(limits.of("public.items").rewrite_bytes, Some(1 << 30));
        assert_eq!(read("").expect("it is read"), Thresholds::default());
    }

    #[test]
    fn what_is_no_time_or_size_is_refused_by_name() {
        for (text, key) in [
            ("write_block = 'soon'", "limits.write_block"),
            ("duration = '5'", "limits.duration"),
            ("[tables.orders]\nrewrite_bytes = 'much'", "limits.rewrite_bytes"),
        ] {
            assert_eq!(read(text).expect_err(text).key, key);
        }
    }
}
