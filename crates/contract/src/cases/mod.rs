//! The cases, by topic.

pub mod adoption;
pub mod census;
pub mod down;
pub mod drift;
pub mod failure;
pub mod heals;
pub mod ledgers;
pub mod meanwhile;
pub mod order;
pub mod reading;
pub mod scripts;
pub mod singly;
pub mod waiting;
