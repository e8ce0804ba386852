//! `command:…`: a shell command of the user's.
//!
//! It writes the backup to standard output, or to the path in `STOPOVER_FETCH_TO` (a file, or a
//! folder such as `pg_dump -Fd` makes). Where something is at the path in the end, that is the
//! backup, and standard output is not looked at.

use super::partial::Partial;
use super::recipe::{Headline, Outlet, Recipe, Teller};

/// Runs through `sh -c`: it is the user's own text.
pub(super) fn recipe(text: &str, partial: &Partial) -> Recipe {
    Recipe {
        program: "sh".to_owned(),
        arguments: vec!["-c".into(), text.into()],
        environment: vec![("STOPOVER_FETCH_TO", partial.target().into_os_string())],
        input: String::new(),
        outlet: Outlet::Either,
        teller: Teller::Nobody,
        headline: Headline::Last,
    }
}
