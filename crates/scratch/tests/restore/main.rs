//! Backups restored into real servers: equal to what was dumped, or red with the place.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broken;
mod encodings;
mod fixture;
mod given;
mod hostile;
mod mutants;
mod parallel;
mod whole;
mod zoo;
