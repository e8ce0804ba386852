//! Where messages of PostgreSQL's protocol begin and end in a stream of bytes.
//!
//! Source: PostgreSQL's documentation, "Message Formats": a type byte and a length of four bytes
//! that counts itself but not the type; the first message of a session has no type.

/// What a client says, cut into messages.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    pending: Vec<u8>,
    began: bool,
}

/// One whole message, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) bytes: Vec<u8>,
    /// The message that begins a session, or asks for encryption, or cancels.
    pub(crate) opening: bool,
}

impl Frame {
    /// Whether it carries a COMMIT.
    pub(crate) fn commits(&self) -> bool {
        !self.opening && self.bytes.windows(6).any(|it| it.eq_ignore_ascii_case(b"COMMIT"))
    }
}

impl Frames {
    /// Takes bytes as they come, gives the messages that are whole by now.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Vec<Frame> {
        self.pending.extend_from_slice(bytes);
        let mut whole = Vec::new();
        while let Some(length) = self.length() {
            let bytes = self.pending.drain(..length).collect();
            whole.push(Frame { bytes, opening: !self.began });
            self.began = true;
        }
        whole
    }

    /// How long the first message is; `None` while it is not whole.
    fn length(&self) -> Option<usize> {
        let head = usize::from(self.began);
        let said = self.pending.get(head..head + 4)?;
        let said = u32::from_be_bytes(said.try_into().ok()?);
        let length = head + usize::try_from(said).ok()?.max(4);
        (self.pending.len() >= length).then_some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_however_the_bytes_come() {
        let opening = [0, 0, 0, 8, 0, 3, 0, 0];
        let query = [b'Q', 0, 0, 0, 11, b'c', b'o', b'm', b'm', b'i', b't', 0];
        let stream: Vec<u8> = opening.iter().chain(&query).chain(&query).copied().collect();
        for step in 1..stream.len() {
            let mut frames = Frames::default();
            let whole: Vec<Frame> = stream.chunks(step).flat_map(|it| frames.take(it)).collect();
            let lengths: Vec<usize> = whole.iter().map(|it| it.bytes.len()).collect();
            assert_eq!(lengths, [8, 12, 12], "in pieces of {step}");
            assert_eq!(whole.iter().filter(|it| it.commits()).count(), 2);
            assert!(whole[0].opening && !whole[1].opening);
        }
    }
}
