//! Whether a connection is one session of the server's, and nobody else's.
//!
//! A proxy that pools transactions gives each of them to whichever session is free: the snapshot,
//! the settings and the locks of a carry belong to sessions. Two signs prove it, and neither shows
//! on a direct connection: answers of different processes on one connection, and one process that
//! answers on two connections which are open at once. They are looked for before anything is set or
//! locked there, which would stay in the pool for others.
//!
//! What cannot be looked at proves nothing: a server that has no connection left for the second
//! session is no proxy.

use std::time::Duration;

use stopover_postgres::Target;
use tokio::time::timeout;

use crate::error::{CarryRefusal, Fatal, Side};
use crate::line::{Line, text};
use crate::run::End;

/// How long we wait for the second connection. A proxy that pools sessions may have none left.
const PATIENCE: Duration = Duration::from_secs(3);

/// Who answers: the process, and the server that it is of.
const WHO: &str = "SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_postmaster_start_time()";

/// Which of the two connections is asked. A pool gives out what came back last, which the changes
/// of turn find, or its sessions in turn, which the repetitions find.
const TURNS: [usize; 6] = [0, 0, 1, 1, 0, 1];

/// Connects, and refuses a proxy that pools transactions.
pub(crate) async fn open(target: &Target, side: Side, badge: &str) -> Result<Line, End> {
    let line = Line::bare(target, side).await?;
    match timeout(PATIENCE, Line::bare(target, side)).await {
        Ok(Ok(beside)) => compare(&line, &beside, side).await?,
        Ok(Err(Fatal(reason))) => tracing::debug!("no second session to compare with: {reason}"),
        Err(_) => tracing::debug!("no second session to compare with, in {PATIENCE:?}"),
    }
    line.prepare(badge).await?;
    Ok(line)
}

async fn compare(line: &Line, beside: &Line, side: Side) -> Result<(), End> {
    let mut seen: [Vec<(String, String)>; 2] = [Vec::new(), Vec::new()];
    for turn in TURNS {
        let rows = [line, beside][turn].rows(WHO).await.map_err(|it| it.fatal(side))?;
        seen[turn].extend(rows.first().map(|row| (text(row, 0), text(row, 1))));
    }
    let [ours, other] = seen;
    let is_one = |all: &[_]| all.windows(2).all(|two| two[0] == two[1]);
    if is_one(&ours) && is_one(&other) && ours.first() != other.first() {
        return Ok(());
    }
    Err(End::Refused(CarryRefusal::refused(
        format!(
            "the {}'s address leads to a proxy that pools transactions or statements (such as \
             pgbouncer with pool_mode = transaction): snapshot, locks and settings would not hold \
             from one transaction to the next",
            side.name()
        ),
        "give one that leads to the server itself, or to a port of the proxy with pool_mode = \
         session: --from or STOPOVER_CARRY_FROM, --to or STOPOVER_CARRY_TO",
    )))
}
