//! `rsync://host/module/path` and `rsync:host:/path`, by the rsync program.

use super::partial::Partial;
use super::recipe::{Headline, Outlet, Recipe, Teller};

/// `--secluded-args` keeps the path from the other host's shell (`-s`, its name since 3.0). A folder
/// that ends with `/` comes with all that is in it.
pub(super) fn recipe(place: &str, partial: &Partial) -> Recipe {
    let mut arguments: Vec<_> =
        ["-s", "--recursive", "--copy-links", "--times", "--timeout=60"].map(Into::into).to_vec();
    if std::env::var_os("RSYNC_RSH").is_none() {
        // Nobody is there to type a password.
        arguments.push("--rsh=ssh -o BatchMode=yes -o ConnectTimeout=30".into());
    }
    arguments.extend(["--".into(), place.into(), partial.target().into_os_string()]);
    Recipe {
        program: "rsync".to_owned(),
        arguments,
        environment: Vec::new(),
        input: String::new(),
        outlet: Outlet::Path,
        teller: Teller::File,
        headline: Headline::First,
    }
}
