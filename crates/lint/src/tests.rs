use proptest::prelude::*;
use stopover_model::{Boundaries, Directives, Extent, Passage, Script, Severity, Version};

use super::*;

fn migration(text: &str, transaction: TransactionMark) -> Migration {
    Migration {
        version: Version::Integer(1),
        name: "a".to_owned(),
        file: "1_a.sql".to_owned(),
        up: Script::whole("migrations/1_a.sql", text),
        down: None,
        directives: Directives { transaction, ..Directives::default() },
        down_directives: Directives::default(),
    }
}

fn found(text: &str) -> Vec<Finding> {
    lint(&migration(text, TransactionMark::Unmarked), &Choice::default())
}

#[test]
fn each_rule_finds_its_bad_example_and_not_its_good_one() {
    for rule in CATALOGUE {
        let finds = |text: &str| {
            let mark = match text.contains("CONCURRENTLY") {
                true => TransactionMark::NoTransaction("no-transaction".to_owned()),
                false => TransactionMark::Unmarked,
            };
            let found = lint(&migration(text, mark), &Choice::default());
            let unknown = found.iter().find(|it| it.code == NOT_UNDERSTOOD);
            assert_eq!(unknown, None, "{text}");
            found.iter().any(|it| it.code == rule.name)
        };
        assert!(finds(rule.bad), "{}: {}", rule.name, rule.bad);
        assert!(!finds(rule.good), "{}: {}", rule.name, rule.good);
    }
}

#[test]
fn the_page_lists_every_rule_as_it_is() {
    let page = include_str!("../../../docs/lint.md");
    for rule in CATALOGUE {
        let line = format!("| `{}` | {} | {} |\n", rule.name, rule.why, rule.remedy);
        assert!(page.contains(&line), "docs/lint.md lacks: {line}");
    }
    let listed = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(listed, CATALOGUE.len());
}

#[test]
fn a_table_of_the_same_migration_is_nobodys_wait() {
    assert_eq!(found("CREATE TABLE t (a int); CREATE INDEX t_a ON t (a);"), []);
}

#[test]
fn a_finding_names_file_and_line_and_how_it_is_accepted() {
    let found = found("SELECT 1;\n\n  DROP TABLE orders;");
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((finding.code.as_str(), finding.severity), ("ban-drop-table", Severity::Warning));
    assert_eq!(finding.subject, "migrations/1_a.sql:3");
    assert!(finding.remedy.contains("-- squawk-ignore ban-drop-table"), "{}", finding.remedy);
}

#[test]
fn what_is_meant_is_accepted_by_a_comment() {
    assert_eq!(found("-- squawk-ignore ban-drop-table\nDROP TABLE orders;"), []);
}

#[test]
fn what_the_grammar_does_not_know_is_told_and_never_silent() {
    let found = found("ALTER TABLE orders FROBNICATE;");
    assert!(found.iter().any(|it| it.code == NOT_UNDERSTOOD), "{found:?}");
    let all = Choice::new(&[], &[], &["all".to_owned()], None).unwrap_or_default();
    let text = "ALTER TABLE orders FROBNICATE;";
    let denied = lint(&migration(text, TransactionMark::Unmarked), &all);
    assert!(denied.iter().any(Finding::is_error), "{denied:?}");
}

#[test]
fn only_the_part_that_runs_is_looked_at_and_places_stay() {
    let text = "-- +goose Up\nSELECT 'ö';\nDROP TABLE a;\n-- +goose Down\nDROP TABLE b;\n";
    let mut migration = migration(text, TransactionMark::Unmarked);
    let up =
        text.find("SELECT").unwrap_or_default()..text.find("-- +goose Down").unwrap_or_default();
    migration.up.extent = Extent::Passages(vec![Passage {
        range: up,
        boundaries: Boundaries::Text,
        substitutions: Vec::new(),
    }]);
    let subjects: Vec<String> =
        lint(&migration, &Choice::default()).into_iter().map(|it| it.subject).collect();
    assert_eq!(subjects, ["migrations/1_a.sql:3"]);
}

#[test]
fn rules_are_switched_and_denied_by_name() {
    let names = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let text = "DROP TABLE orders; ALTER TABLE t ADD COLUMN a varchar(10);";
    let look = |on: &[&str], off: &[&str], deny: &[&str]| {
        let choice = Choice::new(&names(on), &names(off), &names(deny), Some("16"));
        let found = choice.map(|it| lint(&migration(text, TransactionMark::Unmarked), &it));
        found.map(|it| it.into_iter().map(|it| (it.code, it.severity)).collect::<Vec<_>>())
    };
    let drop = |severity| ("ban-drop-table".to_owned(), severity);
    let varchar = ("prefer-text-field".to_owned(), Severity::Warning);
    assert_eq!(look(&[], &[], &[]), Ok(vec![drop(Severity::Warning)]));
    assert_eq!(look(&["prefer-text-field"], &["ban-drop-table"], &[]), Ok(vec![varchar]));
    assert_eq!(look(&[], &[], &["ban-drop-table"]), Ok(vec![drop(Severity::Error)]));
    assert_eq!(look(&[], &[], &["all"]), Ok(vec![drop(Severity::Error)]));
    assert_eq!(look(&["no-such"], &[], &[]), Err(ChoiceError::Rule("no-such".to_owned())));
    let version = Choice::new(&[], &[], &[], Some("new"));
    assert_eq!(version, Err(ChoiceError::Version("new".to_owned())));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_is_looked_at_or_told(text in "[ -~\n'\"$;()-]{0,120}", sql in "(ALTER|CREATE|DROP|TABLE|INDEX|ONLY|a|b|\\(|\\)|;|,|'| |\n|\\$\\$|--|/\\*){0,40}") {
        for text in [text, sql] {
            for finding in found(&text) {
                prop_assert!(finding.subject.starts_with("migrations/1_a.sql"));
            }
        }
    }
}
