//! XML and HTML that is well-formed whatever stands in it: elements are closed by construction, and
//! text can only get in escaped. Names of elements and attributes are ours.

use crate::text;

/// Markup that grows.
#[derive(Debug, Default)]
pub(crate) struct Markup {
    out: String,
}

impl Markup {
    /// Begins with `prologue`, such as a document type.
    pub(crate) fn beginning(prologue: &'static str) -> Self {
        Self { out: prologue.to_owned() }
    }

    /// The text of all of it.
    pub(crate) fn finish(self) -> String {
        self.out
    }

    /// `<name …>`, what `inside` writes, `</name>`.
    pub(crate) fn element(
        &mut self,
        name: &'static str,
        attributes: &[(&'static str, &str)],
        inside: impl FnOnce(&mut Self),
    ) {
        self.open(name, attributes);
        self.out.push('>');
        inside(self);
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// `<name …>text</name>`.
    pub(crate) fn of(&mut self, name: &'static str, class: &str, text: &str) {
        let attributes = [("class", class)];
        let attributes = if class.is_empty() { &attributes[..0] } else { &attributes[..] };
        self.element(name, attributes, |it| it.text(text));
    }

    /// `<name …/>`: in HTML for void elements and within SVG only.
    pub(crate) fn empty(&mut self, name: &'static str, attributes: &[(&'static str, &str)]) {
        self.open(name, attributes);
        self.out.push_str("/>");
    }

    /// Text that anybody may have written.
    pub(crate) fn text(&mut self, text: &str) {
        for c in text::tame(text).chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\'' => self.out.push_str("&#39;"),
                // Everything else that XML 1.0 forbids is a control character, and spelled out.
                '\u{fffe}' | '\u{ffff}' => self.out.push('\u{fffd}'),
                _ => self.out.push(c),
            }
        }
    }

    /// Our own text, as it is: style sheets and scripts.
    pub(crate) fn verbatim(&mut self, text: &'static str) {
        self.out.push_str(text);
    }

    /// Ends a line, so that the document can be read as text.
    pub(crate) fn line(&mut self) {
        self.out.push('\n');
    }

    fn open(&mut self, name: &'static str, attributes: &[(&'static str, &str)]) {
        self.out.push('<');
        self.out.push_str(name);
        for (attribute, value) in attributes {
            self.out.push(' ');
            self.out.push_str(attribute);
            self.out.push_str("=\"");
            self.text(value);
            self.out.push('"');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_text_in_elements_and_attributes() {
        let mut markup = Markup::default();
        markup.element("b", &[("title", "\"><script>")], |it| it.text("</b>&'\u{0}\u{ffff}"));
        assert_eq!(
            markup.finish(),
            "<b title=\"&quot;&gt;&lt;script&gt;\">&lt;/b&gt;&amp;&#39;\\u{0}\u{fffd}</b>"
        );
    }
}
