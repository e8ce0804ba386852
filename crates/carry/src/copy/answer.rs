//! What a server has answered so far to one request.

use stopover_model::{DatabaseError, redact_urls};

use crate::error::{Fatal, Side, Trouble};

/// What is known of an answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    error: Option<DatabaseError>,
    /// The server's connection ends: FATAL or PANIC.
    ended: bool,
    /// It wants data.
    wants: bool,
    ready: bool,
    /// Rows of the last COPY.
    copied: Option<u64>,
    /// The first column of the last row.
    value: Option<String>,
}

impl Answer {
    /// Takes a message that is no data of a COPY.
    pub(super) fn take(&mut self, tag: u8, body: &[u8]) {
        match tag {
            b'E' => {
                let (error, ended) = error(body);
                self.ended |= ended;
                self.error.get_or_insert(error);
            }
            b'G' => self.wants = true,
            b'Z' => self.ready = true,
            b'C' => {
                let tag = String::from_utf8_lossy(body);
                let tag = tag.trim_end_matches('\0');
                if let Some(count) = tag.strip_prefix("COPY ") {
                    self.copied = count.parse().ok();
                }
            }
            b'D' => self.value = first_column(body),
            _ => {}
        }
    }

    /// Whether the server waits for data, or for nothing any more.
    pub(super) fn may_send(&self) -> bool {
        self.wants || self.is_ready()
    }

    pub(super) fn wants_data(&self) -> bool {
        self.wants && self.error.is_none()
    }

    /// Whether nothing more is to come.
    pub(super) fn is_ready(&self) -> bool {
        self.ready || self.ended
    }

    pub(super) fn error(&self) -> Option<&DatabaseError> {
        self.error.as_ref()
    }

    /// Rows of the COPY, by the server's own count.
    pub(super) fn copied(&self) -> Option<u64> {
        self.copied
    }

    /// The number that the last statement gave.
    pub(super) fn counted(&self) -> Option<u64> {
        self.value.as_deref().and_then(|it| it.parse().ok())
    }

    /// The error, as what it means.
    pub(super) fn refusal(&self, side: Side) -> Trouble {
        match &self.error {
            Some(error) if self.ended => Fatal::lost(side, &error.message).into(),
            Some(error) => Trouble::refused(side, error.clone()),
            None => Fatal(format!("{}: the server did not begin to copy", side.name())).into(),
        }
    }
}

/// `DataRow`: a count of columns, and each with its length.
fn first_column(body: &[u8]) -> Option<String> {
    let length: [u8; 4] = body.get(2..6)?.try_into().ok()?;
    let length = usize::try_from(i32::from_be_bytes(length)).ok()?;
    Some(String::from_utf8_lossy(body.get(6..6 + length)?).into_owned())
}

/// `ErrorResponse`: fields with a letter each. Severity is that of `V`, which is in no language.
fn error(body: &[u8]) -> (DatabaseError, bool) {
    let mut error = DatabaseError::default();
    let mut ended = false;
    for field in body.split(|&byte| byte == 0) {
        let Some((&letter, value)) = field.split_first() else { continue };
        let value = String::from_utf8_lossy(value);
        let text = || Some(redact_urls(&value));
        match letter {
            b'V' => ended = value == "FATAL" || value == "PANIC",
            b'C' => error.sqlstate = Some(value.into_owned()),
            b'M' => error.message = redact_urls(&value),
            b'D' => error.detail = text(),
            b'H' => error.hint = text(),
            b'W' => error.context = text(),
            b's' => error.schema = text(),
            b't' => error.table = text(),
            b'c' => error.column = text(),
            b'n' => error.constraint = text(),
            _ => {}
        }
    }
    (error, ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severity_is_the_protocols_and_not_a_word_of_the_message() {
        let mut answer = Answer::default();
        answer.take(b'E', b"SFEHLER\0VERROR\0C23505\0MFATAL: twice\0nkey\0\0");
        assert!(!answer.is_ready());
        let error = answer.error().unwrap();
        assert_eq!((error.sqlstate.as_deref(), &*error.message), (Some("23505"), "FATAL: twice"));
        assert_eq!(error.constraint.as_deref(), Some("key"));
        assert!(matches!(answer.refusal(Side::Target), Trouble::Statement(_)));
        answer.take(b'E', b"SFATAL\0VFATAL\0C57P01\0Mbye\0\0");
        assert!(matches!(answer.refusal(Side::Target), Trouble::Fatal(_)));
    }

    #[test]
    fn counts_are_read_from_tags_and_rows() {
        let mut answer = Answer::default();
        for (tag, body) in [
            (b'C', &b"TRUNCATE TABLE\0"[..]),
            (b'G', b""),
            (b'C', b"COPY 12\0"),
            (b'D', b"\0\x01\0\0\0\x0212"),
            (b'C', b"SELECT 1\0"),
            (b'Z', b"I"),
        ] {
            answer.take(tag, body);
        }
        assert_eq!((answer.copied(), answer.counted()), (Some(12), Some(12)));
        assert!(answer.is_ready());
    }
}
