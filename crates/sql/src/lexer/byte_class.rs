//! What each byte may begin, as one table.

/// What a byte begins outside of any token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteClass {
    Space,
    /// `{ident_start}`
    Letter,
    Digit,
    Quote,
    DoubleQuote,
    Dollar,
    /// `{op_chars}`
    Operator,
    Dot,
    Colon,
    Other,
}

static CLASSES: [ByteClass; 256] = {
    let mut classes = [ByteClass::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = classify(byte as u8);
        byte += 1;
    }
    classes
};

const fn classify(byte: u8) -> ByteClass {
    match byte {
        // The vertical tab is `{space}` since PostgreSQL 16, and an error before.
        b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C => ByteClass::Space,
        b'A'..=b'Z' | b'a'..=b'z' | b'_' | 0x80..=0xFF => ByteClass::Letter,
        b'0'..=b'9' => ByteClass::Digit,
        b'\'' => ByteClass::Quote,
        b'"' => ByteClass::DoubleQuote,
        b'$' => ByteClass::Dollar,
        b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'`' | b'?' | b'+' | b'-' | b'*'
        | b'/' | b'%' | b'<' | b'>' | b'=' => ByteClass::Operator,
        b'.' => ByteClass::Dot,
        b':' => ByteClass::Colon,
        _ => ByteClass::Other,
    }
}

pub(super) fn class_of(byte: u8) -> ByteClass {
    CLASSES[usize::from(byte)]
}

/// `{space}`
pub(crate) fn is_space(byte: u8) -> bool {
    class_of(byte) == ByteClass::Space
}

/// `{newline}`: either of them ends a `--` comment.
pub(super) fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// `{ident_cont}`
pub(super) fn is_identifier_byte(byte: u8) -> bool {
    matches!(class_of(byte), ByteClass::Letter | ByteClass::Digit | ByteClass::Dollar)
}

/// `{dolq_cont}`
pub(super) fn is_tag_byte(byte: u8) -> bool {
    matches!(class_of(byte), ByteClass::Letter | ByteClass::Digit)
}
