//! What the server says while a statement runs, told as events: the first ones word by word, of
//! the rest how many there were. A migration may say a million things.

use stopover_model::{Event, EventSink, Notice, NoticeLevel, Version};

/// How many notices of one statement are told word by word.
const TOLD: usize = 100;

/// The notices of one statement.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    /// Position of the statement in the migration, from 1.
    index: usize,
    told: usize,
    more: u64,
    gravest: Option<NoticeLevel>,
}

impl Notices {
    /// Of the statement at `index`, from 1.
    pub(crate) const fn of(index: usize) -> Self {
        Self { index, told: 0, more: 0, gravest: None }
    }

    /// Takes a notice, and tells it while there are not too many.
    pub(crate) fn said(&mut self, version: &Version, notice: Notice, sink: &mut dyn EventSink) {
        if self.told == TOLD {
            self.more += 1;
            self.gravest = self.gravest.max(Some(notice.level));
            return;
        }
        let before = self.told;
        self.told += 1;
        sink.emit(Event::Said { version: version.clone(), index: self.index, before, notice });
    }

    /// The statement is over: tells how many there were more.
    pub(crate) fn end(&mut self, version: &Version, sink: &mut dyn EventSink) {
        let count = std::mem::take(&mut self.more);
        if let Some(level) = self.gravest.take() {
            let (version, index) = (version.clone(), self.index);
            sink.emit(Event::SaidMore { version, index, count, level });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_notices_are_a_hundred_and_a_number() {
        let version = Version::Integer(7);
        let mut events = Vec::new();
        let mut sink = |event| events.push(event);
        let mut notices = Notices::of(2);
        for _ in 0..1_000_000 {
            notices.said(&version, Notice::new(NoticeLevel::Notice, "again"), &mut sink);
        }
        notices.end(&version, &mut sink);
        notices.end(&version, &mut sink);
        assert_eq!(events.len(), TOLD + 1);
        let (count, level) = (1_000_000 - TOLD as u64, NoticeLevel::Notice);
        let last = Event::SaidMore { version, index: 2, count, level };
        assert_eq!(events.last(), Some(&last));
    }
}
