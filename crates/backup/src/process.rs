//! A program that makes a backup: its last words, its end, and how it is stopped.

use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use stopover_model::redact_urls;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Child;

/// How much of what it says is kept.
const LINES: usize = 20;
const LINE: usize = 500;

/// How long it may take to end after SIGTERM: pg_dump cancels what runs on the server.
pub(crate) const GOING: Duration = Duration::from_secs(3);

/// Keeps the last lines, without passwords.
pub(crate) async fn last_words(from: impl AsyncRead + Unpin) -> Vec<String> {
    let mut lines = BufReader::new(from).split(b'\n');
    let mut kept: Vec<String> = Vec::new();
    while let Ok(Some(line)) = lines.next_segment().await {
        let text = String::from_utf8_lossy(&line).replace(char::is_control, " ");
        let text: String = redact_urls(text.trim()).chars().take(LINE).collect();
        if text.is_empty() {
            continue;
        }
        if kept.len() == LINES {
            kept.remove(0);
        }
        kept.push(text);
    }
    kept
}

/// How it ended, in words.
pub(crate) fn how(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no exit status".to_owned(),
    }
}

/// Asks it to end, and makes it where it does not.
pub(crate) async fn end(child: &mut Child) {
    let id = child.id().and_then(|it| i32::try_from(it).ok());
    if let Some(id) = id {
        // It is not collected yet, so the number is still its own.
        let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        if tokio::time::timeout(GOING, child.wait()).await.is_ok() {
            return;
        }
    }
    let _ = child.kill().await;
}
