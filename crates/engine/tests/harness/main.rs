//! Preflight and postflight on real servers: each check finds its case where one is planted, says
//! so where it cannot run, and is silent on a database that is as it should be.

mod after;
mod before;
mod blind;
mod hidden;
mod others;
mod read_only;
mod schema_reads;
mod stage;
