//! refinery's names.

use super::{Source, codes, errors, listed, the};
use stopover_model::{Layout, OrderMark, Severity, Version};

#[test]
fn u_files_may_come_late_and_are_no_undo_scripts() {
    let source = Source::named(&[
        "V1__initial.sql",
        "V10__ten.sql",
        "nested/V9__nine.sql",
        "U5__merged.sql",
    ]);
    let set = source.read();
    assert_eq!(set.layout, Layout::Refinery);
    assert_eq!(listed(&set), ["1 initial", "5 merged", "9 nine", "10 ten"]);
    assert_eq!(errors(&set), Vec::<&str>::new());
    let order = |version| set.get(&Version::Integer(version)).unwrap().directives.order;
    assert_eq!((order(5), order(9)), (OrderMark::Any, OrderMark::Ascending));
    assert!(set.migrations.iter().all(|it| it.down.is_none()));
}

#[test]
fn u_and_v_of_one_version_collide() {
    let set = Source::named(&["V1__a.sql", "U1__b.sql"]).read_as(Layout::Refinery);
    assert_eq!(errors(&set), ["collision"]);
}

#[test]
fn names_that_refinery_passes_over_are_errors() {
    let source = Source::named(&[
        "V1__a.sql",
        "V2_single.sql",
        "V1.5__decimal.sql",
        "V3__with-dash.sql",
        "v4__lower.sql",
        "V5__.sql",
        "V6__größe_ok.sql",
        "V7__rust.rs",
        "mod.rs",
    ]);
    let set = source.read_as(Layout::Refinery);
    assert_eq!(
        errors(&set),
        ["bad-name", "bad-name", "bad-name", "bad-name", "not-sql", "bad-name"]
    );
    assert_eq!(the(&set, "not-sql").subject, source.file("V7__rust.rs"));
    assert_eq!(listed(&set), ["1 a", "6 größe_ok"]);
    assert_eq!(codes(&set, Severity::Note), ["not-a-migration"]);
}
