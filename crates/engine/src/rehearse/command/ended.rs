//! What a report says of a program of the user's that did not come to its end.

use stopover_backend::StopSignal;
use stopover_model::Finding;
use stopover_model::report::{RehearsalReport, Verdict};

use crate::detail::{DETAIL_LIMIT, of_findings};
use crate::rehearse::RehearsalEnding;

/// How much of a program's last line stands in the first line of the detail, in characters.
const LINE: usize = 300;

/// A signal came first: no verdict was reached.
pub(in crate::rehearse) fn stopped(
    signal: StopSignal,
    before: &str,
    report: &mut RehearsalReport,
) -> RehearsalEnding {
    report.verdict = Verdict::Red;
    report.detail = format!("stopped by a signal before {before}");
    RehearsalEnding::Stopped(signal)
}

/// A program that did not do what it is for.
pub(in crate::rehearse) struct Failure {
    pub(in crate::rehearse) code: &'static str,
    pub(in crate::rehearse) what: &'static str,
    pub(in crate::rehearse) how: String,
}

impl Failure {
    /// The first line says it; what was done until then and the last of the program's output follow.
    pub(in crate::rehearse) fn tell(
        &self,
        done: Option<&str>,
        said: &str,
        report: &mut RehearsalReport,
    ) {
        let Self { code, what, how } = self;
        let last = said.lines().map(str::trim).rfind(|it| !it.is_empty());
        let why = last.map(|it| format!(": {}", beginning(it))).unwrap_or_default();
        let head = format!("{what}: {how}{why}");
        let remedy = "its last output stands in the verdict; run it by hand on a copy to see more";
        report.findings.push(Finding::error(code, "the command", head.clone(), remedy));
        report.verdict = Verdict::Red;
        let head = done.map_or_else(|| head.clone(), |done| format!("{head}\n{done}"));
        report.detail = with_output(&head, said);
    }
}

/// Of a longer line the beginning: the first line of a detail is read at a glance.
fn beginning(line: &str) -> String {
    match line.char_indices().nth(LINE) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

/// The head, and as much of the end of the output as the detail has room for.
fn with_output(head: &str, said: &str) -> String {
    const LABEL: &str = "its last output:";
    if said.lines().count() < 2 && said.chars().count() <= LINE {
        return head.to_owned();
    }
    let room = DETAIL_LIMIT.saturating_sub(head.len() + LABEL.len() + 16);
    let mut from = said.len().saturating_sub(room);
    while !said.is_char_boundary(from) {
        from += 1;
    }
    let rest = &said[from..];
    let whole = if from == 0 { rest } else { rest.split_once('\n').map_or(rest, |it| it.1) };
    format!("{head}\n{LABEL}\n{whole}")
}

/// There is no such program.
pub(in crate::rehearse) fn absent(what: &str, said: &str, report: &mut RehearsalReport) {
    let message = format!("{what}: {said}");
    let remedy = "install it, or correct the command: it runs in `sh -c`, in this folder";
    report.findings.push(Finding::error("command-missing", "the command", message, remedy));
    report.verdict = Verdict::Red;
    report.detail = of_findings(&report.findings);
}

/// It could not be run on this machine.
pub(in crate::rehearse) fn unable(why: &str, report: &mut RehearsalReport) {
    report.findings.push(Finding::error("tool", "the command", why, "run it again"));
    report.verdict = Verdict::Red;
    report.detail = of_findings(&report.findings);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_output_is_what_the_detail_keeps() {
        let said = format!("{}the last line", "a line\n".repeat(1000));
        let detail = with_output("the command failed: exit code 3", &said);
        assert!(detail.len() <= DETAIL_LIMIT, "{}", detail.len());
        assert!(detail.starts_with("the command failed: exit code 3\nits last output:\na line\n"));
        assert!(detail.ends_with("a line\nthe last line"), "{detail}");
        assert_eq!(with_output("failed: x", "x"), "failed: x");
    }

    #[test]
    fn a_long_last_line_leaves_the_first_line_of_the_detail_short() {
        let mut report = RehearsalReport::begun(jiff::Timestamp::UNIX_EPOCH);
        let failure = Failure { code: "x", what: "it failed", how: "exit code 1".to_owned() };
        let said = format!("{{\"level\":\"fatal\",\"stack\":\"{}\"}}", "ä".repeat(1_000));
        failure.tell(Some("1 of 2"), &said, &mut report);
        let lines: Vec<&str> = report.detail.lines().collect();
        assert!(lines[0].starts_with("it failed: exit code 1: {\"level\":\"fatal\""));
        assert!(lines[0].ends_with("ä…") && lines[0].chars().count() < 350, "{}", lines[0]);
        assert_eq!(&lines[1..], ["1 of 2", "its last output:", &said]);
    }
}
