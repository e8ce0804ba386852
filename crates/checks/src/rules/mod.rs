//! The checks, one file each: what was read → what was found.

pub(crate) mod autovacuum_wraparound;
pub(crate) mod blocking_lock;
pub(crate) mod broken_view;
pub(crate) mod census;
pub(crate) mod connections;
pub(crate) mod damage;
pub(crate) mod dirty;
pub(crate) mod disk;
pub(crate) mod drift;
pub(crate) mod dump_running;
pub(crate) mod fk_not_validated;
pub(crate) mod fk_orphans;
pub(crate) mod invalid_constraint;
pub(crate) mod invalid_index;
pub(crate) mod ledger;
pub(crate) mod long_transaction;
pub(crate) mod pending;
pub(crate) mod prepared_transaction;
pub(crate) mod privileges;
pub(crate) mod receipt;
pub(crate) mod replication;
pub(crate) mod schema_checksum;
pub(crate) mod version;
