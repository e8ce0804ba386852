//! How one kind of source is fetched: which program, with what, and where its bytes come out.

use std::ffi::OsString;

use super::Told;
use super::group::Running;
use super::https;
use super::partial::Partial;

/// A program that fetches.
#[derive(Debug)]
pub(super) struct Recipe {
    /// As messages name it; found in `PATH`.
    pub(super) program: String,
    /// Its arguments. Every user of the machine can read them: no secrets.
    pub(super) arguments: Vec<OsString>,
    /// Variables of its environment beside our own.
    pub(super) environment: Vec<(&'static str, OsString)>,
    /// What it reads from standard input.
    pub(super) input: String,
    /// Where the backup comes out.
    pub(super) outlet: Outlet,
    /// How the source tells time and size.
    pub(super) teller: Teller,
    /// Which line of standard error says why it failed.
    pub(super) headline: Headline,
}

/// Which line of standard error says why a program failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Headline {
    /// The first: what follows comes of it.
    First,
    /// The last: what goes before is a greeting or a log.
    Last,
}

/// Where the backup comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outlet {
    /// Standard output.
    Output,
    /// The path that the program was given.
    Path,
    /// The path, where something is there in the end; else standard output.
    Either,
}

/// How the source tells when the backup was written, and how large it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Teller {
    /// Not at all.
    Nobody,
    /// The program gives the file the source's time.
    File,
    /// The head of an HTTP answer, in the file of that name.
    HttpHead,
    /// A line that begins with [`MARK`] on standard error.
    Line,
}

/// Begins the line that says time and size: `stopover-stat: SECONDS BYTES`.
pub(super) const MARK: &str = "stopover-stat: ";

impl Recipe {
    /// What the source said up to now.
    pub(super) fn told(&self, running: &Running, partial: &Partial) -> Told {
        match self.teller {
            Teller::Nobody => Told::default(),
            Teller::File => Told { modified: partial.modified(), bytes: None },
            Teller::HttpHead => https::told(&partial.head()),
            Teller::Line => running.marked().map(|line| of_line(&line)).unwrap_or_default(),
        }
    }
}

fn of_line(line: &str) -> Told {
    let mut words = line.split_whitespace();
    let modified = words.next().and_then(|it| it.parse().ok());
    Told { modified, bytes: words.next().and_then(|it| it.parse().ok()) }
}
