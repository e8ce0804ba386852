//! Events, told twice: to whoever asked for them, and as lines of `tracing`.

use std::fmt;
use std::sync::Arc;

use stopover_model::{Event, EventSink, Finding, NoticeLevel, Severity};

use crate::Error;

/// Takes events as the caller wants them.
pub(crate) type Listener = Arc<dyn Fn(Event) + Send + Sync>;

/// Who is told, if anybody.
#[derive(Clone, Default)]
pub(crate) struct Teller {
    pub(crate) listener: Option<Listener>,
}

impl fmt::Debug for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.listener.is_some() { "Teller(listener)" } else { "Teller" })
    }
}

impl EventSink for Teller {
    fn emit(&mut self, event: Event) {
        log(&event);
        if let Some(listener) = &self.listener {
            listener(event);
        }
    }
}

/// What an operator wants to read in a service's log. That a migration failed is left to the
/// run's error, which says it whole.
fn log(event: &Event) {
    match event {
        Event::LockWaiting { holder, limit_ms } => {
            let holder = holder.as_ref().map(ToString::to_string);
            let holder = holder.as_deref().unwrap_or("a session that we may not see");
            tracing::info!(holder, limit_ms, "waiting for another run to end");
        }
        Event::PlanReady { migrations, statements, .. } if *migrations > 0 => {
            tracing::info!(migrations, statements, "migrating");
        }
        Event::MigrationRetried { version, attempt, of, pause_ms, reason, .. } => {
            tracing::warn!(%version, attempt, of, pause_ms, reason, "migration will be tried again");
        }
        Event::MigrationFinished { version, name, duration_ms, .. } => {
            tracing::info!(%version, name, duration_ms, "migration applied");
        }
        Event::Said { version, index, notice, .. } => {
            let (index, message) = (*index, &notice.message);
            match notice.level {
                NoticeLevel::Warning => tracing::warn!(%version, index, "the server: {message}"),
                _ => tracing::info!(%version, index, "the server: {message}"),
            }
        }
        Event::SaidMore { version, index, count, .. } => {
            tracing::warn!(%version, index, count, "the server said more than is logged");
        }
        Event::Found(found) => log_finding(found),
        _ => {}
    }
}

/// The run's error, and behind it whatever its sentence has no room for.
pub(crate) fn log_error(error: &Error) {
    tracing::error!("{error}");
    let (Error::Refused { findings } | Error::Diverged { findings, .. }) = error else { return };
    let more_than_said = findings.iter().filter(|it| it.is_error()).count() > 1;
    findings.iter().filter(|it| more_than_said || !it.is_error()).for_each(log_finding);
}

/// One finding, as loud as it is severe.
pub(crate) fn log_finding(found: &Finding) {
    let Finding { code, subject, message, remedy, .. } = found;
    match found.severity {
        Severity::Warning => tracing::warn!(code, subject, remedy, "{message}"),
        Severity::Note => tracing::debug!(code, subject, remedy, "{message}"),
        Severity::Error => tracing::error!(code, subject, remedy, "{message}"),
    }
}
