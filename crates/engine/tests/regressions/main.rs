//! What went wrong once, on a real server: each test is named after its bug.

mod harm;
mod interruptions;
mod ledgers;
mod locks;
mod notices;
mod pooling;
mod sessions;
mod stage;
