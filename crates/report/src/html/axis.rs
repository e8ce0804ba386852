//! The axis of time: where things stand on it, and its marks.

use crate::markup::Markup;
use crate::picture::Span;
use crate::units;

/// Marks that an axis gets at most, at each magnification.
const MARKS: f64 = 6.0;

/// How far a chart can be magnified: the CSS has a class for each.
pub(super) const ZOOMS: [u32; 3] = [1, 4, 16];

/// Places on the axis, in percent of its width.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    span: Span,
}

impl Axis {
    pub(super) const fn of(span: Span) -> Self {
        Self { span }
    }

    /// Where a moment stands: `12.5%`.
    pub(super) fn x(self, moment: f64) -> String {
        percent(self.share(moment - self.span.from))
    }

    /// How wide a span is: never nothing.
    pub(super) fn width(self, span: Span) -> String {
        percent(self.share(span.length()).max(0.01))
    }

    /// The part of the whole that a length is, in percent.
    pub(super) fn share(self, length: f64) -> f64 {
        (length / self.span.length() * 100.0).clamp(0.0, 100.0)
    }

    /// A length that is this part of the whole, in percent.
    pub(super) fn length_of(self, percent: f64) -> f64 {
        self.span.length() * percent / 100.0
    }

    /// Since the axis begins: `4.1 s`.
    pub(super) fn since(self, moment: f64) -> String {
        units::duration((moment - self.span.from).max(0.0))
    }

    /// The moments that are marked, each with the magnification from which on it is.
    fn marks(self) -> Vec<(f64, u32)> {
        let mut marks: Vec<(f64, u32)> = Vec::new();
        for zoom in ZOOMS {
            let step = step(self.span.length() / f64::from(zoom) / MARKS);
            let mut at = 0.0;
            while at <= self.span.length() {
                let is_new = marks.iter().all(|(it, _)| (it - at).abs() > step / 10.0);
                if is_new {
                    marks.push((at, zoom));
                }
                at += step;
            }
        }
        marks
    }

    /// The axis's marks with their words, for a line of its own.
    pub(super) fn words(self, page: &mut Markup) {
        for (at, zoom) in self.marks() {
            let class = format!("mark z{zoom}");
            let style = format!("left:{}", percent(self.share(at)));
            page.element("span", &[("class", &class), ("style", &style)], |page| {
                page.text(&whole(at));
            });
        }
    }

    /// Lines from the top to the bottom at its marks.
    pub(super) fn lines(self, page: &mut Markup) {
        page.element("svg", &[("class", "grid"), ("aria-hidden", "true")], |page| {
            for (at, zoom) in self.marks() {
                let (x, class) = (percent(self.share(at)), format!("z{zoom}"));
                let line = [
                    ("class", class.as_str()),
                    ("x1", &x),
                    ("x2", &x),
                    ("y1", "0"),
                    ("y2", "100%"),
                ];
                page.empty("line", &line);
            }
        });
    }
}

/// The round length, 1, 2 or 5 times a power of ten, that is not shorter than `least`.
fn step(least: f64) -> f64 {
    let magnitude = 10_f64.powf(least.max(1e-9).log10().floor());
    let fits = |it: &f64| it * magnitude >= least;
    [1.0, 2.0, 5.0].into_iter().find(fits).unwrap_or(10.0) * magnitude
}

/// A mark's words: `0`, `500 ms`, `2.5 s`.
fn whole(ms: f64) -> String {
    if ms == 0.0 { "0".to_owned() } else { units::duration(ms).replace(".0 ", " ") }
}

fn percent(share: f64) -> String {
    let text = format!("{share:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_few() {
        for length in [0.001, 0.3, 7.0, 999.0, 22_700.0, 1e9] {
            let axis = Axis::of(Span { from: 100.0, to: 100.0 + length });
            let marks = axis.marks();
            let first = marks.iter().filter(|(_, zoom)| *zoom == 1).count();
            assert!((3..=8).contains(&first), "{length}: {first}");
            assert!(marks.len() <= 110, "{length}: {}", marks.len());
        }
    }

    #[test]
    fn places_are_percent_of_the_whole() {
        let axis = Axis::of(Span { from: 100.0, to: 300.0 });
        assert_eq!(axis.x(125.0), "12.5%");
        assert_eq!(axis.width(Span { from: 0.0, to: 0.0 }), "0.01%");
        assert_eq!(axis.since(125.0), "25 ms");
        assert_eq!(step(0.3), 0.5);
    }
}
