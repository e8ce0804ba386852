//! Crash trials: the tool, the server and the connection between them are killed at random moments,
//! on PostgreSQL and on an SQLite file, and after each the next run must leave every effect of every
//! migration exactly once.
//!
//! A [`Campaign`] holds many trials of one [`Kind`]; each is made from a seed and its number, and
//! can be repeated by them, as far as chance in the machine allows. [`runners_at_once`] starts many
//! runners at the same time instead of killing one.
//!
//! This is no part of the tool: it runs the program, and knows nothing of its inside.

mod after;
mod campaign;
mod complaint;
mod dice;
mod file;
mod frames;
mod ground;
mod moment;
mod proxy;
mod runners;
mod settle;
mod silence;
mod source;
mod summary;
mod tool;
mod trial;

pub use campaign::Campaign;
pub use complaint::Complaint;
pub use moment::Kind;
pub use runners::runners_at_once;
pub use silence::interrupted_in_silence;
pub use summary::Summary;
