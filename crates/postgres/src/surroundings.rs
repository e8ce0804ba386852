//! What a scratch needs to be like the target: the server's version, who connects, where names
//! are looked for, which roles there are.

use stopover_backend::BackendError;

use crate::session::{PostgresSession, text};

/// What of a server and a database migrations may depend on without making it themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The server's major version, e.g. 15.
    pub major: Option<u32>,
    /// The role that connects.
    pub role: String,
    /// `search_path` as the session has it.
    pub search_path: String,
    /// Other settings that change what a script does, by name.
    pub settings: Vec<(String, String)>,
    /// The names of all roles but the server's own.
    pub roles: Vec<String>,
}

/// What roles, databases and URLs set, and what then means something else: names, times, `= NULL`.
const SETTINGS: &str = "SELECT name, pg_catalog.current_setting(name) FROM pg_catalog.unnest(ARRAY[\
    'TimeZone', 'DateStyle', 'IntervalStyle', 'transform_null_equals', 'xmloption', \
    'standard_conforming_strings', 'default_text_search_config']) name";

impl Surroundings {
    /// Start-up options with which a session of another role looks names up where this one does,
    /// and reads values as it does.
    #[must_use]
    pub fn options(&self) -> String {
        let own = crate::literal::identifier(&self.role);
        let path = self.search_path.replace("\"$user\"", &own).replace("$user", &own);
        let path = [("search_path".to_owned(), path)];
        let options = path.iter().chain(&self.settings);
        options.map(|(name, value)| option(name, value)).collect::<Vec<_>>().join(" ")
    }
}

/// A start-up option, where blanks and backslashes are escaped.
fn option(name: &str, value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace(' ', "\\ ");
    format!("-c {name}={escaped}")
}

impl PostgresSession {
    /// Looks around. Writes nothing.
    ///
    /// # Errors
    /// When the server refuses or is lost.
    pub async fn surroundings(&mut self) -> Result<Surroundings, BackendError> {
        let sql = format!(
            "SELECT pg_catalog.current_setting('server_version_num')::int / 10000, \
                     session_user, pg_catalog.current_setting('search_path');\
                   SELECT rolname FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_' ORDER BY 1;\
                   {SETTINGS}"
        );
        let sets = self.rows_at_leisure(&sql).await?;
        let one = sets.first().and_then(|rows| rows.first());
        let column = |at| one.and_then(|row| text(row, at));
        let roles = sets.get(1).into_iter().flatten().filter_map(|row| text(row, 0)).collect();
        let settings = sets.get(2).into_iter().flatten();
        let settings = settings.filter_map(|row| Some((text(row, 0)?, text(row, 1)?))).collect();
        Ok(Surroundings {
            settings,
            major: column(0).and_then(|it| it.parse().ok()),
            role: column(1).unwrap_or_default(),
            search_path: column(2).unwrap_or_default(),
            roles,
        })
    }
}
