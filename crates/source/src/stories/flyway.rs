//! Flyway's names and settings.

use super::{Source, codes, errors, listed, the};
use crate::SourceError;
use stopover_model::{Layout, Severity, TransactionMark, Version};

#[test]
fn versions_are_compared_part_by_part_and_repeatables_come_last() {
    let source = Source::named(&[
        "V10__ten.sql",
        "V9__nine.sql",
        "V1_2__one_two.sql",
        "V1.11__one_eleven.sql",
        "V001__one.sql",
        "U1__back.sql",
        "R__b_views.sql",
        "R__a_views.sql",
        "billing/V2__nested.sql",
        "V3.SQL",
        "docs/readme.txt",
        ".git/V99__x.sql",
    ]);
    let set = source.read();
    assert_eq!(set.layout, Layout::Flyway);
    assert_eq!(
        listed(&set),
        [
            "001 one",
            "1.2 one_two",
            "1.11 one_eleven",
            "2 nested",
            "3 ",
            "9 nine",
            "10 ten",
            "R__a_views a_views",
            "R__b_views b_views"
        ]
    );
    assert_eq!(errors(&set), Vec::<&str>::new());
    assert_eq!(codes(&set, Severity::Note), ["not-a-migration"; 2]);
    let one = set.get(&Version::flyway("1.0").unwrap()).unwrap();
    assert_eq!(one.down.as_ref().unwrap().path, source.file("U1__back.sql"));
    assert_eq!(set.migrations[3].file, "billing/V2__nested.sql");
}

#[test]
fn equal_versions_collide_however_they_are_written() {
    let set = Source::named(&["V1__a.sql", "V1_0__b.sql", "R__x_y.sql", "sub/R__x_y.sql"]).read();
    assert_eq!(errors(&set), ["collision", "collision"]);
    assert!(set.findings[0].message.contains("V1_0__b.sql"), "{}", set.findings[0].message);
    assert_eq!(set.findings[1].subject, "R__x_y");
}

#[test]
fn settings_beside_a_script_are_honoured() {
    let source = Source::of(&[
        ("V1__a.sql", "VACUUM;"),
        ("V1__a.sql.conf", "# why\nexecuteInTransaction = false\nencoding=UTF-8\n"),
        ("V2__b.sql", "SELECT '${kept}';"),
        ("V2__b.sql.conf", "placeholderReplacement=FALSE\nexecuteInTransaction=true"),
        ("V3__c.sql", "SELECT 1;"),
        (
            "V3__c.sql.conf",
            "encoding=ISO-8859-1\nshouldExecute=${x}==1\nfoo=1\nbar\nexecuteInTransaction=no",
        ),
        ("V4__gone.sql.conf", "executeInTransaction=false"),
    ]);
    let set = source.read();
    let mark = TransactionMark::NoTransaction(".conf: executeInTransaction=false".into());
    assert_eq!(set.migrations[0].directives.transaction, mark);
    assert_eq!(set.migrations[1].directives.transaction, TransactionMark::Unmarked);
    assert_eq!(errors(&set), ["bad-directive"; 5]);
    let places: Vec<_> =
        (1..=5).map(|line| source.file(&format!("V3__c.sql.conf:{line}"))).collect();
    assert!(set.findings.iter().filter(|it| it.is_error()).all(|it| places.contains(&it.subject)));
    assert_eq!(the(&set, "not-a-migration").subject, source.file("V4__gone.sql.conf"));
}

#[test]
fn placeholders_are_errors_wherever_they_stand() {
    let source = Source::of(&[(
        "V1__a.sql",
        "SELECT $1, '$';\n-- ${owner}\nSELECT '${owner}', ${flyway:timestamp}, '${open\n';",
    )]);
    let set = source.read_as(Layout::Flyway);
    assert_eq!(errors(&set), ["placeholder"; 3]);
    let places: Vec<_> = set.findings.iter().map(|it| it.subject.clone()).collect();
    assert_eq!(places, [2, 3, 3].map(|line| source.file(&format!("V1__a.sql:{line}"))));
    assert!(set.findings[0].message.contains("${owner}"), "{}", set.findings[0].message);
}

#[test]
fn what_flyway_would_run_and_this_tool_does_not_is_never_silent() {
    let source = Source::named(&[
        "V1__a.sql",
        "V2__java.java",
        "V3__script.sh",
        "beforeMigrate.sql",
        "afterMigrate__grants.sql",
        "afterUndo.sql",
        "B1__base.sql",
        "B0_5__base.sql",
        "V__noversion.sql",
        "V1x__bad.sql",
        "R1__versioned.sql",
        "R__.sql",
        "views.sql",
        "U2__nothing_to_undo.sql",
        "flyway.conf",
    ]);
    let set = source.read_as(Layout::Flyway);
    let mut found = errors(&set);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "bad-name",
            "bad-name",
            "bad-name",
            "bad-name",
            "bad-name",
            "baseline-migration",
            "callback",
            "callback",
            "down-without-up",
            "not-sql",
            "not-sql"
        ]
    );
    assert_eq!(codes(&set, Severity::Warning), ["baseline-migration"]);
    assert_eq!(codes(&set, Severity::Note), ["callback", "not-a-migration"]);
    assert_eq!(listed(&set), ["1 a"]);
}

#[test]
fn a_folder_that_may_be_flyways_or_refinerys_needs_a_word() {
    let source = Source::named(&["V1__a.sql", "V2__b.sql"]);
    let SourceError::TwoLayouts { fits, .. } = source.refusal(None) else { panic!() };
    assert_eq!(fits.map_layouts(), [Layout::Flyway, Layout::Refinery]);
    assert_eq!(listed(&source.read_as(Layout::Flyway)), ["1 a", "2 b"]);
    assert_eq!(listed(&source.read_as(Layout::Refinery)), ["1 a", "2 b"]);
    for (more, layout) in [
        ("V3_1__c.sql", Layout::Flyway),
        ("R__views.sql", Layout::Flyway),
        ("U1__undo.sql", Layout::Flyway),
        ("V2__b.sql.conf", Layout::Flyway),
        ("V3__with-dash.sql", Layout::Flyway),
        ("afterMigrate.sql", Layout::Flyway),
        ("U3__merged_late.sql", Layout::Refinery),
    ] {
        let source = Source::named(&["V1__a.sql", "V2__b.sql", more]);
        assert_eq!(source.read().layout, layout, "{more}");
    }
}

trait Layouts {
    fn map_layouts(&self) -> Vec<Layout>;
}

impl Layouts for Vec<(Layout, String)> {
    fn map_layouts(&self) -> Vec<Layout> {
        self.iter().map(|(layout, _)| *layout).collect()
    }
}
