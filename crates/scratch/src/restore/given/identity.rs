//! Which database a session is in, whatever names and addresses say.

use tokio_postgres::Client;

/// A database, as the server itself tells it from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseIdentity {
    /// What `initdb` drew; a physical copy of a cluster has the same. `None` where this role may
    /// not ask.
    pub system_identifier: Option<i64>,
    /// The database's oid in its cluster.
    pub database: u32,
}

/// Whether two databases are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sameness {
    /// They are, or one is in a physical copy of the other's cluster.
    Same,
    /// They are not.
    Different,
    /// A server did not say.
    Unknown,
}

impl DatabaseIdentity {
    /// The database that the session is in.
    ///
    /// # Errors
    ///
    /// When the session breaks. A server that keeps its identifier to itself is no error.
    pub async fn of(client: &Client) -> Result<Self, tokio_postgres::Error> {
        let oid = "SELECT oid FROM pg_catalog.pg_database
                   WHERE datname = pg_catalog.current_database()";
        let database = client.query_one(oid, &[]).await?.try_get(0)?;
        let system = "SELECT system_identifier FROM pg_catalog.pg_control_system()";
        let system_identifier = match client.query_one(system, &[]).await {
            Ok(row) => row.try_get(0)?,
            Err(error) if error.as_db_error().is_some() => None,
            Err(error) => return Err(error),
        };
        Ok(Self { system_identifier, database })
    }

    /// Whether this is the database `other`.
    #[must_use]
    pub fn sameness(self, other: Self) -> Sameness {
        if self.database != other.database {
            return Sameness::Different;
        }
        match (self.system_identifier, other.system_identifier) {
            (Some(one), Some(two)) if one == two => Sameness::Same,
            (Some(_), Some(_)) => Sameness::Different,
            _ => Sameness::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_does_not_say_is_not_taken_for_a_difference() {
        let of = |system_identifier, database| DatabaseIdentity { system_identifier, database };
        assert_eq!(of(Some(1), 5).sameness(of(Some(1), 5)), Sameness::Same);
        assert_eq!(of(Some(1), 5).sameness(of(Some(2), 5)), Sameness::Different);
        assert_eq!(of(Some(1), 5).sameness(of(Some(1), 6)), Sameness::Different);
        assert_eq!(of(None, 5).sameness(of(Some(1), 5)), Sameness::Unknown);
        assert_eq!(of(None, 5).sameness(of(None, 6)), Sameness::Different);
    }
}
