//! What was measured, as numbers and as a table.

use std::fmt::Write as _;
use std::time::Duration;

/// The runs of one contestant in one case.
#[derive(Debug, Clone, Default)]
pub(super) struct Series {
    pub(super) name: String,
    /// In turns: the first of each series belong together.
    pub(super) runs: Vec<Duration>,
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
    fn milliseconds(&self) -> Vec<f64> {
        self.runs.iter().map(|it| it.as_secs_f64() * 1e3).collect()
    }

    /// The median of its ratios to the other's run of the same turn.
    pub(super) fn ratio(&self, to: &Self) -> f64 {
        let pairs = self.runs.iter().zip(&to.runs);
        median(pairs.map(|(a, b)| a.as_secs_f64() / b.as_secs_f64()).collect())
    }
}

impl Table {
    /// As Markdown.
    pub(super) fn markdown(&self) -> String {
        let reference = self.reference.and_then(|at| self.series.get(at));
        let has_peaks = self.series.iter().any(|it| it.peak.is_some());
        let mut text = format!("### {}\n\n{}\n\n", self.title, self.how);
        let mut head = ["", "median, ms", "least", "most"].join(" | ");
        let mut rule = "| --- | ---: | ---: | ---: |".to_owned();
        if let Some(reference) = reference {
            let _ = write!(head, " | of {}", reference.name.trim_start_matches("the floor: "));
            rule.push_str(" ---: |");
        }
        if has_peaks {
            head.push_str(" | peak memory, MiB");
            rule.push_str(" ---: |");
        }
        let _ = writeln!(text, "|{head} |\n{rule}");
        for series in &self.series {
            let _ = writeln!(text, "{}", self.line(series, reference, has_peaks));
        }
        text
    }

    fn line(&self, series: &Series, reference: Option<&Series>, has_peaks: bool) -> String {
        let times = series.milliseconds();
        let least = times.iter().copied().fold(f64::INFINITY, f64::min);
        let most = times.iter().copied().fold(0.0, f64::max);
        let digits = usize::from(median(times.clone()) < 100.0);
        let mut line = format!(
            "| {} | {:.digits$} | {least:.digits$} | {most:.digits$} |",
            series.name,
            median(times)
        );
        if let Some(reference) = reference {
            let _ = write!(line, " {:.2} |", series.ratio(reference));
        }
        if has_peaks {
            let peak = series.peak.map_or(String::new(), mebibytes);
            let _ = write!(line, " {peak} |");
        }
        line
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
        Series { name: name.to_owned(), runs, peak: None }
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
        };
        let text = table.markdown();
        assert!(text.contains("| a | 10.0 | 10.0 | 40.0 | 0.50 |"), "{text}");
        assert!(text.contains("| of b |"), "{text}");
    }
}
