//! What was measured, as numbers and as a table.

use std::fmt::Write as _;
use std::time::Duration;

/// The runs of one contestant in one case.
#[derive(Debug, Clone, Default)]
pub(super) struct Series {
    pub(super) name: String,
    /// In turns: the first of each series belong together.
    pub(super) runs: Vec<Duration>,
    /// Of each run, on all cores: the program's and its server's. Empty where it was not measured.
    pub(super) processor: Vec<Duration>,
    /// Bytes.
    pub(super) peak: Option<u64>,
}

/// One case.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) title: String,
    /// What was done, in a sentence or two.
    pub(super) how: String,
    pub(super) series: Vec<Series>,
    /// The series that the others are compared with.
    pub(super) reference: Option<usize>,
    pub(super) unit: Unit,
}

/// What times are told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Milliseconds,
    Seconds,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
        }
    }

    fn of(self, time: Duration) -> f64 {
        match self {
            Self::Milliseconds => time.as_secs_f64() * 1e3,
            Self::Seconds => time.as_secs_f64(),
        }
    }
}

/// The middle of the values; of two, their mean. 0 of none.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    match (values.get(low), values.get(high)) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        _ => 0.0,
    }
}

impl Series {
    /// The median of its ratios to the other's run of the same turn.
    pub(super) fn ratio(&self, to: &Self) -> f64 {
        let pairs = self.runs.iter().zip(&to.runs);
        median(pairs.map(|(a, b)| a.as_secs_f64() / b.as_secs_f64()).collect())
    }
}

impl Table {
    /// As Markdown.
    pub(super) fn markdown(&self) -> String {
        let columns = self.columns();
        let names: Vec<&str> = columns.iter().map(|it| it.0.as_str()).collect();
        let mut text = format!("### {}\n\n{}\n\n", self.title, self.how);
        let _ = writeln!(text, "| | {} |", names.join(" | "));
        let _ = writeln!(text, "| --- |{}", " ---: |".repeat(columns.len()));
        for (at, series) in self.series.iter().enumerate() {
            let cells: Vec<&str> =
                columns.iter().map(|it| it.1.get(at).map_or("", String::as_str)).collect();
            let _ = writeln!(text, "| {} | {} |", series.name, cells.join(" | "));
        }
        text
    }

    /// Each column's name, and its cells.
    fn columns(&self) -> Vec<(String, Vec<String>)> {
        let cells = |cell: &dyn Fn(&Series) -> String| self.series.iter().map(cell).collect();
        let time = |pick: &dyn Fn(Vec<f64>) -> f64| -> Vec<String> {
            cells(&|series| {
                let values = self.values(&series.runs);
                let digits = usize::from(median(values.clone()) < 100.0);
                format!("{:.digits$}", pick(values))
            })
        };
        let unit = self.unit.name();
        let mut columns = vec![
            (format!("median, {unit}"), time(&median)),
            ("least".to_owned(), time(&|it| it.into_iter().fold(f64::INFINITY, f64::min))),
            ("most".to_owned(), time(&|it| it.into_iter().fold(0.0, f64::max))),
        ];
        if let Some(reference) = self.reference.and_then(|at| self.series.get(at)) {
            let name = format!("of {}", reference.name.trim_start_matches("the floor: "));
            columns.push((name, cells(&|series| format!("{:.2}", series.ratio(reference)))));
        }
        if self.series.iter().any(|it| !it.processor.is_empty()) {
            let spent = |it: &Series| match it.processor.as_slice() {
                [] => String::new(),
                times => format!("{:.1}", median(self.values(times))),
            };
            columns.push((format!("processor, {unit}"), cells(&spent)));
        }
        if self.series.iter().any(|it| it.peak.is_some()) {
            let peak = |it: &Series| it.peak.map_or(String::new(), mebibytes);
            columns.push(("peak memory, MiB".to_owned(), cells(&peak)));
        }
        columns
    }

    fn values(&self, times: &[Duration]) -> Vec<f64> {
        times.iter().map(|it| self.unit.of(*it)).collect()
    }
}

fn mebibytes(bytes: u64) -> String {
    let tenths = bytes * 10 / (1 << 20);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, runs: &[u64]) -> Series {
        let runs = runs.iter().map(|&ms| Duration::from_millis(ms)).collect();
        Series { name: name.to_owned(), runs, ..Series::default() }
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(Vec::new()), 0.0);
    }

    #[test]
    fn ratios_are_of_runs_of_the_same_turn() {
        // The machine was slow in the second turn, for both.
        let (one, other) = (series("a", &[10, 40, 10]), series("b", &[20, 80, 20]));
        assert_eq!(one.ratio(&other), 0.5);
        let table = Table {
            title: "t".into(),
            how: "h".into(),
            series: vec![one, other],
            reference: Some(1),
            unit: Unit::Milliseconds,
        };
        let text = table.markdown();
        assert!(text.contains("| a | 10.0 | 10.0 | 40.0 | 0.50 |"), "{text}");
        assert!(text.contains("| | median, ms | least | most | of b |"), "{text}");
    }

    #[test]
    fn what_was_measured_of_some_only_is_empty_for_the_others() {
        let (mut one, other) = (series("a", &[1_500, 2_500]), series("b", &[1_000]));
        one.processor = vec![Duration::from_secs(3)];
        one.peak = Some(3 << 20);
        let series = vec![one, other];
        let (title, how) = ("t".to_owned(), "h".to_owned());
        let table = Table { title, how, series, reference: None, unit: Unit::Seconds };
        let text = table.markdown();
        assert!(text.contains("| a | 2.0 | 1.5 | 2.5 | 3.0 | 3.0 |"), "{text}");
        assert!(text.contains("| b | 1.0 | 1.0 | 1.0 |  |  |"), "{text}");
    }
}
