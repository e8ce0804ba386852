//! Tests' own servers and databases.
//!
//! A test that needs PostgreSQL takes a [`TestDatabase`]: a fresh database on a private server
//! that all tests of the process share. A test that kills or stops servers starts a
//! [`TestServer`] of its own. Both are gone when the test process ends, also when it is killed.
//!
//! Where PostgreSQL's binaries are missing, the tests fail and say how to install them. What only a
//! newer server can do is left out on an older one, and says so ([`needs`]). Everything here panics instead of returning errors, for its callers are tests.
//!
//! Under cargo-nextest each test is a process and would start a server of its own (about 0.2 s,
//! from a prepared data folder in the target folder). `with-test-server COMMAND` starts one for
//! all processes of the command: it sets `STOPOVER_TEST_SERVER`.

mod access;
mod bare;
mod database;
mod pooler;
mod redact;
mod relay;
mod server;

pub use access::{Access, Said};
pub use bare::BARE;
pub use database::TestDatabase;
pub use pooler::{PoolOrder, PoolingProxy};
pub use redact::Redactor;
pub use relay::CountingRelay;
pub use server::{
    SERVER_VARIABLE, TestServer, binaries, needs, server_bin, shared, template_cache,
};
