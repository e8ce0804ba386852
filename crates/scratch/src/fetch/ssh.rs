//! `ssh:host:/path` and `ssh://user@host:port/path`: `cat` on the other host.

use super::recipe::{Headline, MARK, Outlet, Recipe, Teller};
use super::source::SshPlace;

/// Says time and size on standard error first (`stat` of GNU, else of BSD), then the file. No single
/// quotes may stand here: it is quoted by them.
const SCRIPT: &str = r#"s=$(stat -L -c "%Y %s" -- "$1" 2>/dev/null || stat -L -f "%m %z" -- "$1" 2>/dev/null) && echo "MARK$s" >&2; exec cat -- "$1""#;

/// The login shell over there gets one line of plain words, of which two are quoted; a `sh` of its own
/// gets the path as an argument, never as a part of the script.
pub(super) fn recipe(place: &SshPlace) -> Recipe {
    let script = SCRIPT.replace("MARK", MARK);
    let line = format!("exec sh -c {} stopover {}", quoted(&script), quoted(&place.path));
    let options = ["BatchMode=yes", "ConnectTimeout=30", "ServerAliveInterval=15"];
    let mut arguments = vec!["-T".into()];
    arguments.extend(options.iter().flat_map(|it| ["-o".into(), it.into()]));
    if let Some(port) = place.port {
        arguments.extend(["-p".into(), port.to_string().into()]);
    }
    arguments.extend(["--".into(), place.host.clone().into(), line.into()]);
    Recipe {
        program: "ssh".to_owned(),
        arguments,
        environment: Vec::new(),
        input: String::new(),
        outlet: Outlet::Output,
        teller: Teller::Line,
        headline: Headline::Last,
    }
}

/// One word for a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
