//! A rehearsal's report beside terminal and JSON: Markdown, HTML, JUnit, SARIF and annotations.
//!
//! Look at them with `cargo run -p stopover-report --example gallery -- files FOLDER`, then take a
//! change over with `INSTA_UPDATE=always cargo test -p stopover-report`.

#[allow(dead_code)]
#[path = "../examples/gallery/losses.rs"]
mod losses;
#[path = "../examples/gallery/programs.rs"]
mod programs;
#[allow(dead_code)]
#[path = "../examples/gallery/rehearsals.rs"]
mod rehearsals;
#[allow(dead_code)]
#[path = "../examples/gallery/samples.rs"]
mod samples;

use proptest::prelude::*;
use roxmltree::{Document, ParsingOptions};
use stopover_model::report::RehearsalReport;
use stopover_report::{SourceRoot, annotations, html, json, junit, markdown, sarif};

fn root() -> SourceRoot {
    SourceRoot::new("/repository", "/repository/services/shop")
}

/// The page without its style sheet and script: those are files of their own.
fn without_style(page: &str) -> String {
    let (before, rest) = page.split_once("<style>").expect("a style sheet and a script");
    let (_, rest) = rest.split_once("</style>").expect("a style sheet and a script");
    let (between, rest) = rest.split_once("<script>").expect("a style sheet and a script");
    let (_, after) = rest.split_once("</script>").expect("a style sheet and a script");
    format!("{before}{between}{after}")
}

fn parsed(xml: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(xml, options).unwrap_or_else(|error| panic!("{error}\n{xml}"))
}

#[test]
fn every_form_looks_as_it_did_when_somebody_last_looked_at_it() {
    let samples = rehearsals::all();
    for (name, report) in samples.iter().filter(|(name, _)| !["large", "hostile"].contains(name)) {
        let forms = [
            ("html", without_style(&html(report))),
            ("markdown", markdown(report)),
            ("junit", junit(report)),
            ("sarif", sarif(report, &root())),
            ("github", annotations(report, &root())),
        ];
        for (form, text) in forms {
            insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
                insta::assert_snapshot!(format!("form-{name}-{form}"), text);
            });
        }
    }
}

/// What may stand on the page at all: whatever else comes in came from a report.
const ELEMENTS: [&str; 44] = [
    "html", "head", "meta", "title", "style", "body", "a", "header", "main", "section", "footer",
    "div", "p", "h1", "h2", "span", "b", "small", "code", "pre", "mark", "ul", "li", "dl", "dt",
    "dd", "details", "summary", "table", "thead", "tbody", "tr", "th", "td", "svg", "rect", "line",
    "g", "pattern", "text", "input", "label", "script", "noscript",
];
const ATTRIBUTES: [&str; 34] = [
    "lang",
    "charset",
    "http-equiv",
    "content",
    "name",
    "class",
    "href",
    "id",
    "aria-labelledby",
    "aria-label",
    "aria-hidden",
    "role",
    "tabindex",
    "width",
    "height",
    "x",
    "y",
    "x1",
    "x2",
    "y1",
    "y2",
    "rx",
    "style",
    "scope",
    "open",
    "type",
    "checked",
    "for",
    "title",
    "hidden",
    "patternUnits",
    "patternTransform",
    "target",
    "rel",
];

/// Well-formed, of our own elements only, fetching nothing, each id there once and each link to one.
fn is_a_safe_page(page: &str) {
    let document = parsed(page);
    let mut ids = std::collections::HashSet::new();
    let mut links = Vec::new();
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let name = node.tag_name().name();
        assert!(ELEMENTS.contains(&name), "<{name}> is none of ours");
        for attribute in node.attributes() {
            assert!(ATTRIBUTES.contains(&attribute.name()), "{} is none of ours", attribute.name());
            match attribute.name() {
                "id" => assert!(ids.insert(attribute.value()), "{} twice", attribute.value()),
                "href" => links.push(attribute.value()),
                "style" => assert!(attribute.value().starts_with("left:"), "{attribute:?}"),
                _ => {}
            }
        }
    }
    assert_eq!(page.matches("<script").count(), 1, "only our own script");
    for link in links {
        let id = link.strip_prefix('#');
        assert!(id.is_some_and(|it| ids.contains(it)), "{link} leads nowhere");
    }
}

#[test]
fn the_page_needs_nothing_else_and_is_well_formed() {
    for (_, report) in rehearsals::all() {
        let page = html(&report);
        is_a_safe_page(&page);
        assert!(page.contains("default-src 'none'") || page.contains("default-src &#39;none&#39;"));
        for outside in ["src=", "@import", "url(http", "<link", "fetch("] {
            assert!(!without_style(&page).contains(outside) || page.contains("img src=x"));
        }
    }
}

#[test]
fn a_large_rehearsal_stays_readable_and_within_limits() {
    let report = rehearsals::large(300, 200);
    let page = html(&report);
    assert!(page.len() < 1_500_000, "{}", page.len());
    let comment = markdown(&report);
    assert!(comment.len() <= 65_536, "{}", comment.len());
    assert!(comment.contains("Not everything fits here"), "{comment}");
    assert_eq!(comment.matches("<details>").count(), comment.matches("</details>").count());
    assert_eq!(
        parsed(&junit(&report)).descendants().filter(|it| it.has_tag_name("testcase")).count(),
        301
    );
}

#[test]
fn migrations_without_locks_and_tables_without_anything_are_shown_too() {
    for (migrations, tables) in [(1, 0), (1, 200), (300, 0)] {
        let mut report = rehearsals::large(migrations, tables);
        for statement in report.migrations.iter_mut().flat_map(|it| &mut it.statements) {
            statement.locks = (tables > 0).then(Vec::new);
        }
        is_a_safe_page(&html(&report));
        assert!(markdown(&report).len() <= 65_536);
    }
}

#[test]
fn what_was_seen_of_a_command_stands_on_the_timeline_with_how_often_somebody_looked() {
    let page = html(&programs::rehearsal_command());
    let (_, timeline) = page.split_once("id=\"timeline\"").unwrap();
    let (timeline, tables) = timeline.split_once("id=\"tables\"").unwrap();
    assert!(timeline.contains("Seen from outside, by looking every 11 ms (at most 48 ms apart)"));
    assert!(timeline.contains("ACCESS EXCLUSIVE on public.customers: shuts out reads and writes"));
    assert!(timeline.contains("session 1: ALTER TABLE customers"), "{timeline}");
    assert!(timeline.contains(">session 2</div>"), "{timeline}");
    assert!(!timeline.contains(">migrations</div>"), "nothing is known of single migrations");
    assert!(tables.contains("session 1</span> <code>ALTER TABLE customers"), "{tables}");
    assert!(!page.contains("not run"), "nobody saw which of the source's statements ran");
}

#[test]
fn a_command_that_nobody_saw_or_that_locked_nothing_is_told_so() {
    let mut report = programs::rehearsal_command();
    report.command.as_mut().unwrap().statements = Some(Vec::new());
    assert!(html(&report).contains("no lock that others wait for, and no long statement"));
    let command = report.command.as_mut().unwrap();
    (command.looks, command.statements, command.rewrites) = (None, None, None);
    let page = html(&report);
    is_a_safe_page(&page);
    assert!(page.contains("which locks they took is not known"), "{page}");
    assert!(!page.contains("class=\"chart\""), "{page}");
    report.migrations.clear();
    assert!(html(&report).contains("the command took"), "without a source there is its time");
}

#[test]
fn of_a_command_that_is_red_nobody_says_that_the_target_was_not_touched() {
    let mut report = programs::rehearsal_command();
    report.verdict = stopover_model::report::Verdict::Red;
    for text in [html(&report), markdown(&report)] {
        assert!(text.contains("settle what is said above and rehearse again"), "{text}");
        assert!(!text.contains("not touched"), "{text}");
    }
}

#[test]
fn a_command_with_many_sessions_stays_readable_and_within_limits() {
    let report = programs::hostile_command("public.events", 500);
    let page = html(&report);
    is_a_safe_page(&page);
    assert!(page.len() < 1_500_000, "{}", page.len());
    assert!(page.contains("32 more sessions"), "{page}");
    assert!(markdown(&report).len() <= 65_536);
}

#[test]
fn a_red_verdict_is_never_green_in_another_form() {
    for (name, report) in rehearsals::all() {
        let red = ["red", "truncated", "losses", "hostile"].contains(&name);
        let document: serde_json::Value = serde_json::from_str(&sarif(&report, &root())).unwrap();
        let results = document["runs"][0]["results"].as_array().unwrap();
        assert_eq!(results.iter().any(|it| it["level"] == "error"), red, "{name}: {document}");
        let xml = junit(&report);
        let is_bad =
            |it: &roxmltree::Node<'_, '_>| it.has_tag_name("failure") || it.has_tag_name("error");
        assert_eq!(parsed(&xml).descendants().any(|it| is_bad(&it)), red, "{name}: {xml}");
        assert_eq!(annotations(&report, &root()).contains("::error "), red, "{name}");
        assert_eq!(markdown(&report).starts_with("## ❌"), red, "{name}");
        assert_eq!(html(&report).contains("<header class=\"red\">"), red, "{name}");
    }
}

#[test]
fn files_are_named_from_the_repositorys_root_on() {
    let report = samples::rehearsal_red();
    let annotations = annotations(&report, &root());
    let place = "file=services/shop/migrations/105_unique_email.up.sql,line=5,col=2";
    assert!(annotations.contains(place), "{annotations}");
    let document: serde_json::Value = serde_json::from_str(&sarif(&report, &root())).unwrap();
    let place = &document["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(
        place["artifactLocation"]["uri"],
        "services/shop/migrations/105_unique_email.up.sql"
    );
    assert_eq!(place["region"]["startLine"], 5);
    assert_eq!(place["region"]["startColumn"], 2);
}

#[test]
fn a_finding_about_a_table_points_at_the_statement_that_locked_it_longest() {
    let annotations = annotations(&samples::rehearsal_green(), &SourceRoot::default());
    assert!(annotations.starts_with("::warning file=migrations/105_unique_email.up.sql,line=4,"));
}

#[test]
fn a_stored_report_gives_the_same_as_the_one_in_memory() {
    for (_, report) in rehearsals::all().into_iter().filter(|(name, _)| *name != "hostile") {
        let stored: RehearsalReport = serde_json::from_str(&json::document(&report)).unwrap();
        assert_eq!(html(&stored), html(&report));
        assert_eq!(markdown(&stored), markdown(&report));
    }
}

#[test]
fn passwords_are_in_no_form() {
    let text = "postgres://shop:secret@db/shop password=secret";
    let command = programs::hostile_command(text, 60);
    let report = rehearsals::hostile(text);
    for text in [
        html(&command),
        markdown(&command),
        html(&report),
        markdown(&report),
        junit(&report),
        sarif(&report, &root()),
        annotations(&report, &root()),
    ] {
        assert!(!text.contains("secret"), "{text}");
    }
}

/// Texts that somebody could have put into a name or a message.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        any::<String>(),
        "[\u{0}-\u{20}\u{7f}-\u{9f}\u{200b}-\u{202e}\u{2066}-\u{2069}\u{fff0}-\u{ffff}<>&'\"`|\\\\]{0,30}",
        Just("</script><!--<![CDATA[]]>&lt;".to_owned()),
        Just("\r\n::error::x\n```\n@all #1".to_owned()),
        Just("x".repeat(20_000)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_breaks_a_form(text in any_text()) {
        let report = rehearsals::hostile(&text);
        let command = programs::hostile_command(&text, 60);
        is_a_safe_page(&html(&report));
        is_a_safe_page(&html(&command));
        prop_assert!(markdown(&command).len() <= 65_536);
        parsed(&junit(&report));
        let document = sarif(&report, &root());
        prop_assert!(serde_json::from_str::<serde_json::Value>(&document).is_ok());
        for line in annotations(&report, &root()).lines() {
            let commands = ["::error ", "::warning ", "::notice "];
            prop_assert!(commands.iter().any(|it| line.starts_with(it)), "{line:?}");
        }
        let comment = markdown(&report);
        prop_assert!(comment.len() <= 65_536);
        let takes_over = comment.contains(['\u{202e}', '\u{1b}']);
        prop_assert!(!takes_over);
    }
}
