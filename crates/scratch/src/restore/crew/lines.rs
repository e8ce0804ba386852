//! Where a row stands in a table's data, when one session has got only some of it: a server counts
//! the lines of what it was sent.

use stopover_model::DatabaseError;

/// The stretches that a session was sent.
#[derive(Debug, Default)]
pub(super) struct Lines {
    sent: u64,
    /// The first line of each, as the server counts and as the dump does.
    stretches: Vec<(u64, u64)>,
}

impl Lines {
    /// Notes a block of so many lines that begins at a line of the table's data.
    pub(super) fn note(&mut self, line: u64, lines: u64) {
        let follows = self.stretches.last().map(|(sent, dumped)| dumped + (self.sent - (sent - 1)));
        if follows != Some(line) {
            self.stretches.push((self.sent + 1, line));
        }
        self.sent += lines;
    }

    /// Puts the dump's line into what the server says of where an error is:
    /// `COPY t, line 12, column x: "y"`.
    pub(super) fn place(&self, error: &mut DatabaseError) {
        let Some(context) = &error.context else { return };
        let Some((before, rest)) = context.split_once(", line ") else { return };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let Ok(told) = number.parse::<u64>() else { return };
        let stretch = self.stretches.iter().rev().find(|(sent, _)| *sent <= told);
        if let Some((sent, dumped)) = stretch {
            error.context = Some(format!("{before}, line {}{after}", dumped + (told - sent)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_that_of_the_dump() {
        let mut lines = Lines::default();
        lines.note(1, 2);
        lines.note(3, 1);
        lines.note(10, 2);
        lines.note(20, 1);
        let placed = |told: u64| {
            let context = Some(format!("COPY t, line {told}, column a: \"x, line 3\"\nmore"));
            let mut error = DatabaseError { context, ..DatabaseError::local("bad") };
            lines.place(&mut error);
            error.context.unwrap_or_default()
        };
        for (told, dumped) in [(1, 1), (3, 3), (4, 10), (5, 11), (6, 20)] {
            let expected = format!("COPY t, line {dumped}, column a: \"x, line 3\"\nmore");
            assert_eq!(placed(told), expected);
        }
    }
}
