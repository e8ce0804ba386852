//! What is sent of a script, and what cannot be.

use stopover_model::Severity;

use super::*;

#[test]
fn a_byte_order_mark_and_crlf_never_reach_the_server() {
    for text in
        ["\u{feff}SELECT 1;\r\nSELECT\r\n2;\r\n", "\u{feff}-- c\r\nSELECT 1;\r\nSELECT\r\n2;"]
    {
        let (step, _) = step_of(scripted(1, text));
        let sent: Vec<_> = step.statements.iter().map(|it| it.text.as_str()).collect();
        assert_eq!(sent, ["SELECT 1", "SELECT\r\n2"]);
        assert!(step.text.starts_with('\u{feff}'), "the file's own text is whole");
        for statement in &step.statements {
            assert_eq!(step.text.get(statement.range.clone()), Some(statement.text.as_str()));
            assert_eq!(statement.column, 1);
        }
    }
}

#[test]
fn a_file_without_statements_is_a_step_and_a_note() {
    for text in ["", "\u{feff}", "-- nothing yet\n", ";\n"] {
        let (step, findings) = step_of(scripted(1, text));
        assert!(step.statements.is_empty(), "{text:?}");
        assert!(step.boundary.is_transactional());
        assert_eq!(codes(&findings), ["empty"], "{text:?}");
        assert_eq!(findings[0].severity, Severity::Note);
    }
}

#[test]
fn a_script_that_cannot_be_split_is_told_with_its_line() {
    for (text, line, part) in [
        ("SELECT 1;\nSELECT 'open;\n", 2, "never closed"),
        ("SELECT 1;\n\n\\i other.sql\n", 3, "psql command"),
        ("COPY t FROM stdin;\n1\n", 0, "COPY"),
    ] {
        let problems = problems_of(scripted(1, text));
        assert_eq!(codes(&problems), ["bad-script"], "{text:?}");
        assert!(problems[0].message.contains(part), "{}", problems[0].message);
        if line > 0 {
            assert_eq!(problems[0].subject, format!("migrations/1_step_1.up.sql:{line}"));
        }
    }
}

#[test]
fn a_copy_to_stdout_was_planned_and_ended_the_session() {
    for text in ["COPY t TO STDOUT;", "copy (select 1 as to) to\nstdin with (format csv);"] {
        assert_eq!(codes(&problems_of(scripted(1, text))), ["copy-to-stdout"], "{text:?}");
    }
    for text in ["COPY t TO '/tmp/t';", "COPY \"to\" FROM '/x';", "SELECT 1 AS to, 2 AS stdout;"] {
        assert_eq!(step_of(scripted(1, text)).1, [], "{text:?}");
    }
}

#[test]
fn inline_data_of_copy_travels_beside_its_statement() {
    let text = "COPY t (a, b) FROM stdin;\n1\tx;y\n2\t\\N\n\\.\n\nSELECT 1;\n\
                COPY t FROM stdin WITH (FORMAT csv);\n1,'\n\\.\nCOPY t FROM stdin;\n\\.\n";
    let (step, findings) = step_of(scripted(1, text));
    let data: Vec<_> = step.statements.iter().map(|it| it.copy_data.as_deref()).collect();
    assert_eq!(data, [Some("1\tx;y\n2\t\\N\n"), None, Some("1,'\n"), Some("")]);
    assert_eq!(step.statements[0].text, "COPY t (a, b) FROM stdin");
    assert_eq!(findings, []);
}

#[test]
fn binary_data_cannot_stand_in_a_script() {
    let text = "SELECT 1;\nCOPY t FROM stdin WITH (FORMAT binary);\n\\.\n";
    let problems = problems_of(scripted(1, text));
    assert_eq!(codes(&problems), ["binary-copy"]);
    assert_eq!(problems[0].subject, "migrations/1_step_1.up.sql:2");
}

#[test]
fn locks_and_tags_are_told_as_far_as_the_text_tells() {
    let (step, _) = step_of(scripted(1, "ALTER TABLE shop.orders ADD a int;"));
    let statement = &step.statements[0];
    assert_eq!(statement.tag, "ALTER TABLE");
    let locks: Vec<_> = statement.locks.iter().map(|it| (&*it.mode, &*it.relation)).collect();
    assert_eq!(locks, [("AccessExclusiveLock", "shop.orders")]);
}

#[test]
fn a_new_enum_value_that_is_used_at_once_is_warned_of() {
    let text = "ALTER TYPE mood ADD VALUE 'calm';\nALTER TYPE mood ADD VALUE 'keen' AFTER 'calm';\n\
                SELECT 'other';\nUPDATE t SET m = 'calm';\n";
    let (_, findings) = step_of(scripted(1, text));
    assert_eq!(codes(&findings), ["enum-value"]);
    assert_eq!(findings[0].severity, Severity::Warning);
    assert_eq!(findings[0].subject, "migrations/1_step_1.up.sql:4");
    assert!(findings[0].message.contains("'calm'") && findings[0].message.contains("line 1"));
    let (_, outside) = step_of(marked(text));
    assert_eq!(outside, [], "each statement commits by itself");
}
