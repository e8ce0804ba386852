//! Over what preflight and postflight are red: the settings `[preflight]` and `[postflight]`.

use std::time::Duration;

/// What a preflight lets pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreflightLimits {
    /// From this age on a transaction is a long one.
    pub long_transaction: Duration,
    /// So many connections must be free.
    pub min_free_connections: u32,
    /// From this on a replica lags.
    pub replica_lag: Duration,
    /// Longest time for reading one fact.
    pub fact_timeout: Duration,
}

impl Default for PreflightLimits {
    fn default() -> Self {
        Self {
            long_transaction: Duration::from_secs(30),
            min_free_connections: 3,
            replica_lag: Duration::from_secs(30),
            fact_timeout: Duration::from_secs(10),
        }
    }
}

/// What a postflight may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostflightLimits {
    /// Longest time for reading one fact.
    pub fact_timeout: Duration,
    /// Longest time for reading through the tables of one foreign key, or for counting all rows.
    pub scan_timeout: Duration,
}

impl Default for PostflightLimits {
    fn default() -> Self {
        Self { fact_timeout: Duration::from_secs(10), scan_timeout: Duration::from_mins(5) }
    }
}
