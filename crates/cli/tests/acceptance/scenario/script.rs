//! The text of a scenario, read and written: what was read is written back byte for byte.

use std::fmt;

/// A scenario.
pub(crate) struct Script {
    /// What it tells.
    preamble: String,
    pub(crate) steps: Vec<Step>,
}

/// One step: a head line, a body, and what is expected, in sections.
pub(crate) struct Step {
    pub(crate) head: String,
    pub(crate) body: String,
    /// Label and text, in the order in which they stand; empty ones are left out.
    pub(crate) sections: Vec<(String, String)>,
}

const STEP: &str = "=== ";
const SECTION: &str = "--- ";

impl Script {
    pub(crate) fn parse(text: &str) -> Self {
        let mut preamble = String::new();
        let mut steps: Vec<Step> = Vec::new();
        for line in text.lines() {
            if let Some(head) = line.strip_prefix(STEP) {
                let (head, body, sections) = (head.to_owned(), String::new(), Vec::new());
                steps.push(Step { head, body, sections });
                continue;
            }
            let Some(step) = steps.last_mut() else {
                push(&mut preamble, line);
                continue;
            };
            if let Some(label) = line.strip_prefix(SECTION) {
                step.sections.push((label.to_owned(), String::new()));
            } else if let Some((_, text)) = step.sections.last_mut() {
                push(text, line);
            } else {
                push(&mut step.body, line);
            }
        }
        trim(&mut preamble);
        for step in &mut steps {
            trim(&mut step.body);
            step.sections.iter_mut().for_each(|(_, text)| trim(text));
        }
        Self { preamble, steps }
    }
}

impl Step {
    /// Puts what happened in the place of what is expected.
    pub(crate) fn happened<const N: usize>(&mut self, sections: [(&str, String); N]) {
        let given = sections.into_iter().map(|(label, mut text)| {
            // Blanks at line ends are invisible in a file, and editors drop them.
            text = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
            trim(&mut text);
            (label.to_owned(), text)
        });
        self.sections = given.filter(|(_, text)| !text.is_empty()).collect();
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.preamble)?;
        for step in &self.steps {
            write!(f, "\n{STEP}{}\n{}", step.head, step.body)?;
            for (label, text) in &step.sections {
                write!(f, "{SECTION}{label}\n{text}")?;
            }
        }
        Ok(())
    }
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// Blank lines at the end only set steps apart.
fn trim(text: &mut String) {
    text.truncate(text.trim_end_matches('\n').len());
    if !text.is_empty() {
        text.push('\n');
    }
}
