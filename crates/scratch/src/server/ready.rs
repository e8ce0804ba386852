//! Waiting for the server to be ready.
//!
//! `postmaster.pid` says `ready` in its eighth line as soon as connections are accepted; a look
//! at a file every two milliseconds costs less than refused connections, which would also fill
//! the log, and much less than pg_ctl's wait, which looks every 100 ms.

use std::path::Path;
use std::time::{Duration, Instant};

use super::ServerError;
use crate::watch::Guard;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// How long a server may take to start on an empty data folder. Far above what a loaded machine
/// needs; it only keeps a stuck one from being waited for without end.
const LIMIT: Duration = Duration::from_mins(2);

/// How much of the log is told.
const TOLD_LINES: usize = 20;

/// Returns when the server accepts connections; an error when it ended or hangs.
pub(crate) async fn until_ready(
    guard: &mut Guard,
    data: &Path,
    log: &Path,
) -> Result<(), ServerError> {
    let start = Instant::now();
    loop {
        let ended = guard.ended().map_err(|source| ServerError::Watch { source })?;
        if let Some(status) = ended {
            return Err(ServerError::EndedEarly { status, log: super::tail(log, TOLD_LINES) });
        }
        if says_ready(data) {
            return Ok(());
        }
        if start.elapsed() > LIMIT {
            let log = super::tail(log, TOLD_LINES);
            return Err(ServerError::NotReady { after: LIMIT, log });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The status line exists since PostgreSQL 10.
fn says_ready(data: &Path) -> bool {
    std::fs::read_to_string(data.join("postmaster.pid"))
        .is_ok_and(|text| text.lines().nth(7).is_some_and(|status| status.trim() == "ready"))
}
