//! Every document's text as it was last looked at. A change shows up as a difference here; look at
//! it in a terminal (`cargo run -p stopover-report --example gallery`), then take it over with
//! `INSTA_UPDATE=always cargo test -p stopover-report`.

#[path = "../examples/gallery/losses.rs"]
mod losses;
#[path = "../examples/gallery/programs.rs"]
mod programs;
#[allow(dead_code)]
#[path = "../examples/gallery/samples.rs"]
mod samples;

use stopover_report::human::{self, Detail};
use stopover_report::{Charset, Colour, Look, NoSource, Surface, sql_error};
use unicode_width::UnicodeWidthStr as _;

/// Renders one sample.
type Rendering = fn(Detail, &Look) -> String;

const DOCUMENTS: [(&str, Rendering); 21] = [
    ("status", |detail, look| human::status(&samples::status_drifted(), detail, look)),
    ("status-clean", |detail, look| human::status(&samples::status_clean(), detail, look)),
    ("status-empty", |detail, look| human::status(&samples::status_empty(), detail, look)),
    ("plan", |detail, look| human::plan(&samples::plan(), detail, look)),
    ("plan-empty", |detail, look| human::plan(&samples::plan_empty(), detail, look)),
    ("plan-refused", |detail, look| human::plan(&samples::plan_refused(), detail, look)),
    ("apply", |detail, look| human::apply(&samples::apply_done(), detail, &NoSource, look)),
    ("apply-rehearsed", |detail, look| {
        human::apply(&samples::apply_rehearsed(), detail, &NoSource, look)
    }),
    ("apply-nothing", |detail, look| {
        human::apply(&samples::apply_nothing(), detail, &NoSource, look)
    }),
    ("apply-refused", |detail, look| {
        human::apply(&samples::apply_refused(), detail, &NoSource, look)
    }),
    ("apply-stopped", |detail, look| {
        human::apply(&samples::apply_stopped(), detail, &NoSource, look)
    }),
    ("apply-failed", |detail, look| {
        human::apply(&samples::apply_failed(), detail, &samples::Folder, look)
    }),
    ("apply-midway", |detail, look| {
        human::apply(&samples::apply_midway(), detail, &samples::Folder, look)
    }),
    ("rehearsal", |detail, look| {
        human::rehearsal(&samples::rehearsal_green(), detail, &samples::Folder, look)
    }),
    ("rehearsal-red", |detail, look| {
        human::rehearsal(&samples::rehearsal_red(), detail, &samples::Folder, look)
    }),
    ("rehearsal-losses", |detail, look| {
        human::rehearsal(&losses::rehearsal_losses(), detail, &samples::Folder, look)
    }),
    ("rehearsal-command", |detail, look| {
        human::rehearsal(&programs::rehearsal_command(), detail, &samples::Folder, look)
    }),
    ("rehearsal-truncated", |detail, look| {
        human::rehearsal(&samples::rehearsal_truncated(), detail, &samples::Folder, look)
    }),
    ("findings", |_, look| human::findings(&samples::status_drifted().findings, look)),
    ("error", |_, look| {
        human::error_with_hint(
            "cannot connect to postgres://shop:secret@db.example.org:5432/shop: connection refused",
            "see whether the server runs, or name another with `--database-url`",
            look,
        )
    }),
    ("sql-error", |_, look| sql_error(&samples::duplicate(), Some(samples::TEXT), look)),
];

const fn rich(width: usize) -> Look {
    Look { width, colour: Colour::Always, charset: Charset::Unicode, surface: Surface::Terminal }
}

/// Escape codes as something that a reviewer can read: `<1;31>`.
fn visible(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, code)) = rest.split_once("\u{1b}[") {
        let (code, after) = code.split_once('m').expect("colours only");
        out.push_str(&format!("{before}<{code}>"));
        rest = after;
    }
    out + rest
}

fn without_colours(text: &str) -> String {
    let pieces = text.split("\u{1b}[");
    let tails = pieces.enumerate().map(|(at, piece)| match at {
        0 => piece,
        _ => piece.split_once('m').expect("colours only").1,
    });
    tails.collect()
}

#[test]
fn every_document_looks_as_it_did_when_somebody_last_looked_at_it() {
    for (name, render) in DOCUMENTS {
        let plain = Look::plain;
        let sections = [
            ("80 columns, plain", render(Detail::Brief, &plain(80))),
            ("160 columns, plain", render(Detail::Brief, &plain(160))),
            ("80 columns, plain, -v", render(Detail::Full, &plain(80))),
            ("80 columns, terminal", visible(&render(Detail::Brief, &rich(80)))),
            ("160 columns, terminal", visible(&render(Detail::Brief, &rich(160)))),
        ];
        let mut text = String::new();
        for (title, section) in sections {
            text.push_str(&format!("######## {title}\n{section}"));
        }
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name, text);
        });
    }
}

#[test]
fn no_line_is_wider_than_the_terminal_or_ends_in_blanks() {
    for (name, render) in DOCUMENTS {
        for width in [80, 100, 160] {
            for detail in [Detail::Brief, Detail::Full] {
                let text = render(detail, &Look::plain(width));
                for line in text.lines() {
                    assert!(line.width() <= width, "{name} at {width}: {line}");
                    assert_eq!(line, line.trim_end(), "{name} at {width}");
                }
                assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{name}: {text:?}");
            }
        }
    }
}

#[test]
fn colours_change_nothing_but_colours() {
    for (name, render) in DOCUMENTS {
        let coloured = Look { colour: Colour::Always, ..Look::plain(80) };
        let text = render(Detail::Full, &coloured);
        assert!(text.contains('\u{1b}'), "{name}");
        let lines: Vec<String> =
            without_colours(&text).lines().map(|it| it.trim_end().to_owned()).collect();
        let plain = render(Detail::Full, &Look::plain(80));
        assert_eq!(lines, plain.lines().collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn our_own_characters_are_ascii_where_only_ascii_can_be_shown() {
    for (name, render) in DOCUMENTS {
        let text = render(Detail::Full, &Look::plain(80));
        // What others wrote in these samples.
        let ours = text.replace("größere_beträge", "").replace("zoë", "");
        assert!(ours.is_ascii(), "{name}: {ours}");
    }
}

#[test]
fn versions_are_never_broken_however_narrow_it_is() {
    for width in [40, 60, 80] {
        let text = human::status(&samples::status_drifted(), Detail::Full, &Look::plain(width));
        assert!(text.contains("20261120093000  add_"), "{text}");
    }
}

#[test]
fn what_must_be_acted_on_comes_first() {
    let text = human::status(&samples::status_drifted(), Detail::Brief, &Look::plain(80));
    let place = |needle: &str| text.find(needle).expect(needle);
    assert!(place("DRIFT") < place("Pending") && place("Pending") < place("Applied"));
    assert!(place("error[collision]") < place("Pending"), "{text}");
    let text = human::rehearsal(
        &samples::rehearsal_red(),
        Detail::Brief,
        &samples::Folder,
        &Look::plain(80),
    );
    let first: Vec<&str> = text.lines().take(2).collect();
    assert_eq!(first[0], "VERDICT: RED");
    assert!(first[1].contains("migration 105: could not create unique index"), "{text}");
}
