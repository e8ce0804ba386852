//! A table as the page has them: it scrolls by itself where it is wider than the page.

use crate::markup::Markup;

/// A column's class and its head.
pub(super) type Column = (&'static str, &'static str);

/// What it is called, for who cannot see it, and the class that it is styled by, or nothing.
pub(super) struct Named<'a> {
    pub(super) label: &'a str,
    pub(super) class: &'a str,
}

/// The table; `rows` writes those of its body.
pub(super) fn grid(
    page: &mut Markup,
    named: &Named<'_>,
    columns: &[Column],
    rows: impl FnOnce(&mut Markup),
) {
    let frame =
        [("class", "wide"), ("tabindex", "0"), ("role", "region"), ("aria-label", named.label)];
    let class = [("class", named.class)];
    let class = if named.class.is_empty() { &class[..0] } else { &class[..] };
    page.element("div", &frame, |page| {
        page.element("table", class, |page| {
            page.element("thead", &[], |page| {
                page.element("tr", &[], |page| {
                    for (class, head) in columns {
                        page.element("th", &[("scope", "col"), ("class", class)], |it| {
                            it.text(head);
                        });
                    }
                });
            });
            page.element("tbody", &[], rows);
        });
    });
}
