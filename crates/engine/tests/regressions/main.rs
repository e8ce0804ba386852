//! What went wrong once, on a real server: each test is named after its bug.

mod ledgers;
mod locks;
mod stage;
