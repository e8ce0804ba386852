//! A rehearsal's report as one page that needs nothing else: no network, no fonts, no files.
//!
//! Everything on it is there without a script; the little one only makes hovering quicker. The page
//! is well-formed XML, and nothing that others wrote gets in but as text ([`crate::markup`]).

mod axis;
mod bars;
mod chart;
mod down;
mod error;
mod grid;
mod head;
mod migrations;
mod outside;
mod tables;

use stopover_model::Severity;
use stopover_model::report::RehearsalReport;

use crate::markup::Markup;
use crate::outcome::{self, failures};
use crate::picture::Picture;
use crate::places::{Problem, problems};
use crate::{facts, text, units};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Nothing may be fetched, sent or embedded, whatever a mistake of ours lets in.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      base-uri 'none'; form-action 'none'";

/// Of a longer text the beginning is shown.
const LONGEST: usize = 4_000;

/// The report as one HTML page.
#[must_use]
pub fn html(report: &RehearsalReport) -> String {
    let mut page = Markup::beginning("<!DOCTYPE html>\n");
    page.element("html", &[("lang", "en")], |page| {
        page.element("head", &[], |page| head(page, report));
        page.line();
        page.element("body", &[], |page| body(page, report));
    });
    page.line();
    page.finish()
}

fn head(page: &mut Markup, report: &RehearsalReport) {
    let (first, _) = outcome::detail(report);
    let outcome = outcome::Outcome::of(report);
    page.empty("meta", &[("charset", "utf-8")]);
    page.empty("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)]);
    let viewport = "width=device-width, initial-scale=1";
    page.empty("meta", &[("name", "viewport"), ("content", viewport)]);
    page.empty("meta", &[("name", "color-scheme"), ("content", "light dark")]);
    page.empty("meta", &[("name", "robots"), ("content", "noindex")]);
    page.of("title", "", &format!("Rehearsal: {}. {}", outcome.word(), clipped(&first, 120)));
    page.line();
    page.element("style", &[], |page| page.verbatim(STYLE));
}

fn body(page: &mut Markup, report: &RehearsalReport) {
    let picture = Picture::of(report);
    page.element("a", &[("class", "skip"), ("href", "#main")], |it| it.text("To the report"));
    head::header(page, report);
    page.element("main", &[("id", "main")], |page| {
        for error in failures(&report.migrations) {
            error::panel(page, error);
        }
        findings(page, report);
        head::tiles(page, report);
        chart::section(page, report, picture.as_ref());
        tables::section(page, report);
        down::section(page, report);
        outside::section(page, report, picture.as_ref());
        migrations::section(page, report);
        circumstances(page, report);
    });
    page.line();
    page.element("footer", &[], |page| {
        page.text(&format!(
            "Stopover {}, {}. ",
            report.tool_version,
            units::time(report.timestamp)
        ));
        page.text(
            "Errors may quote values of production's rows: keep this file as you keep those.",
        );
    });
    page.element("div", &[("id", "tip"), ("hidden", "hidden")], |_| {});
    page.element("script", &[], |page| page.verbatim(SCRIPT));
}

/// A section with a heading.
fn section(
    page: &mut Markup,
    id: &'static str,
    title: &str,
    told: &str,
    inside: impl FnOnce(&mut Markup),
) {
    page.line();
    page.element("section", &[("id", id), ("aria-labelledby", &format!("{id}-title"))], |page| {
        page.element("h2", &[("id", &format!("{id}-title"))], |it| it.text(title));
        if !told.is_empty() {
            page.of("p", "told", told);
        }
        inside(page);
    });
    page.line();
}

fn findings(page: &mut Markup, report: &RehearsalReport) {
    let found: Vec<Problem<'_>> =
        problems(report).into_iter().filter(|it| it.error.is_none()).collect();
    if found.is_empty() {
        return;
    }
    let (notes, urgent): (Vec<_>, Vec<_>) =
        found.iter().partition(|it| it.finding.severity == Severity::Note);
    section(page, "findings", "Findings", "", |page| {
        list(page, &urgent);
        if notes.len() <= 3 {
            list(page, &notes);
            return;
        }
        page.element("details", &[], |page| {
            page.of("summary", "", &text::plural(notes.len(), "note"));
            list(page, &notes);
        });
    });
}

fn list(page: &mut Markup, found: &[&Problem<'_>]) {
    if found.is_empty() {
        return;
    }
    page.element("ul", &[("class", "findings")], |page| {
        for Problem { finding, place, .. } in found {
            let word = match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "note",
            };
            page.line();
            page.element("li", &[("class", word)], |page| {
                page.of("span", "pill", word);
                page.of("code", "", &clipped(&finding.code, 100));
                page.text(" ");
                page.of("b", "", &clipped(&finding.subject, 300));
                let place = place.as_ref().filter(|it| !finding.subject.starts_with(&it.file));
                if let Some(place) = place {
                    let file = clipped(&place.file, 400);
                    page.of("span", "place", &format!("{file}:{}", place.line));
                }
                page.element("p", &[], |page| prose(page, &finding.message));
                if !finding.remedy.is_empty() {
                    page.element("p", &[("class", "remedy")], |page| prose(page, &finding.remedy));
                }
            });
        }
    });
}

fn circumstances(page: &mut Markup, report: &RehearsalReport) {
    section(page, "circumstances", "Backup, scratch and time", "", |page| {
        page.element("div", &[("class", "columns")], |page| {
            list_of_facts(page, &facts::backup(&report.backup));
            let mut ran_on = facts::scratch(report.scratch.as_ref());
            ran_on.extend(facts::programs(report));
            list_of_facts(page, &ran_on);
            list_of_facts(page, &facts::timings(&report.timings));
        });
    });
}

fn list_of_facts(page: &mut Markup, facts: &[facts::Fact]) {
    page.element("dl", &[], |page| {
        for (name, value) in facts {
            page.of("dt", "", name);
            page.of("dd", "", &clipped(value, 400));
        }
    });
}

/// Prose: what stands between backticks is code.
fn prose(page: &mut Markup, text: &str) {
    let text = clipped(text, LONGEST);
    if text.matches('`').count() % 2 == 1 {
        return page.text(&text);
    }
    for (at, piece) in text.split('`').enumerate() {
        if at % 2 == 1 {
            page.of("code", "", piece);
        } else {
            page.text(piece);
        }
    }
}

/// `text`, cut where it is longer than anybody reads.
fn clipped(text: &str, characters: usize) -> String {
    let mut rest = text.char_indices().skip(characters.saturating_sub(1));
    match (rest.next(), rest.next()) {
        (Some((at, _)), Some(_)) => format!("{}…", &text[..at]),
        _ => text.to_owned(),
    }
}
