//! Subscriptions: which forms reach for the publisher and therefore cannot be undone.

use super::reading::Reading;
use super::words::{Significant, Words};

/// `CREATE SUBSCRIPTION … [WITH (options)]` makes a replication slot unless told not to.
pub(super) fn create(words: Words<'_>, reading: &mut Reading) {
    if !is_switched_off(words, "create_slot") && !is_switched_off(words, "connect") {
        reading.outside("CREATE SUBSCRIPTION ... WITH (create_slot = true)");
    }
}

/// `ALTER SUBSCRIPTION name …`
pub(super) fn alter(mut words: Words<'_>, reading: &mut Reading) {
    words.relation();
    if words.eat("REFRESH PUBLICATION") {
        reading.outside("ALTER SUBSCRIPTION ... REFRESH PUBLICATION");
    } else if words.eat("SET|ADD|DROP PUBLICATION") && !is_switched_off(words, "refresh") {
        reading.outside("ALTER SUBSCRIPTION with refresh");
    } else if words.eat("SET (") && has_option(words, &["failover", "two_phase"]) {
        reading.outside("ALTER SUBSCRIPTION ... SET (failover or two_phase)");
    }
}

/// `DROP SUBSCRIPTION`: the text does not tell whether it has a slot; most have.
pub(super) fn drop(_: Words<'_>, reading: &mut Reading) {
    reading.outside("DROP SUBSCRIPTION of a subscription that has a replication slot");
}

fn options(words: Words<'_>) -> Vec<Words<'_>> {
    let mut list = words.after("WITH").unwrap_or(words);
    list.parentheses().map(|inside| inside.split_at_commas()).unwrap_or_default()
}

fn has_option(words: Words<'_>, names: &[&str]) -> bool {
    options(words).iter().any(|option| option.first().is_some_and(|name| name.is_any_word(names)))
}

fn is_switched_off(words: Words<'_>, name: &str) -> bool {
    options(words).into_iter().any(|mut option| {
        option.eat_word(name) && option.rest().last().is_some_and(Significant::is_false)
    })
}

impl Significant<'_> {
    fn is_false(&self) -> bool {
        let value = self.text.trim_matches('\'').to_ascii_lowercase();
        matches!(value.as_str(), "false" | "off" | "0" | "no")
    }
}
