//! The trace, on a real server: locks and rewrites are those that PostgreSQL's documentation gives,
//! and the times are those that passed.

mod catalogue;
mod counted;
mod outside;
mod stage;
mod times;
mod traffic;
mod unhappy;
mod units;
