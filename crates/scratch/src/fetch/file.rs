//! `file:/backups/*.sql.gz`: the newest file that fits, read where it lies.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::Cause;

/// The newest of the files that fit: all in a folder, or those whose name fits a pattern with `*` and
/// `?` in its last part. A folder of `pg_dump -Fd` counts as one. Names that begin with a dot, or end
/// as names of files do that are still being written, are left out.
pub(super) fn newest(pattern: &str) -> Result<PathBuf, Cause> {
    let path = Path::new(pattern);
    let (folder, name) = if path.is_dir() && !is_dump_folder(path) {
        (path, "*")
    } else {
        let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        (folder.unwrap_or(Path::new(".")), name)
    };
    let entries = fs::read_dir(folder)
        .map_err(|error| Cause::NoFile(format!("{} cannot be read: {error}", folder.display())))?;
    let candidates = entries.flatten().filter_map(|entry| {
        let found = entry.file_name();
        let found = found.to_str()?;
        let fits = found == name || (fits(name, found) && !is_unfinished(found));
        let path = entry.path();
        fits.then(|| time_of(&path).map(|time| (time, path))).flatten()
    });
    let newest = candidates.max();
    newest
        .map(|(_, path)| path)
        .ok_or_else(|| Cause::NoFile(format!("no file in {} fits `{name}`", folder.display())))
}

fn is_dump_folder(path: &Path) -> bool {
    path.join("toc.dat").is_file()
}

fn is_unfinished(name: &str) -> bool {
    let ends = [".tmp", ".part", ".partial", "~"];
    name.starts_with('.') || ends.iter().any(|end| name.ends_with(end))
}

/// When a backup was written; `None`: it is none.
fn time_of(path: &Path) -> Option<SystemTime> {
    let facts = fs::metadata(path).ok()?;
    if facts.is_dir() {
        return fs::metadata(path.join("toc.dat")).ok()?.modified().ok();
    }
    facts.is_file().then(|| facts.modified().ok()).flatten()
}

/// Whether a name fits a pattern: `*` is any text, `?` any sign.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut read) = (0, 0);
    // Where to go on when what follows the last `*` does not fit: the star takes one more.
    let mut again: Option<(usize, usize)> = None;
    while read < name.len() {
        match pattern.get(at) {
            Some('*') => {
                again = Some((at, read));
                at += 1;
            }
            Some(&sign) if sign == '?' || sign == name[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((star, taken)) = again else { return false };
                again = Some((star, taken + 1));
                at = star + 1;
                read = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|it| *it == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_a_question_mark_any_sign() {
        for (pattern, name) in [
            ("*", "a"),
            ("*.sql.gz", "x.sql.gz"),
            ("b-?.sql", "b-1.sql"),
            ("a*b*c", "aXbbYc"),
            ("*a", "aa"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("*.sql", "x.sql.gz"), ("b-?.sql", "b-.sql"), ("", "a"), ("a*b", "ac")]
        {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn the_newest_file_that_fits_is_taken_where_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, age: u64| {
            let path = folder.path().join(name);
            fs::write(&path, "x").unwrap();
            let time = SystemTime::now() - std::time::Duration::from_secs(age);
            fs::File::open(&path).unwrap().set_modified(time).unwrap();
            path
        };
        put("a.sql.gz", 300);
        let newest_dump = put("b.sql.gz", 200);
        let newest_of_all = put("log.txt", 100);
        put("c.sql.gz.part", 1);
        put(".d.sql.gz", 1);
        let pattern = folder.path().join("*.sql.gz").display().to_string();
        assert_eq!(newest(&pattern).unwrap(), newest_dump);
        assert_eq!(newest(&folder.path().display().to_string()).unwrap(), newest_of_all);
        let none = newest(&folder.path().join("*.dump").display().to_string()).unwrap_err();
        assert!(none.to_string().contains("fits `*.dump`"), "{none}");
    }
}
