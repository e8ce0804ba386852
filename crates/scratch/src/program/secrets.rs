//! What must not be shown: passwords and keys that stand in a command, a URL or our environment.

/// What the name of a variable or an option says when its value is secret.
const TELLING: [&str; 8] =
    ["secret", "token", "passw", "pwd", "key", "credential", "auth", "signature"];

/// Shorter values are words of any text.
const SHORTEST: usize = 4;

/// Values that are hidden wherever they stand.
#[derive(Clone)]
pub(crate) struct Secrets(Vec<String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    /// Those of a command, and the values of variables whose names say that they are secret.
    pub(crate) fn of_command(text: &str) -> Self {
        Self::with_environment(of_command(text))
    }

    /// Those of a URL, and of our environment.
    pub(crate) fn of_url(url: &str) -> Self {
        Self::with_environment(of_url(url))
    }

    /// Those of our environment.
    pub(crate) fn of_environment() -> Self {
        Self::with_environment(Vec::new())
    }

    /// These.
    pub(crate) fn hiding(found: Vec<String>) -> Self {
        let mut secrets = Self(Vec::new());
        secrets.add(found);
        secrets
    }

    fn with_environment(mut found: Vec<String>) -> Self {
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            is_telling(name.to_str()?).then(|| value.to_str().map(str::to_owned)).flatten()
        });
        // A variable may hold a file's name, or a word that helps whoever reads it.
        let is_value = |it: &String| it.len() >= 2 * SHORTEST && !it.starts_with('/');
        found.extend(environment.filter(is_value));
        Self::hiding(found)
    }

    /// These as well.
    pub(crate) fn add(&mut self, more: Vec<String>) {
        self.0.extend(more);
        self.0.retain(|it| it.len() >= SHORTEST);
        self.0.sort_unstable_by_key(|it| std::cmp::Reverse(it.len()));
        self.0.dedup();
    }

    /// `text` without them.
    pub(crate) fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}

fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TELLING.iter().any(|it| name.contains(it))
}

/// The password of a URL, and all of its query: a signature stands there.
fn of_url(url: &str) -> Vec<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    let password = user.and_then(|it| it.split_once(':')).map(|(_, password)| password);
    let query = rest.split_once('?').map(|(_, query)| query);
    let values = query.into_iter().flat_map(|it| it.split('&')).filter_map(|it| it.split_once('='));
    let values = values.filter(|(_, value)| value.len() > 11).map(|(_, value)| value);
    password.into_iter().chain(query).chain(values).map(str::to_owned).collect()
}

/// `TOKEN=value`, `--token=value`, `--token value`, `-u user:value`, `Bearer value`, and URLs.
fn of_command(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut before = "";
    for word in text.split(|it: char| it.is_whitespace() || matches!(it, '"' | '\'' | ';' | '|')) {
        let word = word.trim_matches(',');
        if word.is_empty() {
            continue;
        }
        if word.contains("://") {
            found.extend(of_url(word));
        } else if let Some((_, value)) = word.split_once('=').filter(|(name, _)| is_telling(name)) {
            found.push(value.to_owned());
        } else if before.starts_with('-') && is_telling(before) && !before.contains('=')
            || matches!(before, "Bearer" | "Basic")
        {
            found.push(word.to_owned());
        } else if matches!(before, "-u" | "--user") {
            found.extend(word.split_once(':').map(|(_, password)| password.to_owned()));
        }
        before = word;
    }
    // `$TOKEN` names a value, and shows none.
    found.retain(|it| !it.starts_with('$'));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_commands_and_urls_are_hidden_wherever_they_stand() {
        for (command, said) in [
            ("TOKEN=tops3cret get x", "+ TOKEN=tops3cret"),
            ("get --api-key tops3cret", "get: tops3cret is not valid"),
            ("get --api-key=tops3cret", "get: tops3cret"),
            ("curl -u me:tops3cret https://h/x", "me:tops3cret refused"),
            ("curl -H 'Authorization: Bearer tops3cret' x", "Bearer tops3cret"),
            ("curl 'https://me:tops3cret@h/x'", "host tops3cret@h not found"),
            ("curl 'https://h/x?sig=tops3cretandlong'", "GET sig=tops3cretandlong"),
        ] {
            let hidden = Secrets::hiding(of_command(command)).hide(said);
            assert!(!hidden.contains("tops3cret"), "{command}: {hidden}");
            assert!(hidden.contains("***"), "{hidden}");
        }
        assert_eq!(Secrets::hiding(of_command("get --key \"$KEY\"")).hide("$KEY"), "$KEY");
    }
}
