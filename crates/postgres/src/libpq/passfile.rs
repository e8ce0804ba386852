//! The password file: `host:port:database:user:password`, `*` for any, `\` before `:` and `\`.

use std::path::PathBuf;

use tokio_postgres::Config;

use super::{Extras, Surroundings, address};

/// The password of the first line that fits.
pub(super) fn find(config: &Config, extras: &Extras, around: &Surroundings<'_>) -> Option<String> {
    let named = extras.get("passfile").map(PathBuf::from);
    let file = named.or_else(|| around.home().map(|home| home.join(".pgpass")))?;
    let text = std::fs::read_to_string(&file).ok()?;
    if is_open_to_others(&file) {
        tracing::warn!(
            "the password file {} is readable by others and is not used: chmod 0600 it",
            file.display()
        );
        return None;
    }
    let wanted = address(config);
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let [host, port, database, user, password] = fields.as_slice() else { return None };
        let fits = [host, port, database, user]
            .into_iter()
            .zip(&wanted)
            .all(|(field, wanted)| field == "*" || field == wanted);
        fits.then(|| password.clone())
    })
}

#[cfg(unix)]
fn is_open_to_others(file: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).map_or(true, |it| it.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &std::path::Path) -> bool {
    false
}

fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let next = match c {
            // The password is the rest, colons included, as far as they are escaped or not.
            ':' if fields.len() < 5 => {
                fields.push(String::new());
                continue;
            }
            '\\' => chars.next().unwrap_or('\\'),
            other => other,
        };
        if let Some(field) = fields.last_mut() {
            field.push(next);
        }
    }
    fields
}
