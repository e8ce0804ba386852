//! A script's bytes: read whole, kept as they are.

use std::path::Path;

use stopover_model::Finding;

use crate::folder::Store;
use crate::names;

/// Reads a file's text, byte for byte: byte-order mark and CRLF included.
pub(crate) fn read(store: Store<'_>, path: &Path) -> Result<String, Finding> {
    let shown = path.display().to_string();
    let bytes = store.read(path).map_err(|error| names::unreadable(&shown, &error.to_string()))?;
    let text = String::from_utf8(bytes.into_owned()).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        not_utf8(&shown, offset, error.as_bytes())
    })?;
    match text.find('\0') {
        Some(offset) => Err(nul_byte(&shown, offset)),
        None => Ok(text),
    }
}

fn not_utf8(path: &str, offset: usize, bytes: &[u8]) -> Finding {
    let place = line_of(bytes, offset);
    let byte = bytes.get(offset).copied().unwrap_or_default();
    let guess = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => " (it looks like UTF-16)",
        _ => "",
    };
    Finding::error(
        "not-utf8",
        path,
        format!("{path} is not UTF-8: byte 0x{byte:02x} at offset {offset} (line {place}){guess}"),
        "save the file as UTF-8; nothing is ever replaced in silence",
    )
}

fn nul_byte(path: &str, offset: usize) -> Finding {
    Finding::error(
        "nul-byte",
        path,
        format!("{path} holds a zero byte at offset {offset}, which PostgreSQL cannot take"),
        "remove the byte; save the file as UTF-8 if it is UTF-16",
    )
}

fn line_of(bytes: &[u8], offset: usize) -> usize {
    bytes.iter().take(offset).filter(|&&byte| byte == b'\n').count() + 1
}
