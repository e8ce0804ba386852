//! The last of what a program writes, on both of its outputs in the order in which it came.

use std::collections::VecDeque;
use std::io::{self, PipeReader, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use stopover_model::redact_urls;

use super::Secrets;

/// How much is shown.
pub(super) const SHOWN: usize = 4096;

/// How much is kept: a secret that begins before what is shown is hidden as a whole.
const KEPT: usize = 4 * SHOWN;

/// Reads to the end, and keeps the last.
#[derive(Debug)]
pub(super) struct Tail {
    reader: JoinHandle<()>,
    kept: Arc<Mutex<VecDeque<u8>>>,
}

impl Tail {
    pub(super) fn of(mut from: PipeReader) -> Self {
        let kept: Arc<Mutex<VecDeque<u8>>> = Arc::default();
        let filled = Arc::clone(&kept);
        let reading = move || {
            let mut chunk = vec![0; 64 * 1024];
            loop {
                match from.read(&mut chunk) {
                    Ok(0) => break,
                    Ok(read) => {
                        let mut kept = filled.lock().unwrap_or_else(PoisonError::into_inner);
                        kept.extend(&chunk[..read]);
                        let over = kept.len().saturating_sub(KEPT);
                        kept.drain(..over);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
        };
        Self { reader: thread::spawn(reading), kept }
    }

    /// Whether everything was read.
    pub(super) fn is_over(&self) -> bool {
        self.reader.is_finished()
    }

    /// What was kept, as it may be shown: whole lines where there are any, without control
    /// characters and secrets.
    pub(super) fn shown(&self, secrets: &Secrets) -> String {
        let bytes: Vec<u8> =
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        shown(&bytes, secrets)
    }
}

fn shown(bytes: &[u8], secrets: &Secrets) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
    let text = redact_urls(&secrets.hide(&without_colours(&text)));
    let text: String = text.chars().filter(|it| !it.is_control() || "\n\t".contains(*it)).collect();
    let text = text.trim_end();
    if text.len() <= SHOWN && bytes.len() < KEPT {
        return text.to_owned();
    }
    let mut from = text.len().saturating_sub(SHOWN);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let last = &text[from..];
    // The first line may have lost its beginning.
    last.split_once('\n').map_or(last, |(_, whole)| whole).to_owned()
}

/// Without the escape sequences that colour a terminal (ECMA-48, "CSI … final byte").
fn without_colours(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|it: char| ('@'..='~').contains(&it));
        out.push_str(end.map_or("", |end| &piece[end + 1..]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_shown_whole_and_no_secret_is_cut_open() {
        let secrets = Secrets::hiding(vec!["tops3cret".to_owned()]);
        let many = format!("{}tops3cret\nlast\n", "line\n".repeat(5000));
        let told = shown(many.as_bytes(), &secrets);
        assert!(told.ends_with("line\n***\nlast") && told.starts_with("line\n"), "{told}");
        assert!(told.len() <= SHOWN);
        assert_eq!(shown(b"50 %\r\x1b[1;31m100 %\x1b[0m\x07\r\n", &secrets), "50 %\n100 %");
    }
}
