//! The macro behind `stopover::embed!`: a folder's files, by path, as bytes in the binary.
//!
//! It knows files and nothing of migrations: what the names mean is read at run time, by the same
//! code that reads a folder on disk. It has no dependency, so that a service that embeds a handful
//! of files does not build a parser of Rust for it.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro::{Delimiter, Span, TokenStream, TokenTree};

/// How deep folders are followed: a loop of links ends there.
const DEPTH_LIMIT: usize = 32;

/// Every visible file below a folder, as `&'static [(&'static str, &'static [u8])]`: paths below
/// it with `/`, ascending, and what the files hold. The folder is relative to the manifest of the
/// crate that is being compiled. Called by `stopover::embed!`, whose documentation says when a
/// change is seen.
#[proc_macro]
pub fn files(input: TokenStream) -> TokenStream {
    let (text, span) = match folder_name(input) {
        Ok(named) => named,
        Err((message, span)) => return refusal(&message, span),
    };
    match embedded(&text) {
        Ok(expression) => expression.parse().unwrap_or_else(|error| {
            refusal(&format!("the files of {text} cannot be embedded: {error}"), span)
        }),
        Err(message) => refusal(&message, span),
    }
}

/// The text of the one string literal that is given.
fn folder_name(input: TokenStream) -> Result<(String, Span), (String, Span)> {
    const FORM: &str = "name the folder by one string, e.g. embed!(\"migrations\")";
    let mut tokens = input.into_iter();
    let (first, rest) = (tokens.next(), tokens.next());
    let refused = |span: Span| Err((FORM.to_owned(), span));
    match (first, rest) {
        // A macro hands its argument on within a group that nobody sees.
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::None => {
            folder_name(group.stream())
        }
        (Some(TokenTree::Literal(literal)), None) => {
            let text = literal.to_string();
            let inner = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
            match inner.filter(|it| !it.is_empty() && !it.contains('\\')) {
                Some(inner) => Ok((inner.to_owned(), literal.span())),
                None => refused(literal.span()),
            }
        }
        (Some(token), _) => refused(token.span()),
        (None, _) => refused(Span::call_site()),
    }
}

fn embedded(folder: &str) -> Result<String, String> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").ok_or(
        "CARGO_MANIFEST_DIR is not set: build with Cargo, or set it to the crate's folder",
    )?;
    let root = PathBuf::from(manifest).join(folder);
    let mut found = Vec::new();
    gather(&root, "", 0, &mut found)?;
    if found.is_empty() {
        return Err(format!("there is no file in {}", root.display()));
    }
    found.sort();
    let mut entries = String::new();
    for (name, path) in found {
        entries
            .push_str(&format!("({name:?}, ::core::include_bytes!({path:?}) as &'static [u8]),"));
    }
    Ok(format!("{{ const FILES: &[(&'static str, &'static [u8])] = &[{entries}]; FILES }}"))
}

/// Files below `folder`: their paths below the root, and their full paths.
fn gather(
    folder: &Path,
    below: &str,
    depth: usize,
    found: &mut Vec<(String, String)>,
) -> Result<(), String> {
    if depth > DEPTH_LIMIT {
        return Err(format!("{}: folders without end: is it a loop of links?", folder.display()));
    }
    let failed = |error: std::io::Error| format!("{} cannot be read: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let shown = path.display();
        let (Some(name), Some(full)) = (path.file_name().and_then(|it| it.to_str()), path.to_str())
        else {
            return Err(format!("{shown} has a name that is not UTF-8: rename it"));
        };
        if name.starts_with('.') {
            continue;
        }
        let name = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
        let kind =
            fs::metadata(&path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
        if kind.is_dir() {
            gather(&path, &name, depth + 1, found)?;
        } else if kind.is_file() {
            found.push((name, full.to_owned()));
        } else {
            return Err(format!("{shown} is neither a file nor a folder: take it away"));
        }
    }
    Ok(())
}

/// `compile_error!` with this message, at the macro's argument.
fn refusal(message: &str, span: Span) -> TokenStream {
    let text = format!("::core::compile_error!({message:?})");
    let tokens: TokenStream = text.parse().unwrap_or_default();
    let spanned = tokens.into_iter().map(|mut token| {
        token.set_span(span);
        token
    });
    spanned.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_files_are_found_in_folders_too_and_hidden_ones_are_not() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        };
        ["2_b/up.sql", "2_b/.swp", "1_a.sql", ".git/config"].into_iter().for_each(write);
        let mut found = Vec::new();
        gather(root.path(), "", 0, &mut found).unwrap();
        found.sort();
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["1_a.sql", "2_b/up.sql"]);
        assert!(found.iter().all(|(name, path)| fs::read_to_string(path).unwrap() == *name));
    }

    #[cfg(unix)]
    #[test]
    fn a_loop_of_links_ends() {
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(root.path(), root.path().join("again")).unwrap();
        let message = gather(root.path(), "", 0, &mut Vec::new()).unwrap_err();
        assert!(message.contains("loop of links"), "{message}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let message = gather(Path::new("no/such/folder"), "", 0, &mut Vec::new()).unwrap_err();
        assert!(message.starts_with("no/such/folder cannot be read: "), "{message}");
    }
}
