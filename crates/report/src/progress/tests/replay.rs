//! Events as they arrive over a bad line: some lost, some twice, some late.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Each event is lost (0), comes once (1) or twice (2), the second time some places later.
fn mangled(events: &[Event], fates: &[(u8, usize)]) -> Vec<Event> {
    let mut placed: Vec<(usize, &Event)> = Vec::new();
    for (at, (event, (times, delay))) in events.iter().zip(fates).enumerate() {
        if *times > 0 {
            placed.push((at * 2, event));
        }
        if *times > 1 {
            placed.push(((at + delay) * 2 + 1, event));
        }
    }
    placed.sort_by_key(|(at, _)| *at);
    placed.into_iter().map(|(_, event)| event.clone()).collect()
}

/// What the line of an event that must have one contains.
fn trace(event: &Event) -> Option<&'static str> {
    Some(match event {
        Event::RestoreFinished { .. } => "restored 100,000 rows in 26.0 s",
        Event::MigrationFinished { name, .. } if name == "add_orders" => "103 add_orders applied",
        Event::MigrationFinished { .. } => "104 add_items applied",
        Event::MigrationRetried { .. } => "rolled back, try 1 of 10",
        Event::MigrationFailed { .. } => "105 unique_email FAILED",
        Event::Found(_) => "warning[write-block] orders",
        _ => return None,
    })
}

proptest! {
    #[test]
    fn lost_and_doubled_events_hide_no_line_and_double_none(
        fates in vec((0_u8..=2, 0_usize..40), 64..=64)
    ) {
        let all = rehearsal();
        prop_assert!(all.len() <= fates.len());
        let events = mangled(&all, &fates);
        for verbosity in [Verbosity::Quiet, Verbosity::Normal, Verbosity::Verbose] {
            let text = piped(&events, verbosity);
            prop_assert!(!text.contains(['\r', '\u{1b}']), "{:?}", text);
            for trace in all.iter().filter_map(trace) {
                let heard = events.iter().any(|event| self::trace(event) == Some(trace));
                let told = verbosity != Verbosity::Quiet
                    || !(trace.ends_with("applied") || trace.starts_with("restored"));
                let lines = text.matches(trace).count();
                prop_assert_eq!(lines, usize::from(heard && told), "{} in\n{}", trace, text);
            }
        }
    }

    #[test]
    fn a_gauge_never_shows_more_than_there_is(
        fates in vec((0_u8..=2, 0_usize..40), 64..=64)
    ) {
        let mut story = Story::new(TERMINAL);
        let now = Instant::now();
        for event in mangled(&rehearsal(), &fates) {
            story.hear(&event, now);
            if let story::Activity::Migrating(it) = story.activity() {
                prop_assert!(it.of.is_none_or(|of| it.done <= of));
            }
            gauge::lines(&story.activity(), &TERMINAL, 80, now);
        }
    }
}
