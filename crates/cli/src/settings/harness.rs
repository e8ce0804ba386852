//! `[preflight]` and `[postflight]`: over what they are red, and how long they may look.

use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use stopover_model::harness::{Fact, PostflightLimits, PreflightLimits, Unread};

use super::bases::size;
use super::{BadValue, Settings, duration};

/// As it is written: times and sizes are texts.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PreflightSettings {
    /// From this age on a transaction is a long one.
    long_transaction: String,
    /// So many connections must be free.
    min_free_connections: u32,
    /// From this on a replica lags.
    replica_lag: String,
    /// Longest time for reading one fact.
    fact_timeout: String,
    /// Free space where the server keeps its data.
    pub(crate) data_dir_free: Option<String>,
    /// A command that prints it, in bytes.
    data_dir_free_command: Option<String>,
    /// The role that the apply will connect as, where it is not preflight's.
    pub(crate) role: Option<String>,
}

impl Default for PreflightSettings {
    fn default() -> Self {
        Self {
            long_transaction: "30s".to_owned(),
            min_free_connections: PreflightLimits::default().min_free_connections,
            replica_lag: "30s".to_owned(),
            fact_timeout: "10s".to_owned(),
            data_dir_free: None,
            data_dir_free_command: None,
            role: None,
        }
    }
}

/// As it is written.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PostflightSettings {
    /// Longest time for reading one fact.
    fact_timeout: String,
    /// Longest time for reading through the tables of one foreign key, or for counting all rows.
    scan_timeout: String,
}

impl Default for PostflightSettings {
    fn default() -> Self {
        Self { fact_timeout: "10s".to_owned(), scan_timeout: "5min".to_owned() }
    }
}

/// Longest time for the command that tells how much room there is.
const COMMAND: Duration = Duration::from_secs(30);

impl Settings {
    /// The limits of a preflight as values.
    pub(crate) fn preflight_limits(&self) -> Result<PreflightLimits, BadValue> {
        let of = &self.preflight;
        Ok(PreflightLimits {
            long_transaction: duration("preflight.long_transaction", &of.long_transaction)?,
            min_free_connections: of.min_free_connections,
            replica_lag: duration("preflight.replica_lag", &of.replica_lag)?,
            fact_timeout: duration("preflight.fact_timeout", &of.fact_timeout)?,
        })
    }

    /// The limits of a postflight as values.
    pub(crate) fn postflight_limits(&self) -> Result<PostflightLimits, BadValue> {
        let of = &self.postflight;
        Ok(PostflightLimits {
            fact_timeout: duration("postflight.fact_timeout", &of.fact_timeout)?,
            scan_timeout: duration("postflight.scan_timeout", &of.scan_timeout)?,
        })
    }

    /// How much room the server's disk has, by what is written or by what the command prints.
    pub(crate) async fn data_dir_free(&self) -> Result<Fact<u64>, BadValue> {
        let of = &self.preflight;
        if let Some(text) = &of.data_dir_free {
            return room(text).map(Fact::Read).ok_or_else(|| BadValue {
                key: "preflight.data_dir_free",
                said: format!("`{text}` is not a size"),
                hint: "a size is a number and a unit: 120GB, 500MiB, 1.5TB",
            });
        }
        Ok(match &of.data_dir_free_command {
            Some(command) => told_by(command).await,
            None => Fact::NotHere,
        })
    }
}

/// A size, or a bare number of bytes.
fn room(text: &str) -> Option<u64> {
    let text = text.trim();
    text.parse().ok().or_else(|| size(text))
}

/// What a command prints, in bytes or with a unit.
async fn told_by(command: &str) -> Fact<u64> {
    let unread = |why: String| {
        Fact::Unread(Unread {
            why: format!("data_dir_free_command {why}"),
            sqlstate: None,
            remedy: "correct data_dir_free_command under [preflight] in stopover.toml: it prints \
                     the free bytes, and nothing else"
                .to_owned(),
        })
    };
    let mut shell = tokio::process::Command::new("sh");
    shell.arg("-c").arg(command).stdin(Stdio::null()).kill_on_drop(true);
    let output = match tokio::time::timeout(COMMAND, shell.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return unread(format!("cannot be started: {error}")),
        Err(_) => return unread(format!("does not end within {} s", COMMAND.as_secs())),
    };
    if !output.status.success() {
        return unread(format!("failed: {}", output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    room(&text).map_or_else(|| unread("prints no size".to_owned()), Fact::Read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_says_how_much_room_there_is_or_the_check_cannot_run() {
        assert_eq!(told_by("echo 1024").await, Fact::Read(1024));
        assert_eq!(told_by("echo ' 2GiB '").await, Fact::Read(2 << 30));
        for command in ["echo much", "exit 3", "true"] {
            assert!(matches!(told_by(command).await, Fact::Unread(_)), "{command}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_by_name() {
        let preflight = toml::from_str("replica_lag = 'soon'").expect("TOML");
        let settings = Settings { preflight, ..Settings::default() };
        assert_eq!(settings.preflight_limits().expect_err("no time").key, "preflight.replica_lag");
    }
}
