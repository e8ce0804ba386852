//! A carry's report, for a ticket or a chat: what is lost, and why.

use stopover_model::Severity;
use stopover_model::report::{CarriedTable, CarryError, CarryOutcome, CarryReport};

use crate::{human, units};

use super::LIMIT;
use super::escape::{code, prose};
use super::room::Room;

/// The document of `carry` as Markdown.
#[must_use]
pub fn carry_markdown(report: &CarryReport) -> String {
    let mut room = Room::of(LIMIT);
    let sign = match report.ending() {
        Some(CarryOutcome::Success) => "✅",
        Some(CarryOutcome::Partial(_) | CarryOutcome::TimeoutSkipped) => "⚠️",
        _ => "❌",
    };
    room.put(&format!("## {sign} Carry: {}\n", prose(&report.outcome)));
    room.put(&format!("\nFrom {} to {}.\n", prose(&report.from), prose(&report.to)));
    let schema = |it: &stopover_model::report::CarriedSchema| {
        format!("- {}: {}\n", code(&it.name), human::carried_state(it.state))
    };
    room.list("\n", report.schemas.iter().map(schema), "");
    let head = "\n### Statements that failed\n\n| SQLSTATE | object | message | lost |\n\
                | --- | --- | --- | --- |\n";
    room.list(head, report.errors.iter().map(error), "");
    let urgent = report.findings.iter().filter(|it| it.severity != Severity::Note);
    let finding = |it: &stopover_model::Finding| {
        format!("- {}: {}. {}.\n", code(&it.subject), prose(&it.message), prose(&it.remedy))
    };
    room.list("\n### Findings\n\n", urgent.map(finding), "");
    let head = format!(
        "\n<details><summary>{} in {} tables</summary>\n\n| table | in the source | in the target |\n\
         | --- | ---: | ---: |\n",
        human::carried_rows(report.rows()),
        report.tables.len()
    );
    room.list(&head, report.tables.iter().map(table), "\n</details>\n");
    room.put(&format!(
        "\n<sub>Stopover {}, {}</sub>\n",
        prose(&report.tool_version),
        units::duration(report.duration_ms)
    ));
    room.finish()
}

fn error(error: &CarryError) -> String {
    let lost: Vec<String> = error.lost.iter().map(|it| code(it)).collect();
    format!(
        "| {} | {} | {} | {} |\n",
        code(error.sqlstate.as_deref().unwrap_or("-")),
        code(&error.object),
        prose(&error.message),
        lost.join(", ")
    )
}

fn table(table: &CarriedTable) -> String {
    let rows = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), units::count);
    format!("| {} | {} | {} |\n", code(&table.relation), rows(table.rows_from), rows(table.rows_to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_are_no_markdown() {
        let mut report = CarryReport::new("a".to_owned(), "b".to_owned());
        report.outcome = "partial: 1 statement error(s)".to_owned();
        report.errors.push(CarryError {
            statement: String::new(),
            object: "view s.a|b".to_owned(),
            sqlstate: Some("42703".to_owned()),
            message: "column \"<b>\" of @team does not exist".to_owned(),
            detail: None,
            hint: None,
            lost: vec!["view s.a|b".to_owned()],
        });
        let text = carry_markdown(&report);
        assert!(text.starts_with("## ⚠️ Carry: partial: 1 statement error(s)\n"), "{text}");
        assert!(!text.contains("<b>") && !text.contains("s.a|b"), "{text}");
    }
}
