//! PostgreSQL passes the suite that every backend passes.

mod support;

use support::PostgresFixture;

stopover_contract::suite!(PostgresFixture);
