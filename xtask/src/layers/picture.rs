//! The table in ARCHITECTURE.md, made from the rooms, so that people read what is checked.

use super::Violation;
use super::graph::allowed;
use super::rooms::Room;

/// The table, in Markdown.
fn table(rooms: &[Room]) -> String {
    let mut text = String::from("| crate | pure | may use | what it is for |\n|---|---|---|---|\n");
    for room in rooms {
        let pure = if room.is_pure() { "yes" } else { "" };
        let Room { name, purpose, .. } = room;
        text.push_str(&format!("| `{name}` | {pure} | {} | {purpose} |\n", allowed(room)));
    }
    text
}

/// Whether the page shows another picture than the one that is checked.
pub(super) fn violation(page: &str, rooms: &[Room]) -> Option<Violation> {
    let table = table(rooms);
    (!page.contains(&table)).then(|| Violation {
        place: "ARCHITECTURE.md".to_owned(),
        what: "its table of crates is not the one that is checked".to_owned(),
        why: "a picture that nobody checks soon shows another house".to_owned(),
        remedy: format!("put this table there:\n\n{table}"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::rooms::ROOMS;
    use super::*;

    #[test]
    fn a_page_with_the_table_is_right_and_one_with_another_is_not() {
        let page = format!("# Rooms\n\n{}\nMore.\n", table(ROOMS));
        assert_eq!(violation(&page, ROOMS), None);
        let other = page.replace("| `planner` | yes |", "| `planner` |  |");
        assert!(
            violation(&other, ROOMS).is_some_and(|it| it.remedy.contains("| `planner` | yes |"))
        );
    }
}
