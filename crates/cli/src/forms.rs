//! A rehearsal's report for other readers: which forms were asked for, and where they go.
//!
//! Files are for their owner alone, as the JSON report is: errors quote values of production's
//! rows. That a file cannot be written is found before the rehearsal, not after it.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use stopover_model::report::RehearsalReport;
use stopover_report::{SourceRoot, annotations, html, junit, markdown, sarif};
use tempfile::NamedTempFile;

use crate::args::Format;
use crate::console::Failure;

/// Standard output, where a path is expected.
const STANDARD_OUTPUT: &str = "-";

/// A form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Html,
    Markdown,
    Junit,
    Sarif,
}

impl Form {
    fn of(self, report: &RehearsalReport) -> String {
        match self {
            Self::Html => html(report),
            Self::Markdown => markdown(report),
            Self::Junit => junit(report),
            Self::Sarif => sarif(report, &source_root()),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Html => "HTML",
            Self::Markdown => "Markdown",
            Self::Junit => "JUnit",
            Self::Sarif => "SARIF",
        }
    }
}

/// Whether a run of GitHub Actions is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workflow {
    /// Annotations on standard error, and Markdown in the job's summary.
    Told,
    /// Nothing of that.
    Untold,
}

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Forms {
    files: Vec<(Form, PathBuf)>,
    /// What takes the place of the text for people.
    output: Option<Form>,
    workflow: Workflow,
}

impl Forms {
    /// Sees that every form can be written. Folders are made.
    pub(crate) fn of(
        asked: impl IntoIterator<Item = (Form, Option<PathBuf>)>,
        workflow: Workflow,
        format: Format,
    ) -> Result<Self, Failure> {
        let mut forms = Self { files: Vec::new(), output: None, workflow };
        for (form, path) in asked {
            match path {
                None => {}
                Some(path) if path.as_os_str() == STANDARD_OUTPUT => {
                    forms.put_out(form, format)?;
                }
                Some(path) => forms.put_into(form, path)?,
            }
        }
        Ok(forms)
    }

    fn put_out(&mut self, form: Form, format: Format) -> Result<(), Failure> {
        let other = match (format, self.output) {
            (Format::Json, _) => "JSON",
            (Format::Human, Some(other)) => other.name(),
            (Format::Human, None) => {
                self.output = Some(form);
                return Ok(());
            }
        };
        Err(Failure::usage(
            format!("{} and {other} cannot both go to standard output", form.name()),
            "write one of them into a file",
        ))
    }

    fn put_into(&mut self, form: Form, path: PathBuf) -> Result<(), Failure> {
        if let Some((other, _)) = self.files.iter().find(|(_, it)| *it == path) {
            return Err(Failure::usage(
                format!("{} and {} cannot both be {}", other.name(), form.name(), path.display()),
                "give each a file of its own",
            ));
        }
        // It is gone again at once: all that counts is that it can be made there.
        beside(&path).map_err(|error| unwritable(form, &path, &error))?;
        self.files.push((form, path));
        Ok(())
    }

    /// What goes to standard output instead of the text for people.
    pub(crate) fn output(&self, report: &RehearsalReport) -> Option<String> {
        self.output.map(|form| form.of(report))
    }

    /// Writes all others; says which.
    pub(crate) fn write(&self, report: &RehearsalReport) -> Result<Vec<String>, Failure> {
        let mut written = Vec::new();
        if self.workflow == Workflow::Told {
            tell_workflow(report)?;
        }
        for (form, path) in &self.files {
            write(path, &form.of(report)).map_err(|error| unwritable(*form, path, &error))?;
            written.push(format!("report ({}): {}", form.name(), path.display()));
        }
        Ok(written)
    }
}

fn unwritable(form: Form, path: &Path, error: &std::io::Error) -> Failure {
    Failure::unable(
        format!("the {} report {} cannot be written: {error}", form.name(), path.display()),
        "name a file in a folder that may be written",
    )
}

/// A file beside `path`, of the same owner alone.
fn beside(path: &Path) -> std::io::Result<NamedTempFile> {
    if path.is_dir() {
        return Err(std::io::Error::new(std::io::ErrorKind::IsADirectory, "it is a folder"));
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    NamedTempFile::new_in(folder)
}

/// Writes a file as a whole: whoever reads it meanwhile sees the old one or the new one.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = beside(path)?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Annotations go to standard error, where the runner reads them as well as on standard output: the
/// document there stays what it is.
fn tell_workflow(report: &RehearsalReport) -> Result<(), Failure> {
    let text = annotations(report, &source_root());
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    let Some(summary) = env::var_os("GITHUB_STEP_SUMMARY").filter(|it| !it.is_empty()) else {
        return Ok(());
    };
    let append = || {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(&summary)?;
        file.write_all(markdown(report).as_bytes())
    };
    append().map_err(|error: std::io::Error| {
        Failure::unable(
            format!("the job's summary {} cannot be written: {error}", summary.display()),
            "see what GITHUB_STEP_SUMMARY names",
        )
    })
}

/// The repository that the working folder is in: readers of SARIF and annotations name files from
/// its root on.
fn source_root() -> SourceRoot {
    let folder = env::current_dir().unwrap_or_default();
    let repository = folder.ancestors().find(|it| it.join(".git").exists()).map(Path::to_owned);
    let workspace = || env::var_os("GITHUB_WORKSPACE").map(PathBuf::from);
    let root = repository.or_else(workspace).unwrap_or_else(|| folder.clone());
    SourceRoot::new(root.to_string_lossy(), folder.to_string_lossy())
}
