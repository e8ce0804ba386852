//! What the server says, as people hear it.

use stopover_model::{Notice, NoticeLevel};

use super::*;

fn said(before: usize, level: NoticeLevel, text: &str) -> Event {
    let (version, notice) = (Version::Integer(103), Notice::new(level, text));
    Event::Said { version, index: 1, before, notice }
}

fn more(count: u64, level: NoticeLevel) -> Event {
    Event::SaidMore { version: Version::Integer(103), index: 1, count, level }
}

#[test]
fn a_warning_is_for_everybody_and_a_notice_for_who_asks() {
    let events = [
        started(103, "add_orders", 1),
        said(0, NoticeLevel::Notice, "relation \"t\" already exists, skipping"),
        said(1, NoticeLevel::Warning, "careful\nwith \u{1b}[31mthis"),
        // The same words once more are no repetition of the event.
        said(2, NoticeLevel::Warning, "careful\nwith \u{1b}[31mthis"),
        more(999_900, NoticeLevel::Warning),
        more(7, NoticeLevel::Notice),
    ];
    let warnings = "\
[1/3] 103 add_orders WARNING: careful with \\u{1b}[31mthis
[1/3] 103 add_orders WARNING: careful with \\u{1b}[31mthis
[1/3] 103 add_orders: the server said 999,900 things more
";
    assert_eq!(piped(&events, Verbosity::Quiet), warnings);
    assert_eq!(piped(&events, Verbosity::Normal), warnings);
    let verbose = piped(&events, Verbosity::Verbose);
    let notice = "[1/3] 103 add_orders NOTICE: relation \"t\" already exists, skipping\n";
    assert!(verbose.contains(notice), "{verbose}");
    assert!(verbose.contains("the server said 7 things more"), "{verbose}");
}
