use super::*;

fn error(line: usize, column: usize) -> StatementError {
    StatementError {
        sqlstate: Some("42703".into()),
        message: "column \"nope\" does not exist".into(),
        detail: None,
        hint: None,
        constraint: None,
        file: "migrations/7_x.up.sql".into(),
        line,
        column,
        excerpt: None,
    }
}

fn plain(error: &StatementError, source: &str) -> String {
    sql_error(error, Some(source), &Look::plain(80))
}

/// The marked line and the marker's line below it.
fn marked(text: &str) -> (String, String) {
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.contains('^')).expect("a marker");
    (lines[at - 1].to_owned(), lines[at].to_owned())
}

/// What of the source stands above the marker.
fn under_marker(text: &str) -> String {
    let (line, marker) = marked(text);
    let from = marker.find('^').expect("a marker");
    let to = marker.rfind('^').expect("a marker") + 1;
    let mut column = 0;
    let mut out = String::new();
    for c in line.chars() {
        if (from..to).contains(&column) {
            out.push(c);
        }
        column += text::width(&c.to_string());
    }
    out
}

#[test]
fn the_word_at_the_column_is_marked_with_lines_around_it() {
    let text = plain(&error(3, 8), "-- a\nSELECT 1;\nSELECT nope\n  FROM t;\n-- end\n");
    assert_eq!(
        text,
        "\
error: column \"nope\" does not exist
 --> migrations/7_x.up.sql:3:8
  |
1 | -- a
2 | SELECT 1;
3 | SELECT nope
  |        ^^^^
4 |   FROM t;
  |
  = SQLSTATE: 42703 (undefined_column)
  = next: correct the column's name, or move this behind the migration that
          creates it
"
    );
}

#[test]
fn tabs_wide_characters_and_line_ends_do_not_move_the_marker() {
    for (source, line, column) in [
        ("SELECT 1;\r\n\tSELECT\tnope;\r\n", 2, 9),
        ("SELECT 'größe 表', nope;", 1, 19),
        ("\u{feff}SELECT nope;", 1, 8),
        ("SELECT 1;\n\n\nSELECT nope", 4, 8),
    ] {
        let text = plain(&error(line, column), source);
        assert_eq!(under_marker(&text), "nope", "{text}");
        assert!(text.contains(&format!("7_x.up.sql:{line}:{column}\n")), "{text}");
        assert!(!text.contains('\r'));
    }
}

#[test]
fn a_very_long_line_is_cut_around_the_column_and_the_place_stays_true() {
    let long = format!("VALUES {}nope, {}", "'表', ".repeat(200_000), "1, ".repeat(200_000));
    let column = 7 + 200_000 * 5 + 1;
    let text = plain(&error(1, column), &long);
    assert_eq!(under_marker(&text), "nope", "{text}");
    assert!(text.contains(&format!(":1:{column}\n")), "{text}");
    assert!(text.lines().all(|line| text::width(line) <= 80), "{text}");
}

#[test]
fn an_error_at_or_behind_the_end_marks_the_end() {
    for (source, line, column) in [("SELECT (", 1, 9), ("SELECT (\n", 2, 1), ("SELECT (", 40, 7)] {
        let text = plain(&error(line, column), source);
        let (shown, marker) = marked(&text);
        assert!(shown.ends_with("SELECT ("), "{text}");
        assert!(marker.find('^') >= Some(shown.find("SELECT (").expect("shown") + 7), "{text}");
        assert!(text.contains(&format!(":{line}:{column}\n")), "{text}");
    }
}

#[test]
fn without_the_file_the_place_is_still_named() {
    for text in [sql_error(&error(3, 8), None, &Look::plain(80)), plain(&error(3, 8), "")] {
        assert!(text.contains("--> migrations/7_x.up.sql:3:8"), "{text}");
        assert!(text.contains("42703"), "{text}");
    }
}

#[test]
fn passwords_in_message_and_source_stay_hidden() {
    let mut error = error(1, 64);
    error.detail = Some("could not connect to postgres://u:secret@h/d".into());
    let source = "CREATE SUBSCRIPTION s CONNECTION 'host=h password=secret' -- a nope";
    let text = plain(&error, source);
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(under_marker(&text), "nope", "{text}");
    assert!(text.contains(":1:64"), "{text}");
}

#[test]
fn a_message_cannot_take_over_the_terminal() {
    let mut error = error(1, 8);
    error.message = "bad \u{1b}[2J\u{202e} value".into();
    let text = plain(&error, "SELECT nope -- \u{1b}[31m");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text:?}");
}

#[test]
fn every_class_that_a_migration_meets_has_advice_of_its_own() {
    let general = advice::next_step(&StatementError { sqlstate: None, ..error(1, 1) });
    for code in ["08006", "22001", "23505", "25001", "40P01", "42P01", "53100", "55P03", "57014"] {
        let mut error = error(1, 1);
        error.sqlstate = Some(code.into());
        assert_ne!(advice::next_step(&error), general, "{code}");
        assert!(condition_name(code).is_some(), "{code}");
    }
}

#[test]
fn a_password_in_sql_stays_hidden() {
    let mut error = error(1, 52);
    error.message = "role \"shop\" does not exist".into();
    let text = plain(&error, "ALTER ROLE shop WITH ENCRYPTED PASSWORD 'it''s one' nope;");
    assert!(!text.contains("it''s") && !text.contains(" one'"), "{text}");
    assert!(text.contains("PASSWORD ***"), "{text}");
}

proptest::proptest! {
    #[test]
    fn any_text_and_any_place_can_be_shown(
        source in "[a-z(\t\r\n\u{1b}\u{200b}\u{301}\u{feff}'\"表é ]{0,60}",
        line in 0_usize..9,
        column in 0_usize..70,
        width in 40_usize..100,
    ) {
        let text = sql_error(&error(line, column), Some(&source), &Look::plain(width));
        proptest::prop_assert!(text.contains("SQLSTATE: 42703"));
        proptest::prop_assert!(!text.contains('\u{1b}'), "{:?}", text);
    }
}
