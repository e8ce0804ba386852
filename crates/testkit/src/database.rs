//! A database of one test's own.

use std::ops::Deref;

use tokio_postgres::error::SqlState;

use crate::server::{apart, shared};
use crate::{Access, TestServer};

/// A fresh, empty database; dropped at the test's end. What can be done with it is [`Access`].
#[derive(Debug)]
pub struct TestDatabase {
    access: Access,
    maintenance: Access,
}

impl TestDatabase {
    /// Creates a database on the server that the tests share.
    pub async fn create() -> Self {
        Self::create_with(shared(), "").await
    }

    /// Creates a database on a server of the test's own.
    pub async fn create_on(server: &TestServer) -> Self {
        Self::create_with(&server.access(), "").await
    }

    /// Creates a database as a copy of another one, which must have no connections.
    pub async fn create_from(template: &TestDatabase) -> Self {
        let options = format!("TEMPLATE \"{}\"", template.database());
        Self::create_with(&template.maintenance, &options).await
    }

    async fn create_with(maintenance: &Access, options: &str) -> Self {
        let name = format!("test_{:016x}", rand::random::<u64>());
        let client = maintenance.client().await;
        let sql = format!("CREATE DATABASE {name} {options}");
        if let Err(error) = client.batch_execute(&sql).await {
            panic!("cannot create a test's database: {error:?}");
        }
        Self { access: maintenance.to(&name), maintenance: maintenance.clone() }
    }

    /// How to get to the server's database `postgres` as the superuser.
    pub fn maintenance(&self) -> &Access {
        &self.maintenance
    }
}

impl Deref for TestDatabase {
    type Target = Access;

    fn deref(&self) -> &Access {
        &self.access
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Self { access, maintenance } = self;
        apart(async {
            // A server of the test's own may have been killed, and the database with it.
            let Ok((client, connection)) =
                maintenance.config().connect(tokio_postgres::NoTls).await
            else {
                return;
            };
            tokio::spawn(connection);
            let name = access.database();
            let result = client.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
            if let Err(error) = result {
                let absent = error.code() == Some(&SqlState::INVALID_CATALOG_NAME);
                assert!(
                    absent || client.is_closed() || std::thread::panicking(),
                    "cannot drop a test's database: {error:?}"
                );
            }
        });
    }
}
