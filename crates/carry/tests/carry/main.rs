//! A carry from end to end, between databases of private servers.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod callbacks;
mod failures;
mod fixture;
mod names;
mod order;
mod outcomes;
mod pooling;
mod refusals;
mod relay;
mod surroundings;
