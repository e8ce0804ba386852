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
    /// The names of all roles but the server's own.
    pub roles: Vec<String>,
}

impl PostgresSession {
    /// Looks around. Writes nothing.
    ///
    /// # Errors
    /// When the server refuses or is lost.
    pub async fn surroundings(&mut self) -> Result<Surroundings, BackendError> {
        let sql = "SELECT pg_catalog.current_setting('server_version_num')::int / 10000, \
                     session_user, pg_catalog.current_setting('search_path');\
                   SELECT rolname FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_' ORDER BY 1";
        let sets = self.rows(sql).await?;
        let one = sets.first().and_then(|rows| rows.first());
        let column = |at| one.and_then(|row| text(row, at));
        let roles = sets.get(1).into_iter().flatten().filter_map(|row| text(row, 0)).collect();
        Ok(Surroundings {
            major: column(0).and_then(|it| it.parse().ok()),
            role: column(1).unwrap_or_default(),
            search_path: column(2).unwrap_or_default(),
            roles,
        })
    }
}
