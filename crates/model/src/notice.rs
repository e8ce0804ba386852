//! What a server says while a statement runs, beside its answer.

/// How much it matters, as the server ranks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeLevel {
    /// Debugging, and what the client's settings let through.
    Debug,
    /// For the server's log.
    Log,
    /// What was asked for.
    Info,
    /// Good to know: `relation "t" already exists, skipping`.
    Notice,
    /// A likely problem.
    Warning,
}

impl NoticeLevel {
    /// As PostgreSQL spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Log => "LOG",
            Self::Info => "INFO",
            Self::Notice => "NOTICE",
            Self::Warning => "WARNING",
        }
    }
}

/// One message of the server's that is no error.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Notice {
    /// How much it matters.
    pub level: NoticeLevel,
    /// The text, without secrets, and not longer than [`Notice::LIMIT`] characters.
    pub message: String,
}

impl Notice {
    /// The most characters of one message that are kept.
    pub const LIMIT: usize = 2_000;

    /// A notice with the secrets taken out of its text.
    #[must_use]
    pub fn new(level: NoticeLevel, text: &str) -> Self {
        let mut message = crate::redact_urls(text);
        if let Some((end, _)) = message.char_indices().nth(Self::LIMIT) {
            message.truncate(end);
            message.push_str(" …");
        }
        Self { level, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_short_and_keeps_no_password() {
        let long = format!("see postgres://u:secret@h/db {}", "ä".repeat(3 * Notice::LIMIT));
        let notice = Notice::new(NoticeLevel::Warning, &long);
        assert!(!notice.message.contains("secret"), "{}", notice.message);
        assert!(notice.message.ends_with(" …"));
        assert!(notice.message.chars().count() <= Notice::LIMIT + 2);
    }
}
